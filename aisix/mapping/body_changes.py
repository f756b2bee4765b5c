"""Changes at the top of a request's body that an operator has written for one upstream, whatever
its tables say.

    BodyChanges((("limit", "most"),), (("heat", 0, 1),), {"safe": True}).of(body)

Of what stands below the top nothing is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

Bounds = tuple[str, float | None, float | None]  # of a number: field, least, most


@dataclass(frozen=True, slots=True)
class BodyChanges:
    """In this order: (field, its name upstream), bounds, fields where there are none."""

    renames: tuple[tuple[str, str], ...] = ()
    bounds: tuple[Bounds, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def of(self, body: bytes) -> bytes:
        """The body as it goes out; what is no JSON object goes as it is."""
        try:
            fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return body
        for name, to in self.renames:
            if name != to and name in fields:
                fields[to] = fields.pop(name)  # over one of that name
        for name, least, most in self.bounds:
            if name in fields:
                fields[name] = _bounded(fields[name], least, most)
        for name, value in self.defaults.items():
            if name not in fields:
                fields[name] = msgspec.Raw(msgspec.json.encode(value))
        return msgspec.json.encode(fields)


def _bounded(raw: msgspec.Raw, least: float | None, most: float | None) -> msgspec.Raw:
    value = msgspec.json.decode(raw)
    if type(value) not in (int, float):
        return raw
    kept = value if most is None else min(value, most)
    kept = kept if least is None else max(kept, least)
    return raw if kept == value else msgspec.Raw(msgspec.json.encode(kept))
