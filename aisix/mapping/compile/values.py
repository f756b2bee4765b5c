"""What is known while source is written: of a value, a constant or a variable and its kinds; of a
question, its answer or an expression.

Every fact stands here beside the text it is about: nobody reads it out of written source.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from aisix.mapping.interpret.scope import NULL
from aisix.mapping.syntax.paths import Json
from aisix.mapping.syntax.rules import Rule

Kinds = frozenset[type]
DICT: Kinds = frozenset({dict})
LIST: Kinds = frozenset({list})
STR: Kinds = frozenset({str})
CONTAINERS: Kinds = frozenset({dict, list})


@dataclass(frozen=True, slots=True)
class Const:
    """A value known while the code is written; None is "absent"."""

    value: Json


@dataclass(frozen=True, slots=True)
class Var:
    """A local variable (or a short expression) and what is known of its value."""

    name: str
    kinds: Kinds | None = None  # what it can be besides None; None: anything
    sure: bool = False  # it is not None
    full: bool = False  # a list or object that is not empty
    has: frozenset[str] = frozenset()  # keys that are there, with a value
    only: frozenset[str] | None = None  # no other key can be there
    live: bool = False  # its fields may change between two looks
    null: bool = False  # it may be NULL: a null that is written
    context: bool = field(default=False, compare=False)  # it is looked up in `c`, beside the item
    parts: dict[str, Value] | None = field(default=None, compare=False, hash=False)  # all of it


Value = Const | Var
ABSENT = Const(None)


def is_sure(value: Value) -> bool:
    return value.sure if type(value) is Var else value != ABSENT


def may_be(value: Value, kinds: Kinds) -> bool:
    if type(value) is Const:
        return type(value.value) in kinds
    return value.kinds is None or bool(value.kinds & kinds)  # type: ignore[union-attr]


def is_only(value: Value, kinds: Kinds) -> bool:
    """Whether a value that is there is surely of these kinds."""
    if type(value) is Const:
        return type(value.value) in kinds
    return value.kinds is not None and value.kinds <= kinds  # type: ignore[union-attr]


@dataclass(frozen=True, slots=True)
class Cond:
    """A question that is asked while the source runs; as text, it is the expression."""

    text: str
    negated: str = ""  # its opposite, where that is better than `not (...)`
    proves: str = ""  # the variable that is not None where it holds, and all that it asks

    def __str__(self) -> str:
        return self.text

    @property
    def opposite(self) -> str:
        return self.negated or f"not ({self.text})"


Question = bool | Cond  # a bool where the answer is known while the source is written


@dataclass(frozen=True, slots=True)
class Site:
    """Where in the code we are: the item, and the caller's top-level field that notes name."""

    item: Value
    about: str = ""
    index: Value = Const(0)
    body: bool = False  # the item is the caller's whole body
    my: dict[str, Value | Rule] = field(default_factory=dict)  # a rule: not looked up yet


def like(value: Value, name: str) -> Var:
    """What is known of a value that is now in another variable, if it is there at all."""
    if isinstance(value, Const):
        null = value.value is NULL
        return Var(name, frozenset({type(value.value)}), False, bool(value.value), null=null)
    return replace(value, name=name, sure=False, parts=None)


def is_full(value: Value) -> bool:
    """A list or object that is not empty, if it is there; or no list or object at all."""
    if type(value) is Const:
        return value.value not in ([], {})
    return value.full or not may_be(value, CONTAINERS)  # type: ignore[union-attr]


def either(one: Value, other: Value, name: str) -> Var:
    """What is known of a variable that holds `one`, or `other` where that is absent."""
    kinds: frozenset[type] | None = frozenset()
    for value in (one, other):
        these = frozenset({type(value.value)}) if type(value) is Const else value.kinds  # type: ignore[union-attr]
        kinds = None if these is None or kinds is None else kinds | these
    null = any(v.null if type(v) is Var else v == Const(NULL) for v in (one, other))
    sure = is_sure(one) or is_sure(other)
    return Var(name, kinds, sure, is_full(one) and is_full(other), null=null)
