"""How a pure function of the mapping says no: a kind of fault and where, below its own argument."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """`at` is a path below the value the function was given, or below `of`, a thing of it that was
    moved; the engine puts the rest in front."""

    def __init__(self, kind: str, at: str = "", of: Any = None, **values: Any) -> None:
        super().__init__(kind)
        self.kind = kind
        self.at = at
        self.of = of
        self.values = values
