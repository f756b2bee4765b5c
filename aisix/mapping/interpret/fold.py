"""Chunks put together and taken apart, over JSON.

`fold` is what SDKs do with the deltas of a stream; a plain answer is made by it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from aisix.mapping.interpret.scope import NULL
from aisix.mapping.interpret.trace import RuleTrace
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.answer import NUMBER, Plain
from aisix.mapping.syntax.paths import Json, Path

Fields = tuple[tuple[str, Json | Path], ...]
NOT_JOINED = ("type", NUMBER)  # texts that are replaced


def event_of(fields: Fields, source: dict[str, Json]) -> dict[str, Json]:
    return {
        key: paths.get(source, value.steps) if isinstance(value, Path) else value
        for key, value in fields
    }


def ending(plain: Plain, block: Path, number: int) -> dict[str, Json]:
    """The event that ends a block."""
    return {**event_of(plain.end, {}), str(block.steps[0]): number}


def taken_apart(
    plain: Plain, block: Path, answer: dict[str, Json], trace: RuleTrace | None
) -> list[dict[str, Json]]:
    """A plain answer as the events a stream would have brought. block: where they are numbered."""
    if not (plain.start or plain.begin or plain.stop):
        return [answer]

    def taken(fields: Fields, source: dict[str, Json], **mark: Json) -> dict[str, Json]:
        event = {**event_of(fields, source), **mark}
        return event if trace is None else trace.taken(event, fields, source)

    events = [taken(plain.start, answer)]
    blocks = paths.get(answer, plain.blocks.steps)
    for number, one in enumerate(blocks if type(blocks) is list else ()):
        if type(one) is dict:
            mark = {str(block.steps[0]): number}
            events += [taken(plain.begin, one, **mark), ending(plain, block, number)]
    return [*events, taken(plain.delta, answer), taken(plain.stop, answer)]


def written(node: Json) -> Json:
    """With NULL as None: ready to be encoded."""
    if node is NULL:
        return None
    if type(node) is dict:
        return {key: written(value) for key, value in node.items()}
    if type(node) is list:
        return [written(value) for value in node]
    return node


def put(target: dict[str, Json], steps: tuple[paths.Step, ...], value: Json) -> None:
    """Write at a path, making objects and lists of one item on the way."""
    node: Any = target
    for step, following in pairwise(steps):
        fresh: Json = [] if type(following) is int else {}
        if type(step) is int:
            while len(node) <= step:
                node.append(None)
            if node[step] is None:
                node[step] = fresh
            node = node[step]
        else:
            node = node.setdefault(step, fresh)
    last = steps[-1]
    value = None if value is NULL else value
    if type(last) is int:
        while len(node) <= last:
            node.append(None)
        node[last] = value
    else:
        node[last] = value


class Numbers:
    """Where the items of lists stand, by their number or text. The lists do nothing but grow."""

    def __init__(self) -> None:
        self._of: dict[int, _Index] = {}

    def find(self, items: list[Json], number: Json) -> dict[str, Json] | None:
        """The first item with this number, or this text; none has an object or a list for it.

        Most are numbered from 0 on: those are not searched, and of texts the last item is nearly
        always the one.
        """
        if type(number) is int and 0 <= number <= len(items):
            if number == len(items):
                if not items or (_has(items[0], 0) and _has(items[-1], number - 1)):
                    return None
            elif _has(items[number], number):
                return items[number]  # type: ignore[no-any-return]
        elif type(number) in (dict, list):
            return None
        elif items and _has(items[-1], number):
            return items[-1]  # type: ignore[no-any-return]
        index = self._of.get(id(items))
        if index is None:
            index = self._of[id(items)] = _Index(items)
        return index.find(number)


class _Index:
    """Of one list, which lives as long as this."""

    def __init__(self, items: list[Json]) -> None:
        self._items = items
        self._seen = 0
        self._by: dict[Json, dict[str, Json]] = {}

    def find(self, number: Json) -> dict[str, Json] | None:
        for at in range(self._seen, len(self._items)):
            item = self._items[at]
            if type(item) is dict and type(item.get(NUMBER)) not in (dict, list):
                self._by.setdefault(item.get(NUMBER), item)
        self._seen = len(self._items)
        return self._by.get(number)


def fold(whole: dict[str, Json], delta: dict[str, Json], numbers: Numbers | None = None) -> None:
    """What SDKs do: texts are joined, list items of one `index` merged, others replaced.

    numbers: one for all that is put together, or items that interleave are searched each time.
    """
    for key, value in delta.items():
        old = whole.get(key)
        if old is None:
            whole[key] = paths.copied(value)
        elif type(old) is str and type(value) is str and key not in NOT_JOINED:
            whole[key] = None  # nothing else holds it: it grows where it is
            old += value
            whole[key] = old
        elif type(old) is dict and type(value) is dict:
            fold(old, value, numbers)
        elif type(old) is list and type(value) is list:
            numbers = numbers or Numbers()
            for item in value:
                number = item.get(NUMBER) if type(item) is dict else None
                same = None if number is None else numbers.find(old, number)
                if same is not None:
                    fold(same, item, numbers)
                else:
                    old.append(paths.copied(item))
        elif value is not None:
            whole[key] = paths.copied(value)  # a constant of the tables is never what grows


def _has(item: Json, number: Json) -> bool:
    return type(item) is dict and item.get(NUMBER) == number


def add_up(one: dict[str, Json], other: dict[str, Json]) -> dict[str, Json]:
    """Counters added name by name, at every depth; what is no number is the later one's."""
    out = dict(one)
    for key, value in other.items():
        old = out.get(key)
        if type(value) in (int, float) and type(old) in (int, float):
            out[key] = old + value
        elif type(value) is dict and type(old) is dict:
            out[key] = add_up(old, value)
        elif value is not None:
            out[key] = value
    return out
