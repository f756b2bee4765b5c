"""What the stand-in refuses as OpenAI would: a body that is right, one that is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from aisix.standin.chat import Wrong, check
from aisix.standin.functions import schema_complaints


def body(**more: Any) -> dict[str, Any]:
    return {"model": "gpt-5.5", "messages": [{"role": "user", "content": "q"}], **more}


def tool(schema: Any, name: str = "f", **more: Any) -> dict[str, Any]:
    function = {"name": name, "parameters": schema, **more}
    return body(tools=[{"type": "function", "function": function}])


def called(call_id: str, name: str = "f") -> dict[str, Any]:
    function = {"name": name, "arguments": "{}"}
    calls = [{"id": call_id, "type": "function", "function": function}]
    assistant = {"role": "assistant", "content": None, "tool_calls": calls}
    answer = {"role": "tool", "tool_call_id": call_id, "content": "x"}
    return body(messages=[{"role": "user", "content": "q"}, assistant, answer])


def formatted(schema: Any, **more: Any) -> dict[str, Any]:
    wanted = {"name": "n", "strict": True, "schema": schema, **more}
    return body(response_format={"type": "json_schema", "json_schema": wanted})


EMPTY: dict[str, Any] = {"type": "object", "properties": {}}
CLOSED = {**EMPTY, "additionalProperties": False, "required": []}


def having(prop: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": prop}}


RULES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "an object without properties": (tool(EMPTY), tool({"type": "object"})),
    "... inside": (tool(having(EMPTY)), tool(having({"type": "object"}))),
    "an array without items": (
        tool(having({"type": "array", "items": {}})),
        tool(having({"type": "array"})),
    ),
    "required is null": (tool({**EMPTY, "required": []}), tool({**EMPTY, "required": None})),
    "a root that is no object": (tool(EMPTY), tool({"type": "array", "items": {}})),
    "a choice at the root": (tool(having({"anyOf": [{}]})), tool({**EMPTY, "anyOf": [{}]})),
    "parameters of null": (tool(EMPTY), tool(None)),
    "a strict tool that is open": (tool(CLOSED, strict=True), tool(EMPTY, strict=True)),
    "a strict format that is open": (formatted(CLOSED), formatted(EMPTY)),
    "a format without a name": (formatted(CLOSED), formatted(CLOSED, name=None)),
    "a long name": (tool(EMPTY, "f" * 64), tool(EMPTY, "f" * 65)),
    "a name with a dot": (tool(EMPTY, "a-b_c"), tool(EMPTY, "a.b")),
    "a long id": (called("c" * 40), called("c" * 41)),
    "an empty id": (called("c"), called("")),
    "a long name in the history": (called("c", "f" * 64), called("c", "f" * 65)),
    "half a character": (tool(EMPTY, description="\U0001f600"), tool(EMPTY, description="\ud83d")),
    "a forced call of a model that takes none": (
        {**tool(EMPTY), "model": "kimi-k2.6", "tool_choice": "auto"},
        {**tool(EMPTY), "model": "kimi-k2.6", "tool_choice": "required"},
    ),
    "sampling of a reasoning model": (
        body(model="o3", temperature=1),
        body(model="o3", temperature=0),
    ),
    "the old limit of a reasoning model": (
        body(model="o3", max_completion_tokens=9),
        body(model="o3", max_tokens=9),
    ),
    "more tokens than it can say": (
        body(model="gpt-4o", max_tokens=16_384),
        body(model="gpt-4o", max_tokens=16_385),
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_what_is_right_passes_and_what_is_wrong_is_refused(name: str) -> None:
    right, wrong = RULES[name]
    check(right)
    with pytest.raises(Wrong):
        check(wrong)


def test_what_is_refused_is_named() -> None:
    (said,) = schema_complaints({**EMPTY, "required": None}, "function 'f'")
    assert said.startswith("Invalid schema for function 'f': schema.required")
