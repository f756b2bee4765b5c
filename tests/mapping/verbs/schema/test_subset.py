"""A schema cut to what constrained answers can be held to."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from aisix.mapping.verbs.schema.budget import most_within
from aisix.mapping.verbs.schema.closed import every_property_required
from aisix.mapping.verbs.schema.enums import consistent
from aisix.mapping.verbs.schema.fill import filled
from aisix.mapping.verbs.schema.pointers import is_circular
from aisix.mapping.verbs.schema.subset import CutSchema, cut

KEEP = (
    *("type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf"),
    *("$ref", "$defs", "definitions", "description", "title", "format", "minItems"),
)
S, NULL = {"type": "string"}, {"type": "null"}


def of(schema: Any) -> CutSchema:
    return cut({"type": "object", "properties": {"p": schema}, "required": ["p"]}, KEEP, ["date"])


def part(schema: Any) -> Any:
    found = of(schema)
    assert found.fits
    return found.schema["properties"]["p"]


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ({"type": ["string", "null"], "enum": ["a", None]}, {"anyOf": [{**S, "enum": ["a"]}, NULL]}),
        ({"type": ["string", "null"], "enum": ["a"]}, {**S, "enum": ["a"]}),
        ({"type": "string", "enum": ["a", None, "a"]}, {**S, "enum": ["a"]}),
        ({"type": ["integer", "null"], "const": 3}, {"type": "integer", "const": 3}),
        ({"type": ["string", "null"], "const": None}, {**NULL, "const": None}),
        ({"type": ["boolean", "null"], "enum": [True, False, None]}, {"anyOf": [{"type": "boolean"}, NULL]}),
        ({"type": "number", "enum": [1, 2.5]}, {"type": "number", "enum": [1, 2.5]}),
        ({"type": ["string", "integer"], "enum": ["a", 1, True]},
         {"anyOf": [{**S, "enum": ["a"]}, {"type": "integer", "enum": [1]}]}),
        ({"enum": ["a", 1, None]}, {"enum": ["a", 1, None]}),
        ({"enum": ["a", "b"], "const": "a"}, {"const": "a"}),
    ],
    ids=str,
)  # fmt: skip
def test_types_agree_with_listed_values(schema: Any, wanted: Any) -> None:
    assert part(schema) == wanted
    for value in ("a", "b", 1, 2.5, 3, True, False, None):
        valid = [jsonschema.Draft202012Validator(s).is_valid(value) for s in (schema, wanted)]
        assert valid[0] is valid[1], value


@pytest.mark.parametrize(
    "schema",
    [
        {"enum": [{"x": 1}]},
        {"const": [1]},
        {"type": "string", "enum": [1, 2]},
        {"type": "string", "const": 1},
        {"enum": ["a"], "const": "b"},
        {"allOf": [{"$ref": "#/$defs/A"}, {"type": "object"}]},
        {"allOf": [{"type": "string"}, {"type": "integer"}]},
        {
            "allOf": [
                {"properties": {"a": S}, "additionalProperties": False},
                {"properties": {"b": S}},
            ]
        },
        {"patternProperties": {"^a": S}, "type": "object"},
        {"type": "object", "additionalProperties": S},
        {"type": "object"},
        {"anyOf": [S], "oneOf": [S]},
        {"type": "object", "properties": {"a": S}, "required": ["b"]},
        {},
        True,
    ],
    ids=str,
)
def test_what_cannot_be_held_to(schema: Any) -> None:
    assert not of(schema).fits


def test_one_part_of_all_of_is_the_part_itself() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"allOf": [{"$ref": "#/$defs/A"}], "description": "d", "default": 1}},
        "$defs": {"A": S},
    }
    found = cut(schema, KEEP, ())
    assert found.fits
    assert found.schema["properties"]["a"] == {
        "$ref": "#/$defs/A",
        "description": "d\n\n{default: 1}",
    }
    assert part({"allOf": [{"type": "string"}, {"enum": ["a"]}]}) == {
        "type": "string",
        "enum": ["a"],
    }
    merged = part({"allOf": [{"properties": {"a": S}, "required": ["a"]}], "properties": {"b": S}})
    assert merged["properties"] == {"b": S, "a": S}


@pytest.mark.parametrize(
    "word", ["unevaluatedProperties", "minLength", "pattern", "x-mine", "default", "prefixItems"]
)
def test_every_other_keyword_goes_into_the_description(word: str) -> None:
    found = of({"type": "string", word: "v", "format": "odd"})
    assert found.schema["properties"]["p"] == {
        "type": "string",
        "description": f"{{{word}: v, format: odd}}",
    }


@pytest.mark.parametrize("name", ["default", "enum", "const", "examples", "properties", "$defs"])
def test_recursion_is_found_by_place(name: str) -> None:
    node = {"type": "object", "properties": {name: {"$ref": "#/$defs/N"}}}
    assert is_circular({"$ref": "#/$defs/N", "$defs": {"N": node}})
    values: dict[str, Any] = {"enum": [{"$ref": "#/$defs/N"}], "default": {"$ref": "#/$defs/N"}}
    assert not is_circular({"$ref": "#/$defs/N", "$defs": {"N": values}})


def test_layers_that_share_are_no_circle_and_cheap() -> None:
    definitions = {
        f"L{n}": {
            "type": "object",
            "properties": {name: {"$ref": f"#/$defs/L{n + 1}"} for name in "abc"},
            "required": ["a", "b", "c"],
        }
        for n in range(40)
    } | {"L40": S}
    found = cut({"$ref": "#/$defs/L0", "$defs": definitions}, KEEP, ())
    assert found.fits
    assert found.optional == 0


@pytest.mark.parametrize("reference", ["#", "#/$defs/Missing", "other.json", "#anchor"])
def test_a_reference_that_leads_nowhere_is_as_bad(reference: str) -> None:
    assert is_circular({"properties": {"a": {"$ref": reference}}, "$defs": {"A": S}})


def test_the_fewest_are_left_out_and_the_dearest_of_those() -> None:
    assert most_within([(18, 0), (8, 0)], (24, 16), 20) == [1]
    assert most_within([(20, 0), (8, 0), (8, 0), (8, 0)], (24, 16), 20) == [1, 2, 3]
    assert most_within([(12, 9), (12, 7), (0, 0)], (24, 16), 20) == [0, 1, 2]
    assert most_within([(0, 0)] * 30, (24, 16), 20) == list(range(20))
    assert most_within([(30, 0), (1, 1)], (24, 16), 20) == [1]
    assert len(most_within([(1, 1)] * 500, (24, 16), 20)) == 16


def test_which_values_agree_is_none_for_none() -> None:
    assert consistent({"type": "string"}) == {"type": "string"}
    assert consistent({"type": "string", "enum": [None]}) is None


def test_objects_and_arrays_are_filled_by_place() -> None:
    schema = {
        "type": "object",
        "properties": {"items": {"type": "array"}, "type": {"type": ["object", "null"]}},
    }
    assert filled(schema)["properties"] == {
        "items": {"type": "array", "items": {}},
        "type": {"type": ["object", "null"], "properties": {}},
    }
    done = {"type": "array", "items": S, "x": {"type": "object"}}
    assert filled(done) is done


def test_closed_means_every_object_by_place() -> None:
    inner = {"type": "object", "properties": {"a": S}, "additionalProperties": False}
    outer = {**inner, "required": ["a"], "properties": {"a": inner}}
    assert not every_property_required(outer)
    assert every_property_required({**outer, "properties": {"a": {**inner, "required": ["a"]}}})
    assert every_property_required({"type": "string", "minLength": 1})
    assert not every_property_required({"type": "string", "minLength": 1}, ["type"])
