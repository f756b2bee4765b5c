"""The stand-in's reading of JSON Schema agrees with the metaschema of 2020-12."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aisix.standin.keywords import BY_NAME, LISTED, ONE, TYPES, keyword_complaints, references_round
from tests.long import times

META = jsonschema.Draft202012Validator(jsonschema.Draft202012Validator.META_SCHEMA)
TEXTS = ("title", "description", "pattern", "$comment")
NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
COUNTS = ("minLength", "maxItems", "maxProperties", "minContains")
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 3), st.just(1.5), st.sampled_from(["x", *TYPES, "any"]),
    st.lists(st.sampled_from(["a", "b", "null", "string", 1]), max_size=3), st.just({}),
    st.dictionaries(st.sampled_from(["a", "items"]), st.lists(st.just("a"), max_size=2), max_size=1),
)  # fmt: skip
NAMES = st.sampled_from(["a", "enum", "default", "items", "properties", "$ref", "required"])


def _around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas whose parts are mostly right."""
    fields: dict[str, st.SearchStrategy[Any]] = {
        **dict.fromkeys(BY_NAME, st.dictionaries(NAMES, inner, max_size=2)),
        **dict.fromkeys(LISTED, st.lists(inner, max_size=2)),
        **dict.fromkeys(ONE, inner),
        **dict.fromkeys(NUMBERS, st.one_of(st.integers(1, 3), VALUES)),
        **dict.fromkeys(COUNTS, st.one_of(st.integers(0, 3), VALUES)),
        **dict.fromkeys(TEXTS, st.one_of(st.just("x"), VALUES)),
        **dict.fromkeys(("uniqueItems", "deprecated"), st.one_of(st.booleans(), VALUES)),
        "type": st.one_of(st.sampled_from(TYPES), VALUES),
        "required": st.one_of(st.lists(NAMES, unique=True, max_size=2), VALUES),
        "enum": VALUES,
        "examples": VALUES,
        "const": VALUES,
        "default": VALUES,
        "nullable": VALUES,
        "dependentRequired": VALUES,
    }
    chosen = st.sets(st.sampled_from(sorted(fields)), max_size=3)
    return chosen.flatmap(
        lambda names: st.fixed_dictionaries({n: fields[n] for n in sorted(names)})
    )


SCHEMAS = st.recursive(st.one_of(st.booleans(), st.just({}), VALUES), _around, max_leaves=6)


@settings(max_examples=times(300), deadline=None)
@given(SCHEMAS)
def test_what_is_no_schema_is_found_and_nothing_else(schema: Any) -> None:
    assert bool(keyword_complaints(schema, "s")) is not META.is_valid(schema)


LIST = {"properties": {"next": {"$ref": "#/$defs/L"}}}


@pytest.mark.parametrize(
    ("schema", "round_"),
    [
        ({"$ref": "#/$defs/L", "$defs": {"L": LIST}}, True),
        ({"properties": {"a": {"$ref": "#"}}}, True),
        ({"items": {"anyOf": [{"$ref": "#/items"}]}}, True),
        (
            {"properties": {"default": {"$ref": "#/$defs/N"}}, "$defs": {"N": {"type": "null"}}},
            False,
        ),
        ({"properties": {"a": {"default": {"$ref": "#"}, "enum": [{"$ref": "#"}]}}}, False),
        (
            {
                "properties": {"a": {"$ref": "#/$defs/A"}, "b": {"$ref": "#/$defs/A"}},
                "$defs": {"A": {}},
            },
            False,
        ),
    ],
)
def test_references_that_lead_round(schema: Any, round_: bool) -> None:
    assert references_round(schema) is round_
