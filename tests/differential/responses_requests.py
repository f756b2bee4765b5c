"""Whole valid requests of POST /v1/responses, by the SDK's parameter types."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random

from openai.types import responses
from openai.types.responses import response_create_params
from openai.types.shared_params import Reasoning

from tests.differential.requests import (
    PDF,
    _arguments,
    _never,
    _picture,
    _schema,
    _share,
    _whole,
)
from tests.differential.shapes import Json, Made, Maker

# What only a store, a background or a hosted tool could serve is refused: not asked for here.
_REFUSED = (
    *("background", "background_options", "conversation", "previous_response_id", "prompt"),
    *("store", "moderation", "context_management", "access_programs", "image", "include"),
)
_BY_ITSELF = ("input", "tools", "tool_choice", "text", "reasoning", "stream_options", "truncation")
RESPONSES: dict[str, Made] = {
    "model": lambda maker: "alias",
    "temperature": _share(0, 1),
    "top_p": _share(0.95, 1),
    "max_output_tokens": _whole(3000, 7000),
    "top_logprobs": lambda maker: 0,
    "parameters": _schema,
    "schema": _schema,
    "image_url": _picture,
    "file_data": lambda maker: f"data:application/pdf;base64,{maker.base64(PDF)}",
    "filename": lambda maker: f"{maker.mark()}.pdf",
    "file_url": _never,
    "file_id": _never,
    "async": _never,
    "allowed_callers": _never,
    "output_schema": _never,
    "caller": _never,
    "comparison_response_id": _never,
    "prewarm": lambda maker: False,
    "metadata": lambda maker: {maker.mark(): maker.mark()},
}


def responses_request(random: Random) -> dict[str, Json]:
    """A request of POST /v1/responses."""
    maker = Maker(random, RESPONSES)
    kind = response_create_params.ResponseCreateParamsBase
    out = maker.object(kind, (*_REFUSED, *_BY_ITSELF), model="alias")
    if maker.chance(0.3):
        out["reasoning"] = maker.object(Reasoning, ("context", "mode"))
    if maker.chance(0.3):
        out["text"] = {"format": _format(maker)}
    tools = maker.some(lambda: _tool(maker)) if maker.chance(0.6) else []
    if tools:
        out["tools"] = tools
        # Of several, some models are given the one that must be called alone.
        one = tools[0] if len(tools) == 1 and "tools" not in tools[0] else None
        named = {"type": one["type"], "name": one["name"]} if one else None
        choices: list[Json] = ["auto", "none", "required", *([named] if named else [])]
        if maker.chance(0.5):
            out["tool_choice"] = random.choice(choices)
    out["input"] = _history(maker, tools)
    return out


def _format(maker: Maker) -> Json:
    made = {"type": "json_schema", "name": maker.mark(), "schema": _schema(maker), "strict": True}
    return maker.random.choice([made, {"type": "text"}])


def _tool(maker: Maker, deep: bool = True) -> Json:
    if deep and maker.chance(0.25):
        inner = [_tool(maker, deep=False)]  # of several, each has the name of the group
        return {"type": "namespace", "name": maker.mark(), "description": "Some.", "tools": inner}
    if maker.chance(0.25):
        return maker.object(responses.CustomToolParam, ("defer_loading",), type="custom")
    given = {"name": maker.mark(), "parameters": _schema(maker), "type": "function"}
    leave = ("defer_loading",)
    return maker.object(responses.FunctionToolParam, leave, **given, strict=maker.chance(0.5))


def _history(maker: Maker, tools: Sequence[Json]) -> list[Json]:
    out: list[Json] = []
    for _ in range(maker.random.randint(0, 2)):
        out.append(_said(maker, "user"))
        if maker.chance(0.7):
            text = {"type": "output_text", "text": maker.mark(), "annotations": []}
            own = {"id": "msg_1", "status": "completed", "type": "message"}
            out.append({**own, "role": "assistant", "content": [text]})
        if tools and maker.chance(0.6):
            calls = maker.some(lambda: _call(maker, tools))
            out += calls
            out += (_result(maker, call) for call in calls)
    return [*out, _said(maker, "user")]


def _said(maker: Maker, role: str) -> Json:
    parts = (
        responses.ResponseInputTextParam,
        responses.ResponseInputImageParam,
        responses.ResponseInputFileParam,
    )
    content = maker.some(lambda: _part(maker, maker.random.choice(parts)))
    return {"role": role, "content": content}


def _part(maker: Maker, kind: type) -> Json:
    needed: dict[str, Json] = {}
    if kind is responses.ResponseInputImageParam:
        needed = {"image_url": _picture(maker)}
    elif kind is responses.ResponseInputFileParam:
        needed = {name: RESPONSES[name](maker) for name in ("file_data", "filename")}
    return maker.object(kind, (), **needed)


def _call(maker: Maker, tools: Sequence[Json]) -> Json:
    tool, space = maker.random.choice(tools), {}
    if "tools" in tool:
        tool, space = maker.random.choice(tool["tools"]), {"namespace": tool["name"]}
    made: Json = {"call_id": f"call_{maker.mark()}", "name": tool["name"], **space}
    if tool["type"] == "custom":
        return {**made, "type": "custom_tool_call", "input": maker.mark()}
    return {**made, "type": "function_call", "arguments": json.dumps(_arguments(maker))}


def _result(maker: Maker, call: Json) -> Json:
    made = {"type": f"{call['type']}_output", "call_id": call["call_id"]}
    return {**made, "output": maker.mark()}
