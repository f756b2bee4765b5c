"""How verbs, passes and adjustments declare themselves and their options, and all that did.

A declaration is the only place that knows an option: the parser (what may be written, every
complaint), `aisix mappings verbs` and the documentation are made from it, and a function gets its
options as `read` gives them: defaults laid under, patterns compiled.

    @verb("a plain value becomes an object with it under `key`",
          Option("key", FIELD, "the field of that object", "text"))
    def wrap(value, options, call): ...
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from aisix.mapping.grammar.kinds import ValueKind
from aisix.mapping.syntax.budget import Budget
from aisix.mapping.syntax.paths import Json

Item = dict[str, Json]
Items = list[Item]
Options = dict[str, Json]
Chosen = Callable[[Item], bool]
Value = Callable[[Json], Json]  # resolves "$model.x" to its value, leaves other values alone
REQUIRED: Any = object()


class RuleContext(Protocol):
    """What a verb or pass may ask of the request or answer it runs in."""

    @property
    def body(self) -> dict[str, Json]:
        """The caller's request."""

    @property
    def state(self) -> dict[str, Json]:
        """Registers by name, `$state.NAME`; may be written."""

    @property
    def budget(self) -> Budget:
        """What the translation may still cost."""

    @property
    def now(self) -> int:
        """Unix seconds: one moment for a whole request and its answer."""

    item: Json  # what the value is part of

    def tell(self, how: str, name: str = "") -> None:
        """The caller learns that something was changed; `name`: of which of several things."""

    def tell_quietly(self, how: str) -> None:
        """Only `explain` shows that something was changed."""

    def moved(self, item: Json, at: str, of: Json = None) -> None:
        """An item of the list a verb makes stands elsewhere in the caller's, and complaints about
        it say so: `at` below the value, or below `of`, a thing that was moved before."""


# ---------------------------------------------------------------- options
@dataclass(frozen=True, slots=True)
class Option:
    """One option; without a default it has to be given, and None is "not there"."""

    name: str
    kind: ValueKind
    about: str  # what it means, in one line
    example: Json
    default: Json = REQUIRED
    needs: str = ""  # the option it means nothing without
    words: tuple[str, ...] = ()  # the only texts it may hold

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    def wrong(self, value: Json) -> bool:
        """Whether a value is of another type than this takes."""
        return self.kind.wrong(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a verb, a pass and an adjustment have in common."""

    name: str
    summary: str
    options: tuple[Option, ...]

    def read(self, given: Options) -> Options:
        """Its options as `run` takes them: those given, of the right types, over the defaults."""
        read: Options = {}
        for option in self.options:
            if option.name in given:
                value = given[option.name]
                read[option.name] = option.kind.read(value) if option.kind.read else value
            elif not option.required and option.default is not None:
                read[option.name] = option.default
        return read


# ---------------------------------------------------------------- verbs
@dataclass(frozen=True, slots=True, kw_only=True)
class Verb(Declared):
    """One value to another one: `as = "NAME"`."""

    run: Callable[[Json, Options, RuleContext], Json]
    example: tuple[Json, Options, Json] = (None, {}, None)  # value, options, result
    takes: type | None = None  # the kind of value it is for; any other is refused
    gives: type | None = None  # the kind of every answer, when it is always one and never None
    leaves: type | None = None  # a kind that stays as it is
    keeps: bool = False  # every answer is the value itself
    asks: bool = False  # it may tell the caller something
    asks_item: bool = False  # it looks at the item the value is part of
    again: Callable[[Options], str] | None = None  # of the moment: how often it is another text


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass(Declared):
    """A pass over a list of messages: `[... .arrange.NAME]`."""

    run: Callable[[Items, Options, Chosen, RuleContext], Items]
    chooses: bool = True  # it asks which items are chosen
    tells: bool = False  # it may tell the caller something
    needs: str = ""  # it does nothing unless: see NEEDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment(Declared):
    """A correction of the finished request: `[adjust.NAME]`."""

    run: Callable[[Item, dict[str, Json], Options, Value], bool]  # (out, body, ...) changed?
    adds: bool = False  # the request may have more fields after it


VERBS: dict[str, Verb] = {}
PASSES: dict[str, Pass] = {}
ADJUSTMENTS: dict[str, Adjustment] = {}
NEEDS = {
    "": "nothing",
    "first": "the first item is a chosen one",
    "not first": "there is no first item or it is no chosen one",
    "last": "the last item is a chosen one",
    "any": "an item is a chosen one",
    "empty": "an item's `list` is empty",
    "several": "there are two items or more",
    "paired": "a part of an item's `list` is a `call` or an `answer` by its `kind`",
}

Register = Callable[[Callable[..., Any]], Callable[..., Any]]


def verb(summary: str, *options: Option, **more: Any) -> Register:
    """Declares a verb under the function's name (without a "_" at its end); `more`: see Verb."""

    def register(run: Callable[..., Json]) -> Callable[..., Json]:
        name = run.__name__.rstrip("_")
        VERBS[name] = Verb(name=name, summary=summary, options=options, run=run, **more)
        return run

    return register


def arranges(summary: str, *options: Option, needs: str = "", **more: Any) -> Register:
    """Declares a pass under the function's name; `more`: see Pass."""
    assert needs in NEEDS

    def register(run: Callable[..., Items]) -> Callable[..., Items]:
        name = run.__name__.rstrip("_")
        PASSES[name] = Pass(
            name=name, summary=summary, options=options, run=run, needs=needs, **more
        )
        return run

    return register


def adjusts(summary: str, *options: Option, adds: bool = False) -> Register:
    """Declares an adjustment under the function's name."""

    def register(run: Callable[..., bool]) -> Callable[..., bool]:
        name = run.__name__.rstrip("_")
        ADJUSTMENTS[name] = Adjustment(
            name=name, summary=summary, options=options, run=run, adds=adds
        )
        return run

    return register
