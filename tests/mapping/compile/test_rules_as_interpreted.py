"""Random rules over random bodies: every source beside every refinement, in both forms.

    python -m tests.mapping.compile.test_rules_as_interpreted --count 200000 [--seed 1]

Tables are made up, run, and shrunk to the keys that it takes when the two forms differ.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from aisix.errors import CallerError
from aisix.mapping.compile.request_forms import RequestForms
from aisix.mapping.compile.runtime import CompiledRequest
from aisix.mapping.interpret import request
from aisix.mapping.interpret.forms import Bail
from aisix.mapping.interpret.scope import Facts, Scope
from aisix.mapping.parse.request import RequestParser
from aisix.mapping.syntax.rules import RequestTables
from aisix.mapping.verbs.refused import Refused
from tests.long import times

Json = Any
FACTS = {"model": {"limit": 5, "word": "x"}, "option": {"on": True, "n": 3}}
FIELDS = "abcdef"
PATHS = [
    *FIELDS, "a.k", "b.k.id", "c[0]", "c[-1]", "c[].k", "d[].k.id", "e[][]", "nope", ".",
    "$body.a", "$let.one", "$let.list", "$model.limit", "$option.n", "$state.n", "$null", "$now",
    "$alias", "$header.h",
]  # fmt: skip
ITEM_PATHS = [*PATHS, "k", "id", "t", "$my.m", "$index"]
PLAIN: list[Json] = [0, 1, 7, -2, 2.5, True, False, "", " ", "x", "1", "a b", "word"]
VERBS = [
    *("list", "opposite", "json_text", "without_nulls", "not_empty", "once", "key_of_each"),
    *("length", "lower_case", "date", "seconds", "cut", "say", "wrapped", "some", "two", "short"),
]
CONVERTS: dict[str, Json] = {
    "cut": {"verb": "split", "by": " "},
    "say": {"verb": "template", "text": "<{value}{k}>"},
    "wrapped": {"verb": "wrap", "key": "k"},
    "some": {"verb": "unless_in", "values": [0, "x"]},
    "two": {"verb": "at_most", "limit": 2},
    "short": {"verb": "extract", "matches": "[a-z]"},
}
WORDS = {
    "plain": {"x": "y", "1": 2, "true": {"omit": True}, "*": {"same": True}},
    "loud": {"x": {"to": "z", "told": "rewritten"}, "word": {"reject": "bad"}, "*": {"omit": True}},
}
SOURCES = ["from", "value", "first", "concat", "layers", "sum", "largest", "find", "object"]


class Maker:
    """Rules and bodies of one random number generator."""

    def __init__(self, r: Random) -> None:
        self.r = r

    def path(self, inside: bool) -> str:
        return self.r.choice(ITEM_PATHS if inside else PATHS)

    def plain(self) -> Json:
        return self.r.choice(PLAIN)

    def rule(self, depth: int, inside: bool = False) -> Json:
        r = self.r
        if r.random() < 0.1:
            return r.choice([self.plain(), "$let.one", "$model.limit", "$null"])
        kind = r.choice(SOURCES if depth else ["from", "from", "value", "sum", "find"])
        made: dict[str, Json] = {kind: self.source(kind, depth, inside)}
        for _ in range(r.choice([0, 0, 1, 1, 1, 2, 2, 3])):
            name = r.choice(STEPS)
            made[name] = self.step(name, inside)
        return made

    def source(self, kind: str, depth: int, inside: bool) -> Json:
        r = self.r
        match kind:
            case "from":
                several = [self.path(inside) for _ in range(r.randint(1, 3))]
                return several if len(several) > 1 else several[0]
            case "value":
                return r.choice([*PLAIN, [], {}, ["x", "y"], {"k": 1}, [{"k": "x"}]])
            case "sum":
                return [self.path(inside) for _ in range(r.randint(1, 2))]
            case "find":
                return {
                    "in": r.choice(["c", "$body.d", "$let.list", "$body.d[].k", "e[]"]),
                    "by": r.choice(["k", "id", "k.id", "."]),
                    "equals": self.path(inside),
                    "take": r.choice([".", "k", "t", "k.id"]),
                }
        return {f"r{n}": self.rule(depth - 1, inside) for n in range(r.randint(1, 3))}

    def step(self, name: str, inside: bool) -> Json:
        r = self.r
        match name:
            case "when" | "unless":
                return {self.path(inside): self.wanted()}
            case "where" | "where_not":
                return {r.choice(["k", "id", "k.id", "."]): self.wanted()}
            case "match":
                return {self.path(inside): r.choice(["^x", "1"])}
            case "default":
                return r.choice([*PLAIN, ["x"], "$model.limit", "$let.one", "$body.b"])
            case "type" | "only":
                kinds = ["string", "integer", "number", "boolean", "object", "array"]
                return r.sample(kinds, r.randint(1, 3))
            case "as":
                return r.sample(VERBS, r.randint(1, 2))
            case "table":
                return r.choice(["plain", "loud", ["plain", "loud"]])
            case "min" | "max":
                return r.choice([1, 3, 2.5, "$model.limit", "$body.a", "$let.one"])
            case "each" | "lone" | "shape":
                return r.choice(["deep", "word", "kinds", "guards"])
            case "policy":
                return r.choice(["drop", "warn", "reject"])
            case "about":
                return r.choice(["a", ["b", "c"]])
        return FIXED[name]

    def wanted(self) -> Json:
        known = ["$present", "$absent", "< 3", "> 1", "$let.one", "$body.c", ["x", 1, True]]
        return self.r.choice([*PLAIN, *known])

    def shape(self) -> Json:
        r = self.r
        if r.random() < 0.15:
            return {"several": self.rule(1, True)}
        made: Json = {name: self.rule(1, True) for name in r.sample("uvw", r.randint(1, 2))}
        if r.random() < 0.1:
            return {"verbatim": True, **made}
        if r.random() < 0.3:
            made["my"] = {"m": self.rule(0, True)}
        if r.random() < 0.2:
            made["blank"] = "u"
        if r.random() < 0.2:
            made["all"] = {"z": self.rule(0, True)}
        if r.random() < 0.2:
            made["count"] = "n"
        return made

    def tables(self) -> Json:
        r = self.r
        word = {**self.shape(), "of": "string"}
        kinds = {"x": self.shape(), "1": {"skip": True}, "*": self.shape()}
        guards = {
            "g": {**self.shape(), "guard": {"when": {"k": "$present"}}},
            "h": self.shape(),
        }
        if r.random() < 0.5:
            del kinds["*"]
        fields = {name: self.rule(2) for name in "pq"}
        if isinstance(fields["q"], dict) and r.random() < 0.2:
            fields["q"]["when"] = {r.choice(["$out.p", "$out.p.u"]): self.wanted()}
        return {
            "request": {
                "let": {"one": self.rule(1), "list": {"from": ["d", "c"]}},
                "field": fields,
                "rest": {"*": "drop"},
                "header": {"h": {"x": self.rule(0)}},
                "remember": ["one", "state.n"],
                "convert": CONVERTS,
                "shape": {
                    "deep": self.shape(),
                    "word": word,
                    "kinds": {"by": "k", "is": kinds},
                    "guards": {"first": guards},
                },
            },
            "values": WORDS,
        }

    def body(self) -> Json:
        r = self.r
        return {name: self.json(3) for name in FIELDS if r.random() < 0.7}

    def json(self, depth: int) -> Json:
        r = self.r
        if depth == 0 or r.random() < 0.3:
            return r.choice([*PLAIN, None])
        if r.random() < 0.5:
            return [self.json(depth - 1) for _ in range(r.randint(0, 3))]
        return {key: self.json(depth - 1) for key in r.sample(["k", "id", "t"], r.randint(0, 3))}


FIXED: dict[str, Json] = {
    "minus": ["b"],
    "required": "missing",
    "keep": "nonblank",
    "join": "-",
    "told": "rewritten",
    "count": "n",
    "keep_empty": True,
    "rare": True,
    "named": "a.k",
}
STEPS = [
    *("when", "unless", "match", "default", "type", "only", "where", "where_not", "as", "table"),
    *("min", "max", "each", "lone", "shape", "policy", "about", *FIXED),
]


# What is complained about as vain runs all the same, with other layers over or under it.
HARMLESS = (
    *("means nothing without", "never acts", "never reached", "nothing sets"),
    *("becomes ", "never true: "),
)


def parsed(tables: Json) -> RequestTables | None:
    """None where the tables are complained about."""
    parser = RequestParser(copy.deepcopy(tables), lambda _: "f:1", FACTS)
    made = parser.request()
    wrong = [one.text for one in parser.complaints if not one.text.startswith(HARMLESS)]
    return None if wrong else made


def facts() -> Facts:
    return Facts("alias", "model", "", FACTS["model"], FACTS["option"])


def interpreted(tables: RequestTables, body: Json) -> Json:
    scope = Scope(facts(), copy.deepcopy(body), headers={"h": "x"}, now=1_795_000_000)
    try:
        out = request.translate(tables, scope)
        headers = request.headers(tables, scope)
    except (CallerError, RecursionError):
        return "refused"
    told = [(note.how, note.about) for note in scope.notes if not note.quiet]
    return out, headers, scope.remember, told


def compiled(tables: RequestTables, body: Json) -> Json:
    call = CompiledRequest(copy.deepcopy(body), "alias", "model", {"h": "x"}, now=1_795_000_000)
    try:
        out = RequestForms(tables, facts(), "t").translate(call.body, call)
    except (Bail, Refused, RecursionError):
        return None
    told = [(note.how, note.about) for note in call.notes]
    return out, call.upstream_headers, call.remember, told


def outcome(run: Callable[[], Json]) -> Json:
    try:
        return run()
    except Exception as error:
        return f"broke: {type(error).__name__}: {error}"


def difference(tables: Json, body: Json) -> str:
    """What differs; "" for nothing."""
    made = parsed(tables)
    if made is None:
        return ""
    slow, fast = (outcome(lambda f=f: f(made, body)) for f in (interpreted, compiled))
    if isinstance(slow, str) and slow != "refused":
        return f"interpreted {slow}"
    # True is 1 to Python, and not to JSON.
    return "" if fast is None or repr(fast) == repr(slow) else f"{slow!r}\n   but compiled {fast!r}"


def smaller(node: Json) -> Iterator[Json]:
    """The same with one key or item less, anywhere."""
    for key in list(node) if isinstance(node, dict) else range(len(node)):
        rest = copy.copy(node)
        del rest[key]
        yield rest
        if isinstance(node[key], dict | list):
            for below in smaller(node[key]):
                changed = copy.copy(node)
                changed[key] = below
                yield changed


def shrunk(tables: Json, body: Json) -> tuple[Json, Json]:
    """The least of both that still differs."""
    again = True
    while again:
        again = False
        for less in smaller({"tables": tables, "body": body}):
            if set(less) == {"tables", "body"} and outcome(lambda x=less: difference(**x)):
                if str(outcome(lambda x=less: difference(**x))).startswith("broke"):
                    continue  # no tables any more
                tables, body, again = less["tables"], less["body"], True
                break
    return tables, body


def tried(seed: int) -> str:
    r = Random(seed)
    tables = Maker(r).tables()
    for _ in range(4):
        body = Maker(r).body()
        if difference(tables, body):
            return report(seed, *shrunk(tables, body))
    return ""


def report(seed: int, tables: Json, body: Json) -> str:
    kept = {name: value for name, value in tables["request"].items() if value != CONVERTS}
    return f"seed {seed}: {kept}\n   of {body}\n   {difference(tables, body)}"


@pytest.mark.parametrize("part", range(4))
def test_random_rules_are_the_same_in_both_forms(part: int) -> None:
    for seed in range(part, times(280), 4):
        assert not (found := tried(seed)), found


def main() -> None:
    given = argparse.ArgumentParser()
    given.add_argument("--count", type=int, default=20_000)
    given.add_argument("--seed", type=int, default=0)
    asked = given.parse_args()
    wrong = 0
    for seed in range(asked.seed, asked.seed + asked.count):
        if found := tried(seed):
            wrong += 1
            print(found, flush=True)
    print(f"{asked.count} tried, {wrong} differ")


if __name__ == "__main__":
    main()
