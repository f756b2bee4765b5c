"""Values of the SDKs' types, made up at random; every free text is one of a kind.

    Maker(random.Random(7)).make(MessageParam)   # -> a dict that the type allows

A text that nobody reads as anything (a name, a sentence) is a mark such as "q17z": found again on
the other side, it shows that it arrived, once. What has a form (a URL, a base64 text) has a mark in it.
"""

from __future__ import annotations

import base64
import itertools
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from typing import Any, Literal, NotRequired, Required

import pydantic
import typing_extensions

Json = Any
Made = Callable[["Maker"], Json]
UNIONS = (typing.Union, types.UnionType)
LISTS = (list, Iterable, Sequence, typing.Iterable, typing.Sequence)
MAPS = (dict, Mapping)
MOST = 3  # of a list


class Unmakeable(Exception):
    """No value of such a type is made here; whoever may leave it out does."""


class Maker:
    """`fields`: what a field of this name holds, where its type does not say enough."""

    def __init__(self, random: Random, fields: Mapping[str, Made], often: float = 0.35) -> None:
        self.random = random
        self.fields = fields
        self.often = often  # how likely a field is that may be left out
        self._numbers = itertools.count(10)
        self._stem = random.randrange(100, 1000)

    def mark(self) -> str:
        """A text nobody else has."""
        return f"q{self._stem}{next(self._numbers)}z"

    def number(self) -> int:
        """A number nobody else has."""
        return self._stem * 10000 + next(self._numbers)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def some(self, make: Callable[[], Json], least: int = 1, most: int = MOST) -> list[Json]:
        return [make() for _ in range(self.random.randint(least, most))]

    def base64(self, head: bytes) -> str:
        """Bytes that begin like a file of their kind, and hold a mark."""
        return base64.b64encode(head + self.mark().encode()).decode()

    # ------------------------------------------------------------------ by type
    def make(self, kind: Any, name: str = "") -> Json:
        """A value of the type; `name`: the field it is for. Unmakeable."""
        if name in self.fields:
            return self.fields[name](self)
        origin, args = typing.get_origin(kind), typing.get_args(kind)
        if kind in (Required, NotRequired) or origin in (Required, NotRequired):
            return self.make(args[0], name)
        if origin is typing.Annotated:
            return self.make(args[0], name)
        if origin is Literal:
            return self.random.choice(args)
        if origin in UNIONS:
            return self._one_of([arm for arm in args if arm is not type(None)], name)
        if origin in LISTS:
            return self.some(lambda: self.make(args[0]))
        if origin in MAPS:
            return {self.mark(): self.make(args[1]) for _ in range(self.random.randint(1, 2))}
        if typing_extensions.is_typeddict(kind):
            return self.object(kind)
        if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel):
            return self.model(kind)
        return self._plain(kind)

    def _plain(self, kind: Any) -> Json:
        if kind is str:
            return self.mark()
        if kind is bool:
            return self.chance(0.5)
        if kind is int:
            return self.number()
        if kind is float:
            return self.number() / 8
        if kind in (object, Any):
            return self.mark()
        raise Unmakeable(str(kind))

    def _one_of(self, arms: Sequence[Any], name: str) -> Json:
        left = list(arms)
        while left:
            arm = left.pop(self.random.randrange(len(left)))
            try:
                return self.make(arm, name)
            except Unmakeable:
                continue
        raise Unmakeable(name)

    def object(self, kind: Any, leave: Iterable[str] = (), **given: Json) -> dict[str, Json]:
        """A TypedDict's value: what it must have, and some of what it may; without `leave`."""
        hints = typing.get_type_hints(kind, include_extras=True)
        needed = {name for name, hint in hints.items() if typing.get_origin(hint) is Required}
        if kind.__total__ and not needed:
            needed = {n for n, hint in hints.items() if typing.get_origin(hint) is not NotRequired}
        return self._fields(hints, needed, set(leave), given)

    def model(self, kind: type[pydantic.BaseModel], **given: Json) -> dict[str, Json]:
        """A model's value as it is on the wire."""
        fields = kind.model_fields
        hints = {field.alias or name: field.annotation for name, field in fields.items()}
        needed = {field.alias or name for name, field in fields.items() if field.is_required()}
        return self._fields(hints, needed, set(), given)

    def _fields(
        self,
        hints: Mapping[str, Any],
        needed: Iterable[str],
        leave: set[str],
        given: Mapping[str, Json],
    ) -> dict[str, Json]:
        out: dict[str, Json] = {}
        for name, kind in hints.items():
            must = name in needed
            if name in given:
                out[name] = given[name]
            elif name in leave or not (must or self.chance(self.often)):
                continue
            else:
                try:
                    out[name] = self.make(kind, name)
                except Unmakeable:
                    if must:
                        raise
        return out


def leaves(node: Json, path: tuple[str | int, ...] = ()) -> Iterable[tuple[tuple[Any, ...], Json]]:
    """(path, value) of everything that is no object and no list; keys of free maps are the path's."""
    if isinstance(node, dict):
        for key, below in node.items():
            yield from leaves(below, (*path, key))
    elif isinstance(node, list):
        for number, below in enumerate(node):
            yield from leaves(below, (*path, number))
    else:
        yield path, node
