"""What rules may ask for by `$name` while one request is translated, and what they have to report.

A *note* is one thing that happened to the caller's request on its way: dropped, clamped, rewritten,
inserted. Loud notes become `x-aisix-warnings` (and a 400 in strict mode); quiet ones show in
`explain`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aisix.mapping.interpret.trace import RuleTrace
from aisix.mapping.syntax.budget import Budget
from aisix.mapping.syntax.paths import Json
from aisix.mapping.syntax.rules import Place


class _Null:
    """A null that is written, unlike None, which is left out. Tables say "$null"."""

    def __repr__(self) -> str:
        return "null"


NULL = _Null()
NOWHERE = ("", Place("", ""))  # no field of the caller's, no rule


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
    part: str = ""  # of that field: a key of one of its items ("title"), or the name of one
    at: str = (
        ""  # what a strict alias's refusal names instead: the path below `param` that decided it
    )

    @property
    def about(self) -> str:
        """The caller's top-level field, and the part of it that the note is about."""
        field = self.param.split(".")[0].split("[")[0]
        return f"{field}.{self.part}" if self.part else field


def unread(item: dict[str, Json], known: frozenset[str], param: str, place: Place) -> list[Note]:
    """A note for every key of an item that nobody reads and that says something. `known` may have
    the beginning of keys: "internal_*"."""
    begun = tuple(key[:-1] for key in known if key.endswith("*"))
    return [
        Note("dropped", param, place, old=value, part=key)
        for key, value in item.items()
        if key not in known and value not in (None, "", [], {}) and not key.startswith(begun)
    ]


@dataclass(slots=True)
class Scope:
    facts: Facts
    body: dict[str, Json]
    lets: dict[str, Json] = field(default_factory=dict)
    state: dict[str, Json] = field(default_factory=dict)
    out: dict[str, Json] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    trace: RuleTrace | None = None
    remember: dict[str, Json] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)  # the caller's, lower-case names
    renamed: dict[str, str] = field(default_factory=dict)  # text made by a verb -> the caller's
    # Items in lists that verbs made: id -> the caller's own path; and the path there -> that one.
    places: dict[int, str] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    budget: Budget = field(default_factory=Budget)
    now: int = 0  # Unix seconds
    indexes: dict[Any, Any] = field(default_factory=dict)  # of lists: see find.py

    def own_path(self, param: str | None) -> str | None:
        """The caller's own path of what a complaint is about."""
        for at, own in self.moved.items():
            if param is not None and (param == at or param.startswith((f"{at}.", f"{at}["))):
                return own + param[len(at) :]
        return param

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
            case "now":
                return self.now
        return None
