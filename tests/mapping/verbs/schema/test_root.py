"""Choices, references and conditions at the root of a schema, merged into one object."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from aisix.mapping.verbs.schema.keywords import TooLarge
from aisix.mapping.verbs.schema.root import MERGED, object_root

S, I = {"type": "string"}, {"type": "integer"}  # noqa: E741


def closed(required: list[str], **properties: Any) -> dict[str, Any]:
    made = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**made, "required": required}


def merged(schema: dict[str, Any]) -> dict[str, Any]:
    made = object_root(schema)
    assert made is not None
    assert not MERGED & made.keys()
    assert made["type"] == "object"
    jsonschema.Draft202012Validator.check_schema(made)
    return made


@pytest.mark.parametrize("word", ["anyOf", "oneOf"])
def test_all_properties_of_a_choice_and_what_all_require(word: str) -> None:
    made = merged({word: [closed(["k", "a"], k=S, a=S), closed(["k", "b"], k=I, b=I)]})
    assert made["properties"] == {"k": {"anyOf": [S, I]}, "a": S, "b": I}
    assert made["required"] == ["k"]
    assert made["additionalProperties"] is False
    assert made["description"] == f"{{{word}: [{{required:[k,a]}},{{required:[k,b]}}]}}"


def test_a_closed_object_beside_a_choice_lets_its_properties_in() -> None:
    made = merged({**closed([], own=S), "anyOf": [closed(["a"], a=S), {"type": "null"}]})
    assert made["properties"] == {"own": S, "a": S}
    assert made["required"] == ["a"]  # no other branch is an object
    assert made["additionalProperties"] is False


def test_branches_that_only_require() -> None:
    schema = {**closed([], a=S, b=S), "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}
    made = merged(schema)
    assert made["properties"] == {"a": S, "b": S}
    assert "required" not in made
    assert "required:[a]" in made["description"]


def test_parts_of_all_of_and_what_they_refer_to() -> None:
    schema = {
        "$defs": {"A": {**closed(["a"], a=S), "description": "an A"}},
        "allOf": [{"$ref": "#/$defs/A"}, {"properties": {"b": I}, "required": ["b"]}],
    }
    made = merged(schema)
    assert made["properties"] == {"a": S, "b": I}
    assert made["required"] == ["a", "b"]
    assert made["description"] == "an A"
    assert made["$defs"] == schema["$defs"]


def test_a_reference_at_the_root() -> None:
    schema = {"$ref": "#/$defs/A", "$defs": {"A": closed(["a"], a={"$ref": "#/$defs/A"})}}
    made = merged(schema)
    assert made["properties"] == {"a": {"$ref": "#/$defs/A"}}
    assert made["required"] == ["a"]


def test_a_property_of_two_parts_must_fit_both() -> None:
    made = merged({"allOf": [{"properties": {"a": S}}, {"properties": {"a": {"minLength": 2}}}]})
    assert made["properties"]["a"] == {**S, "minLength": 2}
    made = merged({"allOf": [{"properties": {"a": S}}, {"properties": {"a": {"type": "null"}}}]})
    assert made["properties"]["a"] == {"allOf": [S, {"type": "null"}]}


def test_what_one_branch_says_of_a_property_of_all_does_not_bind_the_others() -> None:
    branches = [{"properties": {"a": {"maxLength": 1}}}, {"required": ["b"]}]
    made = merged({"properties": {"a": S, "b": S}, "anyOf": branches})
    assert made["properties"]["a"] == S
    condition = {"if": {"required": ["b"]}, "then": {"properties": {"a": {"maxLength": 1}}}}
    assert merged({"properties": {"a": S, "b": S}, **condition})["properties"]["a"] == S


def test_a_condition_brings_the_properties_of_both_ways() -> None:
    made = merged(
        {
            "properties": {"k": S},
            "required": ["k"],
            "if": {"properties": {"k": {"const": "x"}}},
            "then": {"properties": {"x": I}, "required": ["x"]},
            "else": {"properties": {"y": I}, "required": ["y"]},
        }
    )
    assert made["properties"] == {"k": S, "x": I, "y": I}
    assert made["required"] == ["k"]


@pytest.mark.parametrize(
    "schema",
    [
        {"anyOf": [S, {"type": "array"}]},
        {"type": "array", "anyOf": [{}]},
        {"allOf": [{"type": "object"}, S]},
        {"oneOf": [False]},
        {"$ref": "#/$defs/A", "$defs": {"A": S}},
    ],
)
def test_what_can_be_no_object(schema: dict[str, Any]) -> None:
    assert object_root(schema) is None


def test_one_that_refers_to_itself_says_nothing_more() -> None:
    made = merged({"anyOf": [{"$ref": "#"}, closed(["a"], a=S)]})
    assert made["properties"] == {"a": S}
    loop = {"$ref": "#/$defs/A", "$defs": {"A": {"allOf": [{"$ref": "#/$defs/A"}]}}}
    assert merged(loop)["properties"] == {}


def layered(depth: int, last: dict[str, Any]) -> dict[str, Any]:
    """Each layer refers to the next one twice: 2^depth ways through a few kilobytes."""
    definitions: dict[str, Any] = {f"L{depth}": last}
    for n in range(depth):
        below = {"$ref": f"#/$defs/L{n + 1}"}
        one, other = (
            {"properties": {"a": {"minLength": n}}},
            {"properties": {"a": {"maxLength": n}}},
        )
        definitions[f"L{n}"] = {"anyOf": [{"allOf": [below, one]}, {"allOf": [below, other]}]}
    return {"$ref": "#/$defs/L0", "$defs": definitions}


def test_layers_that_share_are_looked_at_once() -> None:
    made = merged(layered(6, closed(["a"], a=S)))
    assert made["required"] == ["a"]


def test_what_would_be_written_too_often_is_too_large() -> None:
    with pytest.raises(TooLarge):
        object_root(layered(40, closed(["a"], a=S)))
