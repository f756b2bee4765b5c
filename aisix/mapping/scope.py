"""What rules may ask for by `$name` while one request is translated, and what they have to report.

A *note* is one thing that happened to the caller's request on its way: dropped, clamped, rewritten,
inserted. Loud notes become `x-aisix-warnings` (and a 400 in strict mode); quiet ones show in
`explain`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from aisix.mapping.paths import Json
from aisix.mapping.rules import Place


class _Null:
    """A null that is written, unlike None, which is left out. Tables say "$null"."""

    def __repr__(self) -> str:
        return "null"


NULL = _Null()


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known before a body is seen; constant for one alias."""

    alias: str
    upstream_model: str
    version: str
    model: dict[str, Json]  # the row of models.toml
    option: dict[str, Json]
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    how: str  # dropped | clamped | rewritten | inserted | relaxed | unknown | ...
    param: str  # the caller's path
    place: Place
    quiet: bool = False
    old: Json = None
    new: Json = None

    @property
    def about(self) -> str:
        """The caller's top-level field."""
        return self.param.split(".")[0].split("[")[0]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of `explain`: a field of the result, its value, why, and where that is written."""

    target: str
    value: Json
    why: str
    place: Place
    source: str = ""


@dataclass(slots=True)
class Trace:
    """Filled only when someone wants to know why; `origin` maps id(built object) -> caller path."""

    lines: list[Line] = field(default_factory=list)
    origin: dict[int, str] = field(default_factory=dict)
    keep: list[Json] = field(default_factory=list)  # objects whose id stands in `origin`


@dataclass(slots=True)
class Scope:
    facts: Facts
    body: dict[str, Json]
    lets: dict[str, Json] = field(default_factory=dict)
    state: dict[str, Json] = field(default_factory=dict)
    out: dict[str, Json] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    trace: Trace | None = None
    remember: dict[str, Json] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)  # the caller's, lower-case names
    renamed: dict[str, str] = field(default_factory=dict)  # text made by a verb -> the caller's

    def root(self, name: str) -> Json:
        """What `$name` stands for, item-level names aside."""
        facts = self.facts
        match name:
            case "let":
                return self.lets
            case "body":
                return self.body
            case "state":
                return self.state
            case "out":
                return self.out
            case "model":
                return facts.model
            case "option":
                return facts.option
            case "alias":
                return facts.alias
            case "upstream_model":
                return facts.upstream_model
            case "version":
                return facts.version
            case "request":
                return self.remember
            case "null":
                return NULL
            case "header":
                return self.headers
        return None
