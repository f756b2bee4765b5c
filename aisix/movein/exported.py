"""Documents of the original AISIX's etcd -> its resources file: `aisix export --etcd`.

    found = exported([("models", "2c3...", {...}), ...], reveal=False)
    found.data       {"_format_version": "1", "provider_keys": [...], ...}
    found.secrets    one HiddenSecret for each text that a variable stands for
    found.blocking   why the file cannot be loaded as it is: a name twice, a reference to nothing
    found.notes      what else is to be known

Names stand where ids did, and no secret stands in it: whatever a field's name makes one is replaced
by a reference to a variable that never begins as the variables of settings do.

Must never know: etcd, a file. Its complaints quote names, never another value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from aisix.movein.declared import kinds, kinds_in_files
from aisix.movein.resources import VERSION, VERSION_FIELD

OURS = "_meta"  # a field of documents that our gateway wrote
SEALED = "sealed:"  # before a secret that only a node can read
VARIABLES = "AISIXSECRET"
NAME_OF_HASH = 16  # characters of a key's hash that name it
# A text below such a name is one, and so is the password of an address.
SECRET = re.compile(
    r"(passw(or)?d|passphrase|credential|authorization|bearer)s?$|(^|_)tokens?$"
    r"|(^|_)(api|access|private|signing|shared|account)_?keys?$|secret",
    re.IGNORECASE,
)
NAMES_ONE = re.compile(r"_(id|ids|ref|env|type|name|file|path)$")  # what tells where it is
FREE = re.compile(r"(^|_)(headers|body_fields)$")  # every text below may be one
REFERENCES = {"provider_key_id": "provider_key"}


@dataclass(frozen=True, slots=True)
class HiddenSecret:
    """variable: what the file names instead; field: its path in the document."""

    variable: str
    kind: str
    name: str
    field: str


@dataclass(slots=True)
class ExportedResources:
    """See above."""

    data: dict[str, Any] = field(default_factory=lambda: {VERSION_FIELD: VERSION}, repr=False)
    secrets: list[HiddenSecret] = field(default_factory=list)
    blocking: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def exported(
    documents: Iterable[tuple[str, str, Mapping[str, Any]]], reveal: bool = False
) -> ExportedResources:
    """`documents`: (kind as there, id, document), each kind's in the order of the file."""
    found = ExportedResources()
    entries: dict[str, dict[str, dict[str, Any]]] = {}
    for kind, id, document in documents:
        entries.setdefault(kind, {})[id] = {k: v for k, v in document.items() if k != OURS}
    names = {
        kind: {id: _name(kind, one, id) for id, one in of.items()} for kind, of in entries.items()
    }
    in_file = kinds_in_files()
    for kind in [one for one in in_file if one in entries]:
        taken: dict[str, str] = {}
        for id, entry in entries[kind].items():
            name = names[kind][id]
            if taken.setdefault(name, id) != id:
                found.blocking.append(f"{kind}: {name!r} is the name of {taken[name]} and of {id}")
            _named(kind, entry, name)
            _refer(found, kind, name, entry, names)
            shown = _Hiding(found, kind, name, reveal).value(entry, "", False)
            found.data.setdefault(kind, []).append(shown)
    for kind in sorted(entries.keys() - in_file.keys()):
        found.notes.append(f"{kind}: {len(entries[kind])} of a kind that no file has: left out")
    _same_variable(found)
    return found


def _name(kind: str, entry: Mapping[str, Any], id: str) -> str:
    rows = kinds().get(kind)
    given = entry.get((rows.named if rows else "") or "name") or entry.get("name")
    if isinstance(given, str) and given:
        return given
    digest = entry.get("key_hash")
    return f"apikey-{digest[:NAME_OF_HASH]}" if isinstance(digest, str) and digest else id


def _named(kind: str, entry: dict[str, Any], name: str) -> None:
    field = kinds()[kind].named
    if field and not entry.get(field) and not entry.get("name"):
        rest = dict(entry)
        entry.clear()
        entry.update({field: name, **rest})


def _refer(
    found: ExportedResources,
    kind: str,
    name: str,
    entry: dict[str, Any],
    names: Mapping[str, Mapping[str, str]],
) -> None:
    """Names for ids; a reference to nothing stays, and is told."""
    for given, named in REFERENCES.items():
        id = entry.get(given)
        if not isinstance(id, str):
            continue
        there = names.get("provider_keys", {}).get(id)
        if there is None:
            found.blocking.append(f"{kind}: {name!r}: {given} names nothing that is there")
            continue
        at = list(entry)
        fresh = {named if key == given else key: entry[key] for key in at}
        fresh[named] = there
        entry.clear()
        entry.update(fresh)
    known = set(names.get("models", {}).values())
    for wanted in _wanted(entry):
        if "*" not in wanted and wanted not in known:
            found.blocking.append(f"{kind}: {name!r}: {wanted!r} is no model that is there")


def _wanted(entry: Mapping[str, Any]) -> list[str]:
    routing, allowed = entry.get("routing"), entry.get("allowed_models")
    targets = routing.get("targets") if isinstance(routing, Mapping) else None
    found = [one.get("model") for one in targets or () if isinstance(one, Mapping)]
    found += allowed if isinstance(allowed, list) else []
    return [one for one in found if isinstance(one, str)]


@dataclass(slots=True)
class _Hiding:
    """One document's texts as a file has them: a variable for each secret, `$` written twice."""

    found: ExportedResources
    kind: str
    name: str
    reveal: bool

    def value(self, value: Any, path: str, secret: bool) -> Any:
        if isinstance(value, Mapping):
            return {
                key: self.value(
                    one, f"{path}.{key}" if path else str(key), secret or _secret(str(key), one)
                )
                for key, one in value.items()
            }
        if isinstance(value, list):
            return [self.value(one, f"{path}[{at}]", secret) for at, one in enumerate(value)]
        return self._text(value, path, secret) if isinstance(value, str) else value

    def _text(self, text: str, path: str, secret: bool) -> str:
        sealed = text.startswith(SEALED)
        if sealed or (text and not self.reveal and (secret or _has_password(text))):
            variable = _variable(self.kind, self.name, path)
            self.found.secrets.append(HiddenSecret(variable, self.kind, self.name, path))
            return f"${{{variable}}}"
        return text.replace("$", "$$")


def _secret(key: str, value: Any) -> bool:
    if isinstance(value, Mapping):
        return FREE.search(key) is not None
    return SECRET.search(key) is not None and not NAMES_ONE.search(key)


def _has_password(text: str) -> bool:
    if "://" not in text:
        return False
    try:
        return bool(urlsplit(text).password or urlsplit(text).username)
    except ValueError:
        return "@" in text


def _variable(kind: str, name: str, path: str) -> str:
    """
    >>> _variable("provider_keys", "prod-1", "api_key")
    'AISIXSECRET_PROVIDER_KEY_PROD_1_API_KEY'
    """
    one = kind[:-3] + "y" if kind.endswith("ies") else kind.removesuffix("s")
    parts = (re.sub(r"[^A-Z0-9]", "_", part.upper()) for part in (one, name, path))
    return "_".join((VARIABLES, *parts))


def _same_variable(found: ExportedResources) -> None:
    """Two names may become one: then neither secret could be given."""
    owner: dict[str, tuple[str, str, str]] = {}
    for one in found.secrets:
        who = (one.kind, one.name, one.field)
        if owner.setdefault(one.variable, who) != who:
            found.blocking.append(
                f"{one.kind}: {one.name!r} and {owner[one.variable][1]!r} have the same variable "
                f"{one.variable}: rename one of them"
            )
