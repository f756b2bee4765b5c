"""Older drafts, OpenAPI and hasty programs, said as draft 2020-12 says it."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from aisix.mapping.verbs.refused import Refused
from aisix.mapping.verbs.schema.drafts import normal
from aisix.mapping.verbs.schema.keywords import DEEPEST, MOST

META = jsonschema.Draft202012Validator(jsonschema.Draft202012Validator.META_SCHEMA)
ANY: dict[str, Any] = {"type": "string"}


def of_property(schema: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"p": schema}}


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ({"minimum": 1, "exclusiveMinimum": True}, {"exclusiveMinimum": 1}),
        ({"maximum": 1, "exclusiveMaximum": True}, {"exclusiveMaximum": 1}),
        ({"minimum": 1, "exclusiveMinimum": False}, {"minimum": 1}),
        ({"exclusiveMinimum": True}, {}),
        ({"minimum": "1", "maximum": "2.5"}, {"minimum": 1, "maximum": 2.5}),
        ({"exclusiveMaximum": "7"}, {"exclusiveMaximum": 7}),
        ({"minLength": "2", "maxLength": 3.0}, {"minLength": 2, "maxLength": 3}),
        ({"minItems": -1}, {}),
        ({"items": [ANY, ANY]}, {"prefixItems": [ANY, ANY]}),
        (
            {"items": [ANY], "additionalItems": False},
            {"prefixItems": [ANY], "items": False},
        ),
        ({"items": [], "additionalItems": ANY}, {"items": ANY}),
        ({"items": ANY, "additionalItems": False}, {"items": ANY}),
        ({"type": "any"}, {}),
        ({"type": "STRING"}, {"type": "string"}),
        ({"type": "float"}, {"type": "number"}),
        ({"type": "widget"}, {}),
        ({"type": ["string", "string"]}, {"type": ["string"]}),
        ({"type": ["string", "any"]}, {}),
        ({"type": ["string", {"type": "null"}]}, {"anyOf": [ANY, {"type": "null"}]}),
        ({"required": ["a", "a", "b"]}, {"required": ["a", "b"]}),
        ({"required": "a"}, {"required": ["a"]}),
        ({"required": True}, {}),
        (
            {"properties": {"a": {"required": True}, "b": {"required": False}}},
            {"properties": {"a": {}, "b": {}}, "required": ["a"]},
        ),
        (
            {"required": ["b"], "properties": {"a": {"type": "string", "required": True}}},
            {"required": ["b", "a"], "properties": {"a": ANY}},
        ),
        ({"dependencies": {"a": ["b"]}}, {"dependentRequired": {"a": ["b"]}}),
        ({"dependencies": {"a": ANY}}, {"dependentSchemas": {"a": ANY}}),
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": False}, ANY),
        (
            {"type": "string", "enum": ["a"], "nullable": True},
            {"type": ["string", "null"], "enum": ["a", None]},
        ),
        ({"const": 1, "nullable": True}, {"enum": [1, None]}),
        ({"anyOf": [ANY], "nullable": True}, {"anyOf": [ANY, {"type": "null"}]}),
        (
            {"allOf": [ANY], "description": "d", "nullable": True},
            {"description": "d", "anyOf": [{"allOf": [ANY]}, {"type": "null"}]},
        ),
        ({"anyOf": []}, {}),
        ({"anyOf": ANY}, {"anyOf": [ANY]}),
        ({"enum": "a"}, {"enum": ["a"]}),
        ({"additionalProperties": "false"}, {"additionalProperties": False}),
        ({"description": 5, "examples": "x"}, {"description": "5", "examples": ["x"]}),
        ({"items": "string"}, {"items": ANY}),
        ({"$id": "#a", "$anchor": "1"}, {}),
    ],
    ids=str,
)
def test_what_is_said_otherwise(schema: Any, wanted: Any) -> None:
    found = normal(of_property(schema), "bad")
    assert found.schema["properties"]["p"] == wanted
    assert found.changed
    assert normal(found.schema, "bad") == (found.schema, False)
    assert not list(META.iter_errors(found.schema))


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"default": ANY, "enum": ANY, "properties": ANY, "$ref": ANY}},
        {"properties": {"required": {"type": "boolean"}, "items": {"type": "array"}}},
        {"const": {"required": True, "items": [1], "a": None}},
        {"enum": [{"type": "any"}, None]},
        {"default": {"minimum": "1"}, "examples": [{"type": "any"}]},
        {"type": ["string", "null"], "enum": ["a", None], "default": None},
        {"$defs": {"type": {"type": "string"}}, "$ref": "#/$defs/type"},
        {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"A": ANY}},
        {"x-order": 1, "example": None, "prefixItems": [True, False]},
    ],
    ids=str,
)
def test_what_needs_no_change_is_the_same_object(schema: Any) -> None:
    found = normal(schema, "bad")
    assert not found.changed
    assert found.schema == {k: v for k, v in schema.items() if k != "example"}
    if "example" not in schema:
        assert found.schema is schema


def test_a_null_keyword_is_absent_and_no_change() -> None:
    nulls: dict[str, Any] = dict.fromkeys(
        ("required", "enum", "description", "items", "properties", "anyOf", "$ref", "type"), None
    )
    found = normal(of_property({**nulls, "const": None, "default": None}), "bad")
    assert found == (of_property({"const": None, "default": None}), False)


def test_the_draft_is_not_claimed_of_what_was_converted() -> None:
    schema = {"$schema": "http://json-schema.org/draft-04/schema#", "items": [ANY]}
    assert normal(schema, "bad").schema == {"prefixItems": [ANY]}


@pytest.mark.parametrize(
    ("schema", "at"),
    [
        ({"minimum": "low"}, "properties.p.minimum"),
        ({"multipleOf": 0}, "properties.p.multipleOf"),
        ({"maxLength": -1}, "properties.p.maxLength"),
        ({"maxLength": 1.5}, "properties.p.maxLength"),
        ({"required": [1]}, "properties.p.required"),
        ({"properties": ["a"]}, "properties.p.properties"),
        ({"properties": {"q": 3}}, "properties.p.properties.q"),
        ({"anyOf": [ANY, 3]}, "properties.p.anyOf[1]"),
        ({"enum": {"a": 1}}, "properties.p.enum"),
        ({"type": 5}, "properties.p.type"),
        ({"pattern": 5}, "properties.p.pattern"),
        ({"uniqueItems": "often"}, "properties.p.uniqueItems"),
        ({"$ref": 5}, "properties.p.$ref"),
        ({"dependencies": 5}, "properties.p.dependencies"),
        (5, "properties.p"),
    ],
    ids=str,
)
def test_what_cannot_be_converted_is_refused_where_it_stands(schema: Any, at: str) -> None:
    with pytest.raises(Refused) as refused:
        normal(of_property(schema), "bad")
    assert (refused.value.kind, refused.value.at) == ("bad", at)
    assert refused.value.values["reason"]


def test_references_to_other_places_become_definitions() -> None:
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": "array", "items": [{"type": "string", "nullable": True}]},
            "b": {"$ref": "#/properties/a/items/0"},
            "const": {"$ref": "#/properties/b"},
        },
        "enum": [{"$ref": "#/properties/a"}],
    }
    made = normal(schema, "bad").schema
    assert made["$defs"] == {
        "properties_a_items_0": {"type": ["string", "null"]},
        "properties_b": {"$ref": "#/$defs/properties_a_items_0"},
    }
    assert made["properties"]["b"] == {"$ref": "#/$defs/properties_a_items_0"}
    assert made["properties"]["const"] == {"$ref": "#/$defs/properties_b"}
    assert made["enum"] == schema["enum"]


def test_what_is_too_large_is_refused() -> None:
    deep: Any = {}
    for _ in range(DEEPEST + 2):
        deep = {"items": deep}
    wide = {"anyOf": [{}] * (MOST + 1)}
    for schema in (deep, wide):
        with pytest.raises(Refused) as refused:
            normal(schema, "bad")
        assert "larger than" in refused.value.values["reason"]
