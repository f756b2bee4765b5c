"""What rules may ask for by `$name` while one request is translated, and what they have to report.

A *note* is one thing that happened to the caller's request on its way: dropped, clamped, rewritten,
inserted. Loud notes become `x-aisix-warnings` (and a 400 in strict mode); quiet ones show in
`explain`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aisix.mapping.syntax.budget import Budget
from aisix.mapping.syntax.paths import Json
from aisix.mapping.syntax.rules import Adjust, Arrange, Place, Rule

Parts = tuple[tuple[str, Rule], ...]


class _Null:
    """A null that is written, unlike None, which is left out. Tables say "$null"."""

    def __repr__(self) -> str:
        return "null"


NULL = _Null()
NOWHERE = ("", Place("", ""))  # no field of the caller's, no rule
FINISH = "finish"  # what `explain` calls the reason an answer ended


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

    @property
    def about(self) -> str:
        """The caller's top-level field, and the part of it that the note is about."""
        field = self.param.split(".")[0].split("[")[0]
        return f"{field}.{self.part}" if self.part else field


def unread(item: dict[str, Json], known: frozenset[str], param: str, place: Place) -> list[Note]:
    """A note for every key of an item that nobody reads and that says something."""
    return [
        Note("dropped", param, place, old=value, part=key)
        for key, value in item.items()
        if key not in known and value not in (None, "", [], {})
    ]


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One line of `explain`: a field of the result, its value, why, and where that is written."""

    target: str
    value: Json
    why: str
    place: Place
    source: str = ""


Spot = tuple[int, str]  # id of an object of the result, and the key in it


@dataclass(slots=True)
class RuleTrace:
    """Filled only when someone wants to know why.

    `origin` maps id(built object) -> caller path; `made` each of its keys -> the line that says
    why. Passes move objects about: identity is what stays.
    """

    lines: list[TraceLine] = field(default_factory=list)
    origin: dict[int, str] = field(default_factory=dict)
    made: dict[Spot, TraceLine] = field(default_factory=dict)
    keep: list[Json] = field(default_factory=list)  # objects whose id stands above
    renamed: dict[str, str] = field(default_factory=dict)
    place: Place | None = None  # the row of a value table that has just been used
    moments: list[TraceLine] = field(default_factory=list)  # what a rule has made of $now
    reached: set[Place] = field(default_factory=set)  # rules that had a value, rows they looked up
    _by_target: dict[str, TraceLine] = field(default_factory=dict)

    def reach(self, place: Place) -> None:
        """A rule or row has come to act."""
        self.reached.add(place)

    def add(self, line: TraceLine) -> None:
        self.lines.append(line)
        self._by_target[line.target] = line

    def built(self, out: dict[str, Json], parts: Parts, target: str) -> None:
        """An object rules have written, or more of one."""
        self.keep.append(out)
        for key, rule in parts:
            if key in out:
                line = self._by_target.get(f"{target}.{key}" if target else key)
                if line is None or line.value is not out[key]:
                    line = TraceLine(key, out[key], "", rule.place)
                self.made[id(out), key] = line

    def leaves(self, node: Json) -> dict[Spot, Json]:
        """Every plain value below, to see afterwards what a pass has changed."""
        out: dict[Spot, Json] = {}
        if type(node) is dict:
            self.keep.append(node)
            for key, value in node.items():
                if type(value) in (dict, list):
                    out |= self.leaves(value)
                else:
                    out[id(node), key] = value
        elif type(node) is list:
            for item in node:
                out |= self.leaves(item)
        return out

    def changed(self, before: dict[Spot, Json], node: Json, step: Arrange | Adjust) -> None:
        """What a pass or a correction has put there is said to be its work."""
        for spot, value in self.leaves(node).items():
            if spot not in before or before[spot] != value:
                why = f"{step.verb} ({step.name})"
                self.made[spot] = TraceLine(spot[1], value, why, step.place)


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
    budget: Budget = field(default_factory=Budget)
    now: int = 0  # Unix seconds
    indexes: dict[Any, Any] = field(default_factory=dict)  # of lists: see find.py

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
