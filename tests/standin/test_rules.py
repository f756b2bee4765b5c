"""Each rule of the stand-in that came of the world's faults: a body that is right, one that is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from aisix.standin.rules import complaints
from tests.strict.samples import asking, said

ADAPTIVE: dict[str, Any] = {"thinking": {"type": "adaptive"}}
MARK = {"cache_control": {"type": "ephemeral"}}
TEXT = {"type": "text", "text": "x"}
PICTURE = {"type": "image", "source": {"type": "url", "url": "https://a.test/b.png"}}
CALL = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}


def body(model: str = "sonnet-4-6", **more: Any) -> dict[str, Any]:
    return {**asking(f"claude-{model}"), **more}


def tool(schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    whole = {"type": "object", "properties": {}, **schema}
    return {"tools": [{"name": "f", "input_schema": whole, **more}]}


def loose(prop: Any, **more: Any) -> dict[str, Any]:
    return tool({"properties": {"a": prop}, **more})


def strict(prop: Any, **more: Any) -> dict[str, Any]:
    closed = {"properties": {"a": prop}, "required": ["a"], "additionalProperties": False}
    return tool({**closed, **more}, strict=True)


def answered(prop: Any, **more: Any) -> dict[str, Any]:
    schema = strict(prop, **more)["tools"][0]["input_schema"]
    return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}


def result(*content: Any, **more: Any) -> dict[str, Any]:
    block = {"type": "tool_result", "tool_use_id": "t1", "content": list(content), **more}
    turns = [said("user", "q"), said("assistant", [CALL]), said("user", [block])]
    return {"messages": turns, **loose({})}


def late(*texts: str) -> dict[str, Any]:
    return {"messages": [said("user", "q"), *(said("system", text) for text in texts)]}


def document(**more: Any) -> dict[str, Any]:
    source = {"type": "text", "media_type": "text/plain", "data": more.pop("data", "x")}
    return {"messages": [said("user", [{"type": "document", "source": source, **more}])]}


ENUM = {"enum": ["x", None]}
REF = {"$ref": "#/$defs/A"}
DEFS = {"$defs": {"A": {"type": "string"}}}
ROUND = {"$defs": {"A": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/A"}]}}}

# what is right, what is wrong, what is said of it
RULES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "temperature beside thinking": (
        body(**ADAPTIVE, temperature=1), body(**ADAPTIVE, temperature=0.3), "`temperature`"),
    "top_k beside thinking": (body(top_k=3), body(**ADAPTIVE, top_k=3), "`top_k`"),
    "top_p beside thinking": (body(**ADAPTIVE, top_p=0.97), body(**ADAPTIVE, top_p=0.5), "`top_p`"),
    "null in an enum of texts": (
        body(**strict(ENUM)), body(**strict({"type": "string", **ENUM})), "declared type"),
    "an enum beside several types": (
        body(**answered(ENUM)), body(**answered({"type": ["string", "null"], **ENUM})), "declared type"),
    "a constant of another type": (
        body(**answered({"const": 1})), body(**answered({"type": "string", "const": 1})), "declared type"),
    "required is null": (body(**loose({})), body(**loose({}, required=None)), "2020-12"),
    "a null inside": (body(**loose({"type": "string"})), body(**loose({"enum": None})), "2020-12"),
    "a bound that is a flag": (
        body(**loose({"exclusiveMinimum": 0})), body(**loose({"exclusiveMinimum": True})), "2020-12"),
    "items as a list": (body(**loose({"items": {}})), body(**loose({"items": [{}]})), "2020-12"),
    "required on a property": (
        body(**loose({"required": []})), body(**loose({"required": True})), "2020-12"),
    "a type of its own": (body(**loose({"type": "null"})), body(**loose({"type": "any"})), "2020-12"),
    "a bound as text": (body(**loose({"minimum": 1})), body(**loose({"minimum": "1"})), "2020-12"),
    "required twice": (
        body(**loose({}, required=["a"])), body(**loose({}, required=["a", "a"])), "2020-12"),
    "a property's key": (
        body(**tool({"properties": {"a.b-C_1": {}}})), body(**tool({"properties": {"a[b]": {}}})), "a[b]"),
    "a long key": (
        body(**tool({"properties": {"k" * 64: {}}})), body(**tool({"properties": {"k" * 65: {}}})), "keys"),
    "a choice at the root": (body(**loose({"anyOf": [{}]})), body(**loose({}, anyOf=[{}])), "top level"),
    "allOf with $ref": (
        body(**answered(REF, **DEFS)), body(**answered({"allOf": [REF]}, **DEFS)), "allOf"),
    "an enum of objects": (body(**answered({"enum": [1]})), body(**answered({"enum": [{}]})), "Complex"),
    "a constant list": (body(**answered({"const": 1})), body(**answered({"const": []})), "Complex"),
    "unevaluatedProperties": (
        body(**loose({}, unevaluatedProperties=False)),
        body(**answered({"type": "null"}, unevaluatedProperties=False)), "unevaluatedProperties"),
    "nullable": (
        body(**loose({"type": "string", "nullable": True})),
        body(**strict({"type": "string", "nullable": True})), "nullable"),
    "oneOf": (
        body(**answered({"anyOf": [{"type": "null"}]})),
        body(**answered({"oneOf": [{"type": "null"}]})), "oneOf"),
    "a format of its own": (
        body(**answered({"type": "string", "format": "date"})),
        body(**answered({"type": "string", "format": "phone"})), "phone"),
    "recursion": (body(**answered(REF, **DEFS)), body(**answered(REF, **ROUND)), "Recursive"),
    "recursion behind a name": (
        body(**answered({"type": "object", "properties": {"enum": REF}, "additionalProperties": False}, **DEFS)),
        body(**answered({"type": "object", "properties": {"enum": REF}, "additionalProperties": False}, **ROUND)),
        "Recursive"),
    "a reference to nothing": (body(**answered(REF, **DEFS)), body(**answered(REF)), "nothing"),
    "a mark inside a result": (
        body(**result(TEXT, **MARK)), body(**result({**TEXT, **MARK})), "Extra inputs"),
    "a mark of a picture inside a result": (
        body(**result(PICTURE)), body(**result({**PICTURE, **MARK})), "Extra inputs"),
    "a picture in a failed result": (
        body(**result(TEXT, is_error=True)), body(**result(TEXT, PICTURE, is_error=True)), "is_error"),
    "a title over 500": (
        body(**document(title="t" * 500)), body(**document(title="t" * 501)), "500"),
    "a text file of white space": (body(**document()), body(**document(data="\n ")), "not be empty"),
    "half a character": (
        body(**document(data="\U0001f600")), body(**document(data="\ud83d")), "surrogate"),
    "half a character in a key": (
        body(**loose({"default": {"\U0001f600": 1}})), body(**loose({"default": {"\ude00": 1}})), "surrogate"),
    "two late system messages": (
        body("opus-4-8", **late("A")), body("opus-4-8", **late("A", "B")), "consecutive"),
    "a budget for a model without": (
        body("opus-4-8", **ADAPTIVE),
        body("opus-4-8", thinking={"type": "enabled", "budget_tokens": 1024}), "not supported"),
    "an effort for a model without": (
        body("opus-4-8", output_config={"effort": "high"}),
        body("sonnet-4-5", output_config={"effort": "high"}), "effort"),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_what_is_right_passes_and_what_is_wrong_is_refused(name: str) -> None:
    right, wrong, said_of_it = RULES[name]
    assert complaints(right) == []
    assert any(said_of_it in text for text in complaints(wrong)), complaints(wrong)


BETAS = {
    "context-management-2025-06-27": {"context_management": {"edits": []}},
    "mcp-client-2025-11-20": {
        "mcp_servers": [{"type": "url", "url": "https://a.test", "name": "x"}]
    },
    "task-budgets-2026-03-13": {
        "output_config": {"task_budget": {"type": "tokens", "total": 9000}}
    },
    "computer-use-2025-11-24": {"tools": [{"type": "computer_20251124", "name": "computer"}]},
    "server-side-fallback-2026-07-01": {"fallbacks": []},
    "compact-2026-09-04": {"compaction": {}},
}


@pytest.mark.parametrize("beta", BETAS)
def test_a_field_of_a_beta_passes_with_it_alone(beta: str) -> None:
    asked = body("opus-4-8", **BETAS[beta])
    assert complaints(asked, betas={beta}) == []
    assert complaints(asked, betas={"files-api-2025-04-14"}) != []
