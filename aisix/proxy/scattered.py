"""Secrets that a stream says in pieces, each in an event of its own.

    without_pieces(text, secrets)      the stream, with what is a piece of one left out

The texts of its events are put together by where they stand in them ("delta.text") and the numbers
beside them ("index"), since pieces of several things may come interleaved, and once more by where
they stand alone. What is bounded is the stream: by the limit of its exchange.

Must never know: a wire name.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator
from typing import Any

import msgspec

from aisix.mapping.dialect.masking import KEY, SHORTEST
from aisix.mapping.syntax.paths import Json

DATA = "data:"
Where = tuple[str | int, ...]
Leaf = tuple[Where, Any, str | int]  # where it stands in its event; what holds it, and as what


class _Event:
    """One line of data: its JSON, and what is in it."""

    def __init__(self, line: int, value: Json) -> None:
        self.line, self.value = line, value
        self.texts: list[Leaf] = []
        self.numbers: dict[Where, int] = {}
        for leaf in _leaves(value, ()):
            found = leaf[1][leaf[2]]
            if type(found) is str:
                self.texts.append(leaf)
            elif type(found) is int:
                self.numbers[leaf[0]] = found


def without_pieces(text: str, secrets: Collection[str]) -> str:
    """A stream's text; the lines of events that say nothing of a secret stay as they are."""
    known = [secret for secret in secrets if len(secret) >= SHORTEST]
    lines = text.split("\n")
    events = list(_events(lines))
    if not known or len(events) < 2:
        return text
    steady = _steady(events)
    changed: set[int] = set()
    for told_apart in (True, False):
        groups: dict[Hashable, list[tuple[_Event, Leaf]]] = {}
        for event in events:
            beside = tuple((at, n) for at, n in event.numbers.items() if at in steady)
            for leaf in event.texts:
                at = (leaf[0], beside) if told_apart else leaf[0]
                groups.setdefault(at, []).append((event, leaf))
        for group in groups.values():
            changed |= _cleaned(group, known)
    for event in events:
        if event.line in changed:
            end = "\r" if lines[event.line].endswith("\r") else ""
            lines[event.line] = f"{DATA} {msgspec.json.encode(event.value).decode()}{end}"
    return "\n".join(lines)


def _events(lines: list[str]) -> Iterator[_Event]:
    for number, line in enumerate(lines):
        if line.startswith(DATA):
            try:
                value = msgspec.json.decode(line.removeprefix(DATA))
            except msgspec.DecodeError:
                continue
            yield _Event(number, value)


def _leaves(value: Json, at: Where) -> Iterator[Leaf]:
    if type(value) is dict or type(value) is list:
        for key, below in value.items() if type(value) is dict else enumerate(value):
            if type(below) in (dict, list):
                yield from _leaves(below, (*at, key))
            else:
                yield (*at, key), value, key


def _steady(events: list[_Event]) -> set[Where]:
    """Where numbers stand that tell things apart, and do not only count events."""
    seen: dict[Where, list[int]] = {}
    for event in events:
        for at, number in event.numbers.items():
            seen.setdefault(at, []).append(number)
    return {at for at, numbers in seen.items() if len({*numbers}) < len(numbers)}


def _cleaned(group: list[tuple[_Event, Leaf]], secrets: Collection[str]) -> set[int]:
    """The lines of the events of whose texts something was taken."""
    changed: set[int] = set()
    for secret in secrets:
        whole = "".join(leaf[1][leaf[2]] for _, leaf in group)
        begins = []
        at = whole.find(secret)
        while at >= 0:
            begins.append(at)
            at = whole.find(secret, at + len(secret))
        if not begins:
            continue
        here = 0
        for event, (_, holder, key) in group:
            text = holder[key]
            kept, done = "", here
            for begin in begins:
                first, last = max(begin, here), min(begin + len(secret), here + len(text))
                if first < last:
                    kept += whole[done:first] + (KEY if first == begin else "")
                    done = last
                    changed.add(event.line)
            if done > here:
                holder[key] = kept + whole[done : here + len(text)]
            here += len(text)
    return changed
