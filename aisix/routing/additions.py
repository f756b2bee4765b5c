"""What a provider key adds to its requests: headers by template, headers of callers, fields.

    added = additions(key, model, True)       None: nothing, as with most keys
    added.lines(lines, headers, asker)        what the tables send comes first, then the operator's
    added.changed(body)                       renamed, bounded, filled up

A header whose value cannot be made whole (a part that is empty or that nobody knows, a line break)
is left out: none is better than one that says something else.

Must never know: which headers and fields an upstream has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from aisix.mapping.body_changes import BodyChanges
from aisix.store.kinds.requests import may_add, may_forward
from aisix.store.resources import ApiKey, Model, ProviderKey

PART = re.compile(r"\$\{([^{}]*)\}")
LOOSE_END = "${"
OVERRIDDEN = "user-agent"  # the gateway's own gives way
BROKEN = re.compile(r"[\r\n\0]")


class Asker(NamedTuple):
    """Whose request it is. Not the handler itself: a request that is part of a circle waits for
    the collector, and that is a tenth of what it costs."""

    request_id: str
    api_key: ApiKey


@dataclass(frozen=True, slots=True)
class Additions:
    """Of one target."""

    headers: tuple[tuple[str, tuple[str, ...]], ...]  # texts and names of parts, in turn
    forward: re.Pattern[str] | None
    body: BodyChanges | None

    def lines(
        self, lines: tuple[str, ...], headers: Mapping[str, str], asker: Asker | None
    ) -> tuple[str, ...]:
        """`lines`: what the gateway says itself, which nobody overrides; `headers`: a caller's."""
        own = {line.partition(":")[0].lower() for line in lines} - {OVERRIDDEN}
        said: dict[str, str] = {}
        for name, parts in self.headers:
            value = _filled(parts, asker)
            if name not in own and value is not None:
                said[name] = f"{name}: {value}"
        if self.forward is not None:
            taken = own | {name for name, _ in self.headers}
            said |= self._forwarded(headers, taken)
        if OVERRIDDEN in said:
            lines = tuple(one for one in lines if not one.lower().startswith(f"{OVERRIDDEN}:"))
        return (*lines, *said.values())

    def _forwarded(self, headers: Any, taken: set[str]) -> dict[str, str]:
        found = {}
        for given in headers:
            name = given.lower()
            if name in taken or not may_forward(name) or not self.forward.fullmatch(name):  # type: ignore[union-attr]
                continue
            value = headers.get_list(given)[0]
            if value and not BROKEN.search(value):
                found[name] = f"{name}: {value}"
        return found

    def changed(self, body: bytes) -> bytes:
        return body if self.body is None else self.body.of(body)


def additions(key: ProviderKey, model: Model, own_adapter: bool) -> Additions | None:
    """None: nothing is added. `own_adapter`: it is called in the key's own dialect, which its
    fields are of."""
    known = {
        "model.id": model.id,
        "model.name": model.display_name,
        "provider_key.id": key.id,
        "provider_key.name": key.display_name,
    }
    made = [(name, _parts(text, known)) for name, text in key.default_headers if may_add(name)]
    headers = tuple((name, parts) for name, parts in made if parts is not None)
    body = None
    if own_adapter and (key.default_body_fields or key.param_renames or key.param_constraints):
        body = BodyChanges(key.param_renames, key.param_constraints, key.default_body_fields)
    if not headers and not key.forward_client_headers and body is None:
        return None
    globs = [re.escape(one).replace(r"\*", ".*") for one in key.forward_client_headers]
    return Additions(headers, re.compile("|".join(globs)) if globs else None, body)


_ASKED = {
    "request.id": lambda asker: asker.request_id,
    "request.api_key.id": lambda asker: asker.api_key.id,
    "request.api_key.name": lambda asker: asker.api_key.display_name,
    "request.api_key.team_id": lambda asker: asker.api_key.team_id,
    "request.api_key.user_id": lambda asker: asker.api_key.user_id,
}


def _parts(text: str, known: Mapping[str, str]) -> tuple[str, ...] | None:
    """Texts and names of what a request brings, in turn; None: it cannot be made."""
    cut = PART.split(text)
    if any(LOOSE_END in one for one in cut[::2]):
        return None
    found = [cut[0]]
    for name, after in zip(cut[1::2], cut[2::2], strict=True):
        name = name.strip()
        if name in _ASKED:
            found += [name, after]
        elif known.get(name):
            found[-1] += known[name] + after
        else:
            return None
    return tuple(found)


def _filled(parts: Sequence[str], asker: Asker | None) -> str | None:
    whole = parts[0]
    for name, after in zip(parts[1::2], parts[2::2], strict=True):
        value = _ASKED[name](asker) if asker is not None else None
        if not value:
            return None
        whole += value + after
    whole = whole.strip()
    return whole if whole and not BROKEN.search(whole) else None
