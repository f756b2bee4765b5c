"""Whole valid requests of both caller dialects, by the SDKs' parameter types.

The types say what a field may hold; what they cannot say (a result answers a call, a choice names a
tool, a budget leaves room for an answer) is said here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from random import Random

from anthropic import types as claude
from anthropic.types import message_create_params
from openai.types import chat
from openai.types.chat import completion_create_params
from openai.types.shared_params import FunctionDefinition

from tests.differential.shapes import Json, Made, Maker, Unmakeable

PNG, PDF = b"\x89PNG\r\n\x1a\n", b"%PDF-1.7\n"


def _never(maker: Maker) -> Json:
    raise Unmakeable


def _schema(maker: Maker) -> Json:
    text = {"type": "string", "description": maker.mark()}
    names = maker.some(maker.mark)
    properties = {name: dict(text) for name in names}
    return {
        "type": "object",
        "properties": properties,
        "required": names,
        "additionalProperties": False,
    }


def _arguments(maker: Maker) -> dict[str, Json]:
    return {maker.mark(): maker.mark(), maker.mark(): [maker.number(), {"deep": maker.mark()}]}


def _picture(maker: Maker) -> str:
    if maker.chance(0.5):
        return f"https://pictures.test/{maker.mark()}.png"
    return f"data:image/png;base64,{maker.base64(PNG)}"


def _file(maker: Maker) -> dict[str, str]:
    data = f"data:application/pdf;base64,{maker.base64(PDF)}"
    return {"filename": f"{maker.mark()}.pdf", "file_data": data}


def _share(low: float, high: float) -> Made:
    return lambda maker: round(maker.random.uniform(low, high), 6)


def _whole(low: int, high: int) -> Made:
    return lambda maker: maker.random.randint(low, high)


OPENAI: dict[str, Made] = {
    "model": lambda maker: "alias",
    "temperature": _share(0, 1),
    "top_p": _share(0.95, 1),
    "n": lambda maker: 1,
    "max_tokens": _whole(3000, 7000),
    "max_completion_tokens": _whole(3000, 7000),
    "frequency_penalty": _share(-2, 2),
    "presence_penalty": _share(-2, 2),
    "logprobs": lambda maker: False,
    "top_logprobs": lambda maker: 0,
    "logit_bias": lambda maker: {str(maker.number()): 5},
    "modalities": lambda maker: ["text"],
    "stop": lambda maker: maker.some(maker.mark),
    "parameters": _schema,
    "schema": _schema,
    "arguments": lambda maker: json.dumps(_arguments(maker)),
    "url": _picture,
    "file": _file,
    "file_id": _never,
    "audio": _never,
    "json_schema": lambda maker: {"name": maker.mark(), "schema": _schema(maker), "strict": True},
    "input_audio": _never,
    "moderation": _never,
    "web_search_options": _never,
    "cached_prompt": _never,
}

ANTHROPIC: dict[str, Made] = {
    "model": lambda maker: "alias",
    "temperature": _share(0, 1),
    "top_p": _share(0.95, 1),
    "max_tokens": _whole(5000, 7000),
    "budget_tokens": _whole(1024, 4000),
    "url": lambda maker: f"https://files.test/{maker.mark()}",
    "input_schema": _schema,
    "schema": _schema,
    "input": _arguments,
    "file_id": _never,
    "container": _never,
    "caller": _never,
}


def openai_request(random: Random) -> dict[str, Json]:
    """A request of POST /v1/chat/completions."""
    maker = Maker(random, OPENAI)
    leave = ("messages", "tools", "tool_choice", "functions", "function_call")
    kind = completion_create_params.CompletionCreateParamsBase
    out = maker.object(kind, leave, model="alias")
    if "stream_options" in out:
        out["stream"] = True
    tools = maker.some(lambda: _openai_tool(maker)) if maker.chance(0.6) else []
    if tools:
        out["tools"] = tools
        names = [tool[tool["type"]]["name"] for tool in tools]
        named = {"type": tools[0]["type"], tools[0]["type"]: {"name": names[0]}}
        every = [{"type": t["type"], t["type"]: {"name": t[t["type"]]["name"]}} for t in tools]
        allowed = {"mode": "auto", "tools": every}
        choices = ["auto", "none", "required", named]
        choices.append({"type": "allowed_tools", "allowed_tools": allowed})
        if maker.chance(0.5):
            out["tool_choice"] = random.choice(choices)
    out["messages"] = _openai_history(maker, tools)
    return out


def _openai_tool(maker: Maker) -> Json:
    if maker.chance(0.25):
        custom = maker.make(chat.chat_completion_custom_tool_param.Custom)
        return {"type": "custom", "custom": custom}
    given = {"name": maker.mark(), "parameters": _schema(maker)}
    return {"type": "function", "function": maker.object(FunctionDefinition, (), **given)}


_INSTRUCTIONS = (chat.ChatCompletionSystemMessageParam, chat.ChatCompletionDeveloperMessageParam)
_SAID = ("tool_calls", "function_call", "audio", "refusal")


def _openai_history(maker: Maker, tools: Sequence[Json]) -> list[Json]:
    out: list[Json] = []
    if maker.chance(0.6):
        out.append(maker.object(maker.random.choice(_INSTRUCTIONS)))
    for _ in range(maker.random.randint(0, 2)):
        out.append(maker.object(chat.ChatCompletionUserMessageParam))
        said = chat.ChatCompletionAssistantMessageParam
        if not tools or maker.chance(0.4):
            out.append(maker.object(said, _SAID, content=maker.mark()))
            continue
        calls = maker.some(lambda: _openai_call(maker, tools))
        content = maker.mark() if maker.chance(0.5) else None
        out.append(maker.object(said, _SAID, tool_calls=calls, content=content))
        result = chat.ChatCompletionToolMessageParam
        out += (maker.object(result, (), tool_call_id=call["id"]) for call in calls)
    return [*out, maker.object(chat.ChatCompletionUserMessageParam)]


def _openai_call(maker: Maker, tools: Sequence[Json]) -> Json:
    tool = maker.random.choice(tools)
    kind = tool["type"]
    what: Json = {"name": tool[kind]["name"]}
    if kind == "custom":
        what["input"] = maker.mark()
    else:
        what["arguments"] = json.dumps(_arguments(maker))
    return {"id": f"call_{maker.mark()}", "type": kind, kind: what}


def anthropic_request(random: Random) -> dict[str, Json]:
    """A request of POST /v1/messages."""
    maker = Maker(random, ANTHROPIC)
    kind = message_create_params.MessageCreateParamsBase
    out = maker.object(kind, ("messages", "tools", "tool_choice"), model="alias", max_tokens=6000)
    names: list[str] = []
    if maker.chance(0.6):
        out["tools"] = maker.some(lambda: _claude_tool(maker, names))
        if maker.chance(0.5):
            named = {"type": "tool", "name": names[0]}
            out["tool_choice"] = random.choice(
                [{"type": "auto"}, {"type": "none"}, {"type": "any"}, named]
            )
    out["messages"] = _claude_history(maker, names)
    return out


def _claude_tool(maker: Maker, names: list[str]) -> Json:
    names.append(maker.mark())
    return maker.object(claude.ToolParam, ("type",), name=names[-1])


_ASKED = (
    *(claude.TextBlockParam, claude.ImageBlockParam, claude.DocumentBlockParam),
    claude.SearchResultBlockParam,
)


def _claude_history(maker: Maker, names: list[str]) -> list[Json]:
    out: list[Json] = []
    asked: list[Json] = []  # results of calls come first in the turn that follows
    for _ in range(maker.random.randint(0, 2)):
        parts = maker.some(lambda: maker.object(maker.random.choice(_ASKED)))
        out.append({"role": "user", "content": [*asked, *parts]})
        asked = []
        said: list[Json] = [maker.object(claude.TextBlockParam)]
        if maker.chance(0.3):
            said.insert(0, maker.object(claude.ThinkingBlockParam))
        if names and maker.chance(0.6):
            calls = maker.some(lambda: _claude_call(maker, names))
            said += calls
            asked = [_claude_result(maker, call["id"]) for call in calls]
        out.append({"role": "assistant", "content": said})
    last = (
        maker.mark()
        if not asked and maker.chance(0.5)
        else [*asked, {"type": "text", "text": maker.mark()}]
    )
    return [*out, {"role": "user", "content": last}]


def _claude_call(maker: Maker, names: list[str]) -> Json:
    given: Mapping[str, Json] = {"id": f"toolu_{maker.mark()}", "name": maker.random.choice(names)}
    return maker.object(claude.ToolUseBlockParam, (), **given)


def _claude_result(maker: Maker, call: str) -> Json:
    parts = maker.some(lambda: maker.object(maker.random.choice(_ASKED)))
    content = maker.mark() if maker.chance(0.4) else parts
    return maker.object(claude.ToolResultBlockParam, (), tool_use_id=call, content=content)
