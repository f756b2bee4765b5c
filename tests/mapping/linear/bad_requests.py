"""Bad requests, in the words of each caller dialect: what is many, alike, or out of order."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.mapping.linear.bad_schemas import SCHEMAS, Body, Json, wide
from tests.strict.responses_samples import THOUGHT, packed


def openai(messages: Body | None = None, **more: Body) -> Body:
    def make(n: int) -> Json:
        said = messages(n) if messages else [{"role": "user", "content": "hi"}]
        return {
            "model": "alias",
            "messages": said,
            **{name: field(n) for name, field in more.items()},
        }

    return make


def claude(messages: Body | None = None, **more: Body) -> Body:
    def make(n: int) -> Json:
        said = messages(n) if messages else [{"role": "user", "content": "hi"}]
        return {
            "model": "alias",
            "max_tokens": 100,
            "messages": said,
            **{name: field(n) for name, field in more.items()},
        }

    return make


def responses(items: Body | None = None, **more: Body) -> Body:
    def make(n: int) -> Json:
        said = items(n) if items else "hi"
        return {"model": "alias", "input": said, **{name: field(n) for name, field in more.items()}}

    return make


def called(ident: Any, kind: str = "function_call", **more: Json) -> Json:
    text = {"arguments": "{}"} if kind == "function_call" else {"input": "x"}
    return {"type": kind, "call_id": ident, "name": "f", **text, **more}


def given(ident: Any, output: Json = "r", kind: str = "function_call") -> Json:
    return {"type": f"{kind}_output", "call_id": ident, "output": output}


def all_called(call_id: Callable[[int], str], order: int = 1, kind: str = "function_call") -> Body:
    def make(n: int) -> Json:
        ids = [call_id(i) for i in range(n)]
        calls = [called(one, kind) for one in ids]
        return [*said("user")(1), *calls, *(given(one, kind=kind) for one in ids[::order])]

    return make


def call(ident: Any, name: str = "f", arguments: str = "{}") -> Json:
    return {"id": ident, "type": "function", "function": {"name": name, "arguments": arguments}}


def function(name: str, schema: Json, **more: Json) -> Json:
    return {"type": "function", "function": {"name": name, "parameters": schema, **more}}


def calls_and_results(
    call_id: Callable[[int], str], order: int = 1, arguments: str = "{}", name: str = "f"
) -> Body:
    def make(n: int) -> Json:
        ids = [call_id(i) for i in range(n)]
        results = [{"role": "tool", "tool_call_id": one, "content": "r"} for one in ids[::order]]
        return [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "tool_calls": [call(i, name, arguments) for i in ids]},
            *results,
        ]

    return make


def in_turns(call_id: Callable[[int], str]) -> Body:
    return lambda n: [
        m
        for i in range(n)
        for m in (
            {"role": "assistant", "tool_calls": [call(call_id(i))]},
            {"role": "tool", "tool_call_id": call_id(i), "content": "r"},
        )
    ]


def said(*roles: str, content: Json = "a") -> Body:
    return lambda n: [{"role": role, "content": content} for _ in range(n) for role in roles]


def parts(make: Callable[[int], Json], role: str = "user") -> Body:
    return lambda n: [{"role": role, "content": [make(i) for i in range(n)]}]


def text(i: int) -> Json:
    return {"type": "text", "text": "a"}


URL = "data:image/png;base64,iVBORw0KGgo="
REQUESTS: dict[str, dict[str, Body]] = {
    "openai-chat": {
        "messages of one role": openai(said("user")),
        "messages, alternating": openai(said("user", "assistant")),
        "system messages": openai(said("system")),
        "system messages between": openai(said("user", "system", "assistant", "developer")),
        "empty messages": openai(said("user", "assistant", content="")),
        "messages without parts": openai(said("user", "assistant", content=[])),
        "parts": openai(parts(text)),
        "empty parts": openai(parts(lambda i: {"type": "text", "text": ""})),
        "texts as parts": openai(parts(lambda i: "a")),
        "unknown parts": openai(parts(lambda i: {"type": f"x{i}"})),
        "pictures": openai(parts(lambda i: {"type": "image_url", "image_url": {"url": URL}})),
        "system parts": openai(parts(text, "system")),
        "marks on parts": openai(parts(lambda i: {**text(i), "cache_control": {"type": "ephemeral"}})),
        "unknown keys": openai(metadata=lambda n: {f"k{i}": "v" for i in range(n)}),
        "keys of a message": openai(lambda n: [{"role": "user", "content": "a", **{f"k{i}": i for i in range(n)}}]),
        "keys of a part": openai(lambda n: [{"role": "user", "content": [{**text(0), **{f"k{i}": i for i in range(n)}}]}]),
        "calls and results": openai(calls_and_results(lambda i: f"c{i}")),
        "calls and results, reversed": openai(calls_and_results(lambda i: f"c{i}", -1)),
        "calls of one id": openai(calls_and_results(lambda i: "c")),
        "calls of odd ids": openai(calls_and_results(lambda i: f"c:{i}")),
        "calls of free text": openai(calls_and_results(lambda i: f"c{i}", arguments="x")),
        "calls without results": openai(lambda n: [{"role": "assistant", "tool_calls": [call(f"c{i}") for i in range(n)]}]),
        "results without calls": openai(lambda n: [{"role": "tool", "tool_call_id": f"c{i}", "content": "r"} for i in range(n)]),
        "results for one call": openai(lambda n: [{"role": "assistant", "tool_calls": [call("c")]}, *([{"role": "tool", "tool_call_id": "c", "content": "r"}] * n)]),
        "turns of calls": openai(in_turns(lambda i: f"c{i}")),
        "turns of calls of one id": openai(in_turns(lambda i: "c")),
        "turns of the old calls": openai(lambda n: [m for i in range(n) for m in ({"role": "assistant", "content": None, "function_call": {"name": f"f{i}", "arguments": "{}"}}, {"role": "function", "name": f"f{i}", "content": "r"})]),
        "parts of a result": openai(lambda n: [{"role": "assistant", "tool_calls": [call("c")]}, {"role": "tool", "tool_call_id": "c", "content": [text(i) for i in range(n)]}]),
        "long arguments": openai(lambda n: [{"role": "assistant", "tool_calls": [call("c", arguments=json.dumps({"a": "b" * n}))]}, {"role": "tool", "tool_call_id": "c", "content": ""}]),
        "keys of arguments": openai(lambda n: [{"role": "assistant", "tool_calls": [call("c", arguments=json.dumps({f"k {i}": i for i in range(n)}))]}, {"role": "tool", "tool_call_id": "c", "content": ""}]),
        "tools": openai(tools=lambda n: [function(f"f{i}", {"type": "object", "properties": {}}) for i in range(n)]),
        "tools of odd names": openai(tools=lambda n: [function(f"f:{i}", {}) for i in range(n)]),
        "tools of one name": openai(tools=lambda n: [function("f", {}) for i in range(n)]),
        "strict tools": openai(tools=lambda n: [function(f"f{i}", wide(lambda j: {"type": "string"})(2), strict=True) for i in range(n)]),
        "tools by old word": openai(functions=lambda n: [{"name": f"f{i}"} for i in range(n)]),
        "tools that are allowed": openai(tools=lambda n: [function(f"f{i}", {}) for i in range(n)], tool_choice=lambda n: {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": f"f{i}"}} for i in range(n)]}}),
        "odd keys of tools": openai(tools=lambda n: [function(f"f{i}", {"type": "object", "properties": {"a b": {"type": "string"}}}) for i in range(n)]),
        "stops": openai(stop=lambda n: [f"s{i}" for i in range(n)]),
        "one stop": openai(stop=lambda n: ["s"] * n),
        "halves of characters": openai(lambda n: [{"role": "user", "content": "\ud83d" * n}]),
        "a long picture": openai(lambda n: [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo" + "A" * n}}]}]),
        "a long data URI": openai(lambda n: [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png" + ";a" * n + ";base64,iVBORw0KGgo="}}]}]),
        "biases": openai(logit_bias=lambda n: {str(i): 1 for i in range(n)}),
        "deep arguments": openai(lambda n: [{"role": "assistant", "tool_calls": [call("c", arguments='{"a":' * n + "1" + "}" * n)]}, {"role": "tool", "tool_call_id": "c", "content": ""}]),
        **{f"a tool's schema: {name}": openai(tools=lambda n, make=make: [function("f", make(n))]) for name, make in SCHEMAS.items()},
        **{f"a strict tool's schema: {name}": openai(tools=lambda n, make=make: [function("f", make(n), strict=True)]) for name, make in SCHEMAS.items()},
        **{f"an answer's schema: {name}": openai(response_format=lambda n, make=make: {"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": make(n)}}) for name, make in SCHEMAS.items()},
    },
    "anthropic-messages": {
        "messages of one role": claude(said("user")),
        "messages, alternating": claude(said("user", "assistant")),
        "system blocks": claude(system=lambda n: [text(i) for i in range(n)]),
        "system messages between": claude(said("user", "system", "assistant")),
        "parts": claude(parts(text)),
        "empty parts": claude(parts(lambda i: {"type": "text", "text": ""})),
        "unknown parts": claude(parts(lambda i: {"type": f"x{i}"})),
        "pictures": claude(parts(lambda i: {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}})),
        "documents": claude(parts(lambda i: {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a"}, "title": f"t{i}"})),
        "marks on parts": claude(parts(lambda i: {**text(i), "cache_control": {"type": "ephemeral"}})),
        "keys of metadata": claude(metadata=lambda n: {f"k{i}": "v" for i in range(n)}),
        "keys of a message": claude(lambda n: [{"role": "user", "content": "a", **{f"k{i}": i for i in range(n)}}]),
        "keys of a part": claude(lambda n: [{"role": "user", "content": [{**text(0), **{f"k{i}": i for i in range(n)}}]}]),
        **{
            f"calls and results{name}": claude(lambda n, ids=ids, order=order: [
                {"role": "assistant", "content": [{"type": "tool_use", "id": ids(i), "name": "f", "input": {}} for i in range(n)]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": ids(i), "content": "r"} for i in range(n)][::order]},
            ])
            for name, ids, order in (("", lambda i: f"c{i}", 1), (", reversed", lambda i: f"c{i}", -1), (" of one id", lambda i: "c", 1), (" of odd ids", lambda i: f"c:{i}", 1))
        },
        "calls without results": claude(lambda n: [{"role": "assistant", "content": [{"type": "tool_use", "id": f"c{i}", "name": "f", "input": {}} for i in range(n)]}]),
        "turns of calls": claude(lambda n: [m for i in range(n) for m in ({"role": "assistant", "content": [{"type": "tool_use", "id": f"c{i}", "name": "f", "input": {}}]}, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"c{i}"}]})]),
        "parts of a result": claude(lambda n: [{"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]}, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": [text(i) for i in range(n)]}]}]),
        "thoughts": claude(lambda n: [{"role": "assistant", "content": [{"type": "thinking", "thinking": "a", "signature": "s"} for _ in range(n)]}]),
        "tools": claude(tools=lambda n: [{"name": f"f{i}", "input_schema": {"type": "object"}} for i in range(n)]),
        "tools of one name": claude(tools=lambda n: [{"name": "f", "input_schema": {"type": "object"}} for i in range(n)]),
        "tools of odd names": claude(tools=lambda n: [{"name": f"f{i}" * 30, "input_schema": {"type": "object"}} for i in range(n)]),
        "strict tools": claude(tools=lambda n: [{"name": f"f{i}", "strict": True, "input_schema": wide(lambda j: {"type": "string"})(2)} for i in range(n)]),
        "stops": claude(stop_sequences=lambda n: [f"s{i}" for i in range(n)]),
        "servers": claude(mcp_servers=lambda n: [{"type": "url", "name": f"s{i}", "url": "https://a.test"} for i in range(n)]),
        "halves of characters": claude(lambda n: [{"role": "user", "content": "\ud83d" * n}]),
        "deep input": claude(lambda n: [{"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": json.loads('{"a":' * min(n, 900) + "1" + "}" * min(n, 900))}]}]),
        **{f"a tool's schema: {name}": claude(tools=lambda n, make=make: [{"name": "f", "input_schema": {**make(n), "type": "object"}}]) for name, make in SCHEMAS.items()},
        **{f"an answer's schema: {name}": claude(output_config=lambda n, make=make: {"format": {"type": "json_schema", "schema": make(n)}}) for name, make in SCHEMAS.items()},
    },
    "openai-responses": {
        "items of one role": responses(said("user")),
        "items, alternating": responses(said("user", "assistant")),
        "system items": responses(said("system")),
        "system items between": responses(said("user", "developer", "assistant", "system")),
        "empty items": responses(said("user", "assistant", content="")),
        "parts": responses(parts(lambda i: {"type": "input_text", "text": "a"})),
        "empty parts": responses(parts(lambda i: {"type": "input_text", "text": ""})),
        "unknown parts": responses(parts(lambda i: {"type": f"x{i}"})),
        "pictures": responses(parts(lambda i: {"type": "input_image", "image_url": URL})),
        "keys of an item": responses(lambda n: [{"role": "user", "content": "a", **{f"k{i}": i for i in range(n)}}]),
        "unknown items": responses(lambda n: [*said("user")(1), *({"type": f"x{i}"} for i in range(n))]),
        "references": responses(lambda n: [{"type": "item_reference", "id": f"rs_{i}"} for i in range(n)]),
        "calls and results": responses(all_called(lambda i: f"c{i}")),
        "calls and results, reversed": responses(all_called(lambda i: f"c{i}", -1)),
        "calls of one id": responses(all_called(lambda i: "c")),
        "calls of odd ids": responses(all_called(lambda i: f"c:{i}" + "x" * 50)),
        "calls of free text": responses(all_called(lambda i: f"c{i}", kind="custom_tool_call")),
        "calls without results": responses(lambda n: [called(f"c{i}") for i in range(n)]),
        "results without calls": responses(lambda n: [given(f"c{i}") for i in range(n)]),
        "results for one call": responses(lambda n: [called("c"), *([given("c")] * n)]),
        "results far behind": responses(lambda n: [*(called(f"c{i}") for i in range(n)), *said("user")(n), *(given(f"c{i}") for i in range(n))]),
        "turns of calls": responses(lambda n: [m for i in range(n) for m in (called(f"c{i}"), given(f"c{i}"))]),
        "turns of calls of one id": responses(lambda n: [m for _ in range(n) for m in (called("c"), given("c"))]),
        "calls in a group": responses(lambda n: [m for i in range(n) for m in (called(f"c{i}", namespace=f"n.{i}"), given(f"c{i}"))]),
        "parts of a result": responses(lambda n: [called("c"), given("c", [{"type": "input_text", "text": "a"} for _ in range(n)])]),
        "pictures of a result": responses(lambda n: [called("c"), given("c", [{"type": "input_image", "image_url": URL} for _ in range(n)])]),
        "thoughts": responses(lambda n: [*said("user")(1), *({"type": "reasoning", "summary": [], "encrypted_content": THOUGHT} for _ in range(n)), *said("assistant", "user")(1)]),
        "thoughts of turns": responses(lambda n: [m for _ in range(n) for m in ({"type": "reasoning", "summary": [], "encrypted_content": THOUGHT}, *said("assistant", "user")(1))]),
        "a long thought": responses(lambda n: [*said("user")(1), {"type": "reasoning", "summary": [], "encrypted_content": packed(p="anthropic", t="thinking", k="a" * n, s="S")}, *said("assistant", "user")(1)]),
        "thoughts of others": responses(lambda n: [*said("user")(1), *({"type": "reasoning", "summary": [], "encrypted_content": "ax1." + "A" * 99} for _ in range(n)), *said("assistant", "user")(1)]),
        "updates": responses(lambda n: [*said("user")(1), *({"type": "configuration_update", "reasoning": {"effort": "low"}} for _ in range(n))]),
        "tools found": responses(lambda n: [m for i in range(n) for m in ({"type": "tool_search_call", "call_id": f"c{i}", "execution": "client", "arguments": {}}, {"type": "tool_search_output", "call_id": f"c{i}", "execution": "client", "tools": [{"type": "function", "name": f"f{i}"}]})]),
        "tools of one search": responses(lambda n: [{"type": "additional_tools", "tools": [{"type": "function", "name": f"f{i}"} for i in range(n)]}]),
        "tools": responses(tools=lambda n: [{"type": "function", "name": f"f{i}", "parameters": {"type": "object", "properties": {}}} for i in range(n)]),
        "tools of odd names": responses(tools=lambda n: [{"type": "function", "name": f"f:{i}"} for i in range(n)]),
        "tools of one name": responses(tools=lambda n: [{"type": "function", "name": "f"} for _ in range(n)]),
        "tools of a group": responses(tools=lambda n: [{"type": "namespace", "name": "n.s", "description": "", "tools": [{"type": "function", "name": f"f{i}"} for i in range(n)]}]),
        "groups of tools": responses(tools=lambda n: [{"type": "namespace", "name": f"n{i}", "description": "", "tools": [{"type": "function", "name": "f"}]} for i in range(n)]),
        "tools of free text": responses(tools=lambda n: [{"type": "custom", "name": f"f{i}", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}} for i in range(n)]),
        "hosted tools": responses(tools=lambda n: [{"type": "web_search"} for _ in range(n)]),
        "strict tools": responses(tools=lambda n: [{"type": "function", "name": f"f{i}", "strict": True, "parameters": wide(lambda j: {"type": "string"})(2)} for i in range(n)]),
        "tools that are allowed": responses(tools=lambda n: [{"type": "function", "name": f"f{i}"} for i in range(n)], tool_choice=lambda n: {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": f"f{i}"} for i in range(n)]}),
        "wishes": responses(include=lambda n: [f"x{i}" for i in range(n)]),
        "keys of metadata": responses(metadata=lambda n: {f"k{i}": "v" for i in range(n)}),
        "halves of characters": responses(lambda n: [{"role": "user", "content": "\ud83d" * n}]),
        "deep arguments": responses(lambda n: [called("c", arguments='{"a":' * n + "1" + "}" * n), given("c")]),
        **{f"a tool's schema: {name}": responses(tools=lambda n, make=make: [{"type": "function", "name": "f", "parameters": make(n)}]) for name, make in SCHEMAS.items()},
        **{f"an answer's schema: {name}": responses(text=lambda n, make=make: {"format": {"type": "json_schema", "name": "a", "strict": True, "schema": make(n)}}) for name, make in SCHEMAS.items()},
    },
}  # fmt: skip
