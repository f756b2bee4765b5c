"""The original AISIX's resources file (`_format_version: "1"`) -> documents of ours.

    moved = moved_resources(data, environ)    data: the file's content, by the rules of YAML 1.2
    moved.items    [("models", "2c3...", {...}, "models[0]"), ...]   kind there, id, document, place
    moved.said     what became of each field, and of the kinds that are not served
    moved.wrong    every complaint, with its place in the file

Ids are made of kind and name as there, so that labels and counters by id survive the move. A field
that neither has is a fault here, and so is a reference to nothing.

Must never know: a file, the process's environment, our kinds. Never quotes a value.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aisix.errors import Complaint
from aisix.movein.declared import NOT_SERVED, KindRows, TheirSaid, kinds, kinds_in_files
from aisix.movein.documents import INAPPLICABLE, MovedDocument, adapter_of, moved_document

VERSION_FIELD, VERSION = "_format_version", "1"
NAMESPACE = uuid.UUID("63e50ab2-677a-54d3-8d1e-c0cb29ceae94")
REFERENCE = re.compile(r"\$(\$|\{([^{}]*)\})")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MOST_NAMES, LONGEST_NAME = 20, 60  # of documents that are not served, told by name; characters
FILLED = ("request", "model", "provider_key")  # what stands before the dot of a part of a call


@dataclass(slots=True)
class MovedResources:
    """not_served: how many documents there are of each kind that is not; unguarded: of those, the
    kinds that restrict, and what is told of them."""

    items: list[tuple[str, str, dict[str, Any], str]] = field(default_factory=list, repr=False)
    said: list[TheirSaid] = field(default_factory=list)
    wrong: list[Complaint] = field(default_factory=list)
    not_served: dict[str, int] = field(default_factory=dict)
    unguarded: dict[str, str] = field(default_factory=dict)


def id_of(kind: str, name: str) -> str:
    """
    >>> id_of("models", "small") == id_of("models", "small") != id_of("api_keys", "small")
    True
    """
    return str(uuid.uuid5(NAMESPACE, f"{kind}/{name}"))


def moved_resources(data: Mapping[str, Any], environ: Mapping[str, str]) -> MovedResources:
    """The whole file; nothing of it serves while `wrong` holds anything."""
    moved = MovedResources()
    if data.get(VERSION_FIELD) != VERSION or type(data[VERSION_FIELD]) is not str:
        text = f'must be the text "{VERSION}"'
        moved.wrong.append(Complaint("", VERSION_FIELD, text))
        return moved
    known = kinds_in_files()
    sections: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for section, content in data.items():
        if section == VERSION_FIELD:
            continue
        if section not in known:
            text = f"unknown section (known: {', '.join(known)})"
            moved.wrong.append(Complaint("", section[:60], text))
        elif content is not None and not isinstance(content, list):
            moved.wrong.append(Complaint("", section, "must be a list"))
        else:
            sections[section] = _entries(moved, section, content or [], environ)
    names = {kind: _names(moved, known[kind], entries) for kind, entries in sections.items()}
    adapters = {
        id_of("provider_keys", str(entry.get("display_name"))): adapter_of(entry)
        for _, entry in sections.get("provider_keys", ())
    }
    for kind, entries in sections.items():
        if not known[kind].served:
            _not_served(moved, known[kind], entries)
            continue
        for path, entry in entries:
            _item(moved, kind, path, entry, names, adapters, environ)
    return moved


def _only_where_meant(
    found: MovedDocument, entry: Mapping[str, Any], path: str, adapters: Mapping[str, str | None]
) -> None:
    """An option that is one adapter's is taken off where the provider key has another."""
    marks = kinds()["models"].words["breakpoints"]
    options = found.document.get("options")
    adapter = adapters.get(str(entry.get("provider_key_id")))
    if isinstance(options, dict) and marks["option"] in options and adapter != marks["adapter"]:
        del options[marks["option"]]
        why = "is for another adapter; there it is passed over too"
        found.said.append(TheirSaid(path, "auto_prompt_caching", NOT_SERVED, "", why))


def _entries(
    moved: MovedResources, section: str, content: list[Any], environ: Mapping[str, str]
) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for place, entry in enumerate(content):
        path = f"{section}[{place}]"
        if not isinstance(entry, dict):
            moved.wrong.append(Complaint("", path, "must be an object"))
            continue
        found.append((path, _filled(moved, entry, path, environ)))
    return found


def _filled(moved: MovedResources, value: Any, path: str, environ: Mapping[str, str]) -> Any:
    """The value with every `${NAME}` of the environment; `$$` is one `$`, `$NAME` stays."""
    if isinstance(value, dict):
        return {k: _filled(moved, v, f"{path}.{k}", environ) for k, v in value.items()}
    if isinstance(value, list):
        return [_filled(moved, v, f"{path}[{n}]", environ) for n, v in enumerate(value)]
    if not isinstance(value, str):
        return value

    def replaced(found: re.Match[str]) -> str:
        name = found[2]
        if name is None:
            return "$"
        if name.partition(".")[0] in FILLED and "." in name:
            return found[0]  # a part that is filled in for each call
        if not VARIABLE.fullmatch(name) or not environ.get(name):
            known = VARIABLE.fullmatch(name) is not None
            text = (
                f"the environment variable {name} is not set, or empty"
                if known
                else "expected ${NAME}; for a plain $ write $$"
            )
            moved.wrong.append(Complaint("", path, text))
            return ""
        return environ[name]

    return REFERENCE.sub(replaced, value)


def _names(
    moved: MovedResources, rows: KindRows, entries: list[tuple[str, dict[str, Any]]]
) -> dict[str, str]:
    """{name: its path}; one that is missing or there twice is a fault."""
    found: dict[str, str] = {}
    if not rows.named:
        return found
    for path, entry in entries:
        name = rows.name_in(entry)
        where = f"{path}.{rows.named}"
        if not isinstance(name, str) or not name:
            moved.wrong.append(Complaint("", where, "required: a name"))
        elif name in found:
            moved.wrong.append(Complaint("", where, f"is that of {found[name]} too"))
        else:
            found[name] = path
    return found


def _not_served(
    moved: MovedResources, rows: KindRows, entries: list[tuple[str, dict[str, Any]]]
) -> None:
    for path, entry in entries:
        _no_id(moved, path, entry)
        for name, allowed in rows.values.items():
            if entry.get(name) not in allowed:
                text = f"must be one of {', '.join(allowed)}"
                moved.wrong.append(Complaint("", f"{path}.{name}", text))
    if not entries:
        return
    moved.not_served[rows.name] = len(entries)
    names = [str(rows.name_in(entry)) for _, entry in entries if rows.named]
    why = not_served_words(rows, len(entries), names)
    moved.said.append(TheirSaid(rows.name, rows.name, NOT_SERVED, "", why))
    if rows.restricts:
        moved.unguarded[rows.name] = why


def not_served_words(rows: KindRows, count: int, names: list[str]) -> str:
    """What is said of documents of a kind that is not served."""
    shown = ", ".join(name[:LONGEST_NAME] for name in names[:MOST_NAMES])
    shown += ", ..." if len(names) > MOST_NAMES else ""
    what = "and NOT enforced" if rows.restricts else "and not served"
    verb = "is" if count == 1 else "are"
    about = f": {shown}" if names else ""
    return f"{count} {rows.name} {verb} stored {what}{about}"


def _item(
    moved: MovedResources,
    kind: str,
    path: str,
    entry: dict[str, Any],
    names: Mapping[str, Mapping[str, str]],
    adapters: Mapping[str, str | None],
    environ: Mapping[str, str],
) -> None:
    entry = dict(entry)
    _no_id(moved, path, entry)
    entry.pop("id", None)
    if kind == "models":
        _provider_key_of(moved, path, entry, names.get("provider_keys", {}))
        _targets_of(moved, path, entry, names.get("models", {}))
    elif kind == "api_keys":
        _key_of(moved, path, entry, environ)
        _allowed(moved, path, entry, names.get("models", {}))
    found = moved_document(kind, entry, path)
    if kind == "models":
        _only_where_meant(found, entry, path, adapters)
    moved.said += found.said
    moved.wrong += [Complaint("", _below(path, one.path), one.text) for one in found.wrong]
    for unknown in found.unknown:
        name = unknown.removeprefix(INAPPLICABLE)
        text = "unknown field" if name == unknown else "does nothing in a group: leave it out"
        moved.wrong.append(Complaint("", f"{path}.{name}", text))
    named = entry.get("display_name")
    if isinstance(named, str) and named:
        moved.items.append((kind, id_of(kind, named), found.document, path))


def _no_id(moved: MovedResources, path: str, entry: Mapping[str, Any]) -> None:
    if "id" in entry:
        text = "is made of kind and name: leave it out"
        moved.wrong.append(Complaint("", f"{path}.id", text))


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if name else path


def _provider_key_of(
    moved: MovedResources, path: str, entry: dict[str, Any], keys: Mapping[str, str]
) -> None:
    """`provider_key` is a name; `provider_key_id` one of the ids that follow from names."""
    if "provider_key" in entry:
        name = entry.pop("provider_key")
        if entry.get("provider_key_id") is not None:
            text = "not beside provider_key_id: give one of them"
            moved.wrong.append(Complaint("", f"{path}.provider_key", text))
        elif not isinstance(name, str) or name not in keys:
            text = "no provider key of this file has this display_name"
            moved.wrong.append(Complaint("", f"{path}.provider_key", text))
        else:
            entry["provider_key_id"] = id_of("provider_keys", name)
            return
    given = entry.get("provider_key_id")
    if given is not None and str(given) not in {id_of("provider_keys", name) for name in keys}:
        text = (
            "is no id that follows from a provider key of this file: give `provider_key`, its name"
        )
        moved.wrong.append(Complaint("", f"{path}.provider_key_id", text))


def _key_of(
    moved: MovedResources, path: str, entry: dict[str, Any], environ: Mapping[str, str]
) -> None:
    """`key_env` names the variable with the key's text, which is hashed at once."""
    if "key_env" not in entry:
        return
    name, at = entry.pop("key_env"), f"{path}.key_env"
    if entry.get("key_hash") is not None:
        moved.wrong.append(Complaint("", at, "not beside key_hash: give one of them"))
        return
    if not isinstance(name, str) or not VARIABLE.fullmatch(name):
        moved.wrong.append(Complaint("", at, "must be the name of an environment variable"))
        return
    text = environ.get(name, "")
    if not text or "${" in text:
        why = f"the environment variable {name} is not set, is empty or holds a reference"
        moved.wrong.append(Complaint("", at, why))
        text = name  # so that the hash is not complained of as well
    entry["key_hash"] = hashlib.sha256(text.encode()).hexdigest()


def _targets_of(
    moved: MovedResources, path: str, entry: dict[str, Any], models: Mapping[str, str]
) -> None:
    routing = entry.get("routing")
    listed = routing.get("targets") if isinstance(routing, dict) else None
    for place, target in enumerate(listed if isinstance(listed, list) else ()):
        name = target.get("model") if isinstance(target, dict) else None
        _is_there(moved, f"{path}.routing.targets[{place}].model", name, models)


def _allowed(
    moved: MovedResources, path: str, entry: dict[str, Any], models: Mapping[str, str]
) -> None:
    listed = entry.get("allowed_models")
    for place, name in enumerate(listed if isinstance(listed, list) else ()):
        _is_there(moved, f"{path}.allowed_models[{place}]", name, models)


def _is_there(moved: MovedResources, where: str, name: Any, models: Mapping[str, str]) -> None:
    """A name of an alias without `*` names one of the file."""
    if isinstance(name, str) and "*" not in name and name not in models:
        moved.wrong.append(Complaint("", where, "no model of this file has this name"))
