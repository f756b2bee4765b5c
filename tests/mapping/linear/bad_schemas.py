"""Bad JSON Schemas: layers, rings, chains, branches, and what is many in one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Json = Any
Body = Callable[[int], Json]


def in_layers(n: int) -> Json:
    """2.4 KB that were a minute: each property refers to the next layer."""
    layers = {
        f"l{i}": {
            "type": "object",
            "properties": {p: {"$ref": f"#/$defs/l{i + 1}"} for p in "abcdefgh"},
        }
        for i in range(n)
    }
    return {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/l0"}},
        "$defs": {**layers, f"l{n}": {"type": "string"}},
    }


def rooted_in_layers(n: int) -> Json:
    return {"$ref": "#/$defs/l0", "$defs": in_layers(n)["$defs"]}


def old_layers(n: int) -> Json:
    text = json.dumps(in_layers(n)).replace("$defs", "definitions")
    return json.loads(text)


def in_a_ring(n: int) -> Json:
    ring = {
        f"l{i}": {"anyOf": [{"$ref": f"#/$defs/l{(i + 1) % n}"}, {"type": "null"}]}
        for i in range(n)
    }
    return {"type": "object", "properties": {"a": {"$ref": "#/$defs/l0"}}, "$defs": ring}


def in_a_chain(word: str) -> Body:
    def make(n: int) -> Json:
        chain = {
            f"l{i}": {word: [{"$ref": f"#/$defs/l{i + 1}"}, {"properties": {f"p{i}": {}}}]}
            for i in range(n)
        }
        return {word: [{"$ref": "#/$defs/l0"}], "$defs": {**chain, f"l{n}": {"type": "object"}}}

    return make


def branches(word: str, same: bool = False) -> Body:
    """Choices or parts right at the root."""

    def make(n: int) -> Json:
        def part(i: int) -> Json:
            name = "p" if same else f"p{i}"
            return {
                "type": "object",
                "properties": {name: {"type": "string", "description": f"d{i}"}},
                "required": [name],
                "additionalProperties": False,
            }

        return {"type": "object", word: [part(i) for i in range(n)]}

    return make


def pointing(n: int) -> Json:
    """References that name no definition but a place."""
    places = {
        f"p{i}": {"$ref": f"#/properties/p{i - 1}"} if i else {"type": "string"} for i in range(n)
    }
    return {"type": "object", "properties": places}


def nested(n: int) -> Json:
    out: Json = {"type": "string"}
    for _ in range(n):
        out = {
            "type": "object",
            "properties": {"a": out},
            "required": ["a"],
            "additionalProperties": False,
        }
    return out


def wide(make: Callable[[int], Json]) -> Body:
    return lambda n: {
        "type": "object",
        "properties": {f"p {i}": make(i) for i in range(n)},
        "required": [f"p {i}" for i in range(n)],
        "additionalProperties": False,
    }


def with_(**words: Body) -> Body:
    return lambda n: {
        "type": "object",
        "properties": {"a": {word: make(n) for word, make in words.items()}},
        "required": ["a"],
        "additionalProperties": False,
    }


SCHEMAS: dict[str, Body] = {
    "layers of definitions": in_layers,
    "layers below the root": rooted_in_layers,
    "layers of old definitions": old_layers,
    "a ring of references": in_a_ring,
    "a chain of allOf": in_a_chain("allOf"),
    "a chain of anyOf": in_a_chain("anyOf"),
    **{f"{word} at the root": branches(word) for word in ("anyOf", "oneOf", "allOf")},
    **{
        f"{word} at the root, all about one": branches(word, True)
        for word in ("anyOf", "oneOf", "allOf")
    },
    "references to places": pointing,
    "schemas in one another, deep": nested,
    "properties": wide(lambda i: {"type": "string"}),
    "odd properties": wide(lambda i: {"type": "int", "nullable": True, "required": True}),
    "values of an enum": with_(enum=lambda n: [*range(n), *map(str, range(n)), True, None, 1.5]),
    "one value of an enum": with_(enum=lambda n: ["a"] * n),
    "types": with_(type=lambda n: ["string", "null"] * n),
    "required names": with_(required=lambda n: [f"a{i}" for i in range(n)]),
    "one required name": with_(required=lambda n: ["a"] * n),
    "parts of allOf": with_(
        allOf=lambda n: [
            {"properties": {f"p{i}": {}}, "required": [f"p{i}"], "description": f"d{i}"}
            for i in range(n)
        ]
    ),
    "old dependencies": with_(
        dependencies=lambda n: {f"p{i}": ["a"] if i % 2 else {} for i in range(n)}
    ),
    "patterns": with_(patternProperties=lambda n: {f"^p{i}": {} for i in range(n)}),
    "unknown keywords": lambda n: {
        "type": "object",
        "properties": {"a": {f"x-{i}": i for i in range(n)}},
    },
    "long descriptions": with_(description=lambda n: "a" * n),
}
