"""What is declared to do nothing beside another key, or without one, does nothing in either form.

    python -m tests.mapping.grammar.test_losing --count 2000

Made from the declarations: in random tables a key stands beside its winner, and the requests that
come of it are those without the key.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from aisix.mapping.grammar.tables import ANY, UNITS, Key, Unit
from tests.long import times
from tests.mapping.compile.test_rules_as_interpreted import (
    Maker,
    compiled,
    interpreted,
    outcome,
    parsed,
)

Json = Any
Keys = tuple[str, ...]
# Units of a request, which the random tables hold.
REQUEST = ("rule", "shape", "variant", "guarded", "entry", "accept", "rest")
BODIES = 3
TABLES = 2  # of each pair: in one the key may stand where it does nothing in any case
MOST_ODD = 100  # seeds, of which one has to make tables that are not complained about
SHAPES = {
    "of": "object",
    "blank": "u",
    "count": "n",
    "verbatim": True,
    "skip": True,
    "reject": "missing",
    "at": "k",
    "told": "rewritten",
    "knows": ["k"],
    "use": "deep",
    "by": "k",
    "by_key": ".",
    "stamp": {"list": "u", "key": "t", "rule": {"value": 1}},
}
OTHERS: dict[str, Json] = {
    "to": "y",
    "omit": True,
    "same": True,
    "reject": "missing",
    "told": "rewritten",
    "type": "number",
    "range": [0, 2],
    "policy": "warn",
    "drop": [1, "x"],
    "drop_empty": True,
    "items": True,
}


def pairs() -> Iterator[tuple[Unit, Key, str]]:
    """(unit, key, winner), and with "" for the winner a key that is alone."""
    for name in REQUEST:
        one = UNITS[name]
        for key in (*one.keys, *((one.free,) if one.free is not None and name != "rule" else ())):
            yield from ((one, key, other) for other in key.loses_to)
            if key.needs:
                yield one, key, ""


PAIRS = list(pairs())
IDS = [f"{one.name}.{key.name}-{other or 'alone'}" for one, key, other in PAIRS]


# Where a unit stands in the tables.
PLACES: dict[str, Keys] = {
    "rule": ("request", "field", "p"),
    "shape": ("request", "shape", "deep"),
    "variant": ("request", "shape", "kinds", "is", "x"),
    "guarded": ("request", "shape", "guards", "first", "g"),
    "entry": ("values", "plain", "x"),
    "accept": ("request", "accept", "a"),
    "rest": ("request", "rest", "f"),
}


def tables_of(maker: Maker) -> Json:
    """Tables in which each of those acts for most bodies."""
    tables = maker.tables()
    request = tables["request"]
    request["accept"] = {"a": {}}
    request["rest"] = {"*": {"policy": "drop"}, "f": {"policy": "warn", "drop": [1]}}
    rule = {maker.r.choice(SOURCE): None}
    request["field"] = {
        "p": {name: maker.source(name, 1, False) for name in rule},
        "d": {"from": "b", "shape": "deep"},
        "k": {"from": "c", "each": "kinds"},
        "g": {"from": "d", "shape": "guards"},
        "e": {"from": "e", "table": "plain"},
    }
    for name in ("deep", "kinds", "guards"):
        for word in ("my", "blank", "all", "count"):
            request["shape"][name].pop(word, None)
    request["shape"]["deep"] |= {"u": {"from": "k"}, "v": {"from": "$index"}}
    if "from" in rule:
        request["field"]["p"]["from"] = ["a", "nope"]
    return tables


SOURCE = ["from", "from", "from", "find", "first", "object", "sum", "value"]


def bodies(maker: Maker) -> Iterator[Json]:
    r = maker.r
    for _ in range(BODIES):
        item = {"k": r.choice(["x", 1, "1"]), "id": maker.plain(), "t": [maker.json(1)]}
        body = {
            "a": r.choice([None, "x", 7, item, [item], ["x", " "], []]),
            "b": item,
            "c": [item, {**item, "k": "x"}],
            "d": item,
            "e": "x",
            "f": r.choice([None, 1, "x", []]),
        }
        yield {name: value for name, value in body.items() if value is not None}


def value_of(maker: Maker, one: Unit, name: str) -> Json:
    """Something that may stand there."""
    r = maker.r
    if one.name == "rule":
        if name in one.marks:
            return maker.source(name, 1, True)
        if name == "arrange":
            return {"a": {"verb": "drop_empty", "list": "u"}}
        return maker.step(name, True) if name not in WEAVES else WEAVES[name]
    if one.name in ("shape", "variant", "guarded"):
        if name in ("is", "first"):
            return {"x": maker.shape(), "*": maker.shape()}
        if name in ("all", "my"):
            return {"m": maker.rule(0, True)}
        if name == "several":
            return {"from": "."}
        return SHAPES.get(name, maker.rule(0, True))
    return OTHERS[name] if name != "drop" else r.sample([1, "x", 7], 1)


WEAVES: dict[str, Json] = {"by": "k", "followed": True, "leading": True}


def made(seed: int, one: Unit, key: Key, other: str) -> tuple[Json, Json, list[Json]]:
    """(tables, the same without the key, bodies)."""
    maker = Maker(Random(seed))
    tables = tables_of(maker)
    at = PLACES[one.name]
    name = key.name if key.name != ANY else "free"
    if not isinstance(table_at(tables, at), dict):
        table_at(tables, at[:-1])[at[-1]] = {"to": "z"}
    table = table_at(tables, at)
    for gone in key.needs if not other else key.loses_to:
        if gone != other:
            table.pop(gone, None)
    if other in one.marks:
        for mark in one.marks:
            table.pop(mark, None)
    if other:
        table[other] = value_of(maker, one, other)
        for need in one.by_name[other].needs:  # without which it is no winner
            if other in ("by", "by_key"):
                table[need] = value_of(maker, one, need)
    elif one.marks and table.keys().isdisjoint(one.marks):
        table["value"] = "x"
    less = copy.deepcopy(tables)
    table[name] = value_of(maker, one, key.name)
    table_at(less, at).pop(name, None)
    return tables, less, list(bodies(maker))


def table_at(tables: Json, at: Keys) -> Json:
    for word in at:
        tables = tables[word]
    return tables


def difference(seed: int, one: Unit, key: Key, other: str) -> str | None:
    """What differs; "" for nothing; None when the tables are none."""
    tables, without, sent = made(seed, one, key, other)
    ones, twos = parsed(tables), parsed(without)
    if ones is None or twos is None:
        return None
    for body in sent:
        for run in (interpreted, compiled):
            this, that = (outcome(lambda f=run, t=t, b=body: f(t, b)) for t in (ones, twos))
            if None not in (this, that) and repr(this) != repr(that):
                return f"{run.__name__}: {this}\n without: {that}\n {tables}\n of {body}"
    return ""


@pytest.mark.parametrize(("one", "key", "other"), PAIRS, ids=IDS)
def test_what_is_declared_to_lose_does_nothing(one: Unit, key: Key, other: str) -> None:
    tried = 0
    for seed in range(times(MOST_ODD)):
        found = difference(seed, one, key, other)
        assert not found, f"seed {seed}: {found}"
        tried += found is not None
        if tried == times(TABLES):
            return
    raise AssertionError("all tables are complained about")


def main() -> None:
    given = argparse.ArgumentParser()
    given.add_argument("--count", type=int, default=500)
    asked = given.parse_args()
    for (one, key, other), name in zip(PAIRS, IDS, strict=True):
        found = [difference(seed, one, key, other) for seed in range(asked.count)]
        wrong = list(filter(None, found))
        print(f"{name}: {len(found) - found.count(None)} tried, {len(wrong)} differ")
        print(*wrong[:1], sep="\n")


if __name__ == "__main__":
    main()
