"""Good Responses bodies, answers and streams: those of the contract, for the tests of the checks."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

from tests.strict.samples import CREATED, PNG
from tests.strict.sse import named

Json = dict[str, Any]
SCHEMA: Json = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


def packed(**block: Any) -> str:
    """What a reasoning item carries of its block."""
    raw = json.dumps(block, separators=(",", ":"), ensure_ascii=False).encode()
    return "ax1." + base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


THOUGHT = packed(p="anthropic", t="thinking", k="Hmm...", s="SIG==")

RESPONSES_REQUEST: Json = {
    "model": "claude-prod",
    "instructions": "Be brief.",
    "max_output_tokens": 500,
    "parallel_tool_calls": True,
    "store": False,
    "stream": True,
    "include": ["reasoning.encrypted_content"],
    "reasoning": {"effort": "low", "summary": "auto"},
    "text": {
        "verbosity": "low",
        "format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True},
    },
    "tools": [
        {"type": "function", "name": "f", "parameters": SCHEMA, "strict": True},
        {"type": "custom", "name": "apply_patch", "description": "Edit files."},
        {
            "type": "namespace",
            "name": "mcp__fs__",
            "description": "Files.",
            "tools": [{"type": "function", "name": "read", "parameters": SCHEMA}],
        },
        {
            "type": "tool_search",
            "execution": "client",
            "description": "Find tools.",
            "parameters": SCHEMA,
        },
        {"type": "web_search"},
    ],
    "tool_choice": {"type": "function", "name": "f"},
    "input": [
        {"role": "developer", "content": "Answer in French."},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "How warm is it here?"},
                {
                    "type": "input_image",
                    "detail": "auto",
                    "image_url": f"data:image/png;base64,{PNG}",
                },
            ],
        },
        {
            "type": "reasoning",
            "id": "rs_0_0",
            "summary": [{"type": "summary_text", "text": "Hmm..."}],
            "encrypted_content": THOUGHT,
        },
        {
            "type": "message",
            "id": "msg_0_1",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "I look.", "annotations": []}],
        },
        {
            "type": "function_call",
            "id": "fc_0_2",
            "status": "completed",
            "call_id": "toolu_1",
            "name": "read",
            "namespace": "mcp__fs__",
            "arguments": "{}",
        },
        {
            "type": "custom_tool_call",
            "id": "ctc_0_3",
            "status": "completed",
            "call_id": "toolu_2",
            "name": "apply_patch",
            "input": "*** Begin",
        },
        {"type": "function_call_output", "call_id": "toolu_1", "output": "4 C"},
        {"type": "custom_tool_call_output", "call_id": "toolu_2", "output": "done"},
        {"role": "user", "content": "And now?"},
    ],
}
ASKED: Json = {"model": "claude-prod", "input": "q"}


def usage(counted: int = 25, said: int = 7, **more: int) -> Json:
    return {
        "input_tokens": counted,
        "input_tokens_details": {
            "cached_tokens": more.get("cached", 0),
            "cache_write_tokens": more.get("written", 0),
        },
        "output_tokens": said,
        "output_tokens_details": {"reasoning_tokens": more.get("thought", 0)},
        "total_tokens": counted + said,
    }


def response(status: str = "completed", **values: Any) -> Json:
    """The object of an answer: every key, always."""
    return {
        "id": "resp_01A",
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "background": False,
        "completed_at": CREATED + 1 if status == "completed" else None,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "max_tool_calls": None,
        "model": "claude-prod",
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "reasoning": {"effort": None, "summary": None},
        "safety_identifier": None,
        "service_tier": "default",
        "store": False,
        "temperature": 1,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": 1,
        "truncation": "disabled",
        "usage": None,
        "user": None,
        "metadata": {},
        **values,
    }


# ------------------------------------------------------------------------------------- items


def text_part(text: str, *notes: Json) -> Json:
    return {"type": "output_text", "text": text, "annotations": [*notes], "logprobs": []}


def cited(start: int, end: int) -> Json:
    return {
        "type": "url_citation",
        "start_index": start,
        "end_index": end,
        "url": "https://e.x/",
        "title": "",
    }


def message(index: int, part: Json, status: str = "completed") -> Json:
    return {
        "id": f"msg_01A_{index}",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": [part],
    }


def reasoning(index: int, text: str, pack: str = THOUGHT) -> Json:
    summary = [{"type": "summary_text", "text": text}] if text else []
    made = {"id": f"rs_01A_{index}", "type": "reasoning", "summary": summary}
    return {**made, "encrypted_content": pack}


def call(index: int, name: str, arguments: str, **more: Any) -> Json:
    return {
        "id": f"fc_01A_{index}",
        "type": "function_call",
        "status": "completed",
        "call_id": f"toolu_{index}",
        "name": name,
        **more,
        "arguments": arguments,
    }


def custom(index: int, text: str) -> Json:
    return {
        "id": f"ctc_01A_{index}",
        "type": "custom_tool_call",
        "status": "completed",
        "call_id": f"toolu_{index}",
        "name": "apply_patch",
        "input": text,
    }


def lookup(index: int) -> Json:
    return {
        "id": f"tsc_01A_{index}",
        "type": "tool_search_call",
        "status": "completed",
        "execution": "client",
        "call_id": f"toolu_{index}",
        "arguments": {"query": "x"},
    }


def search(index: int, status: str = "completed") -> Json:
    return {
        "id": f"ws_01A_{index}",
        "type": "web_search_call",
        "status": status,
        "action": {"type": "search", "query": "osl", "queries": ["osl"]},
    }


# ------------------------------------------------------------------------------------- streams

_BEGUN: Json = {
    "message": {"content": [], "status": "in_progress"},
    "reasoning": {"summary": []},
    "function_call": {"arguments": "", "status": "in_progress"},
    "custom_tool_call": {"input": "", "status": "in_progress"},
    "tool_search_call": {"arguments": {}, "status": "in_progress"},
    "web_search_call": {"action": {"type": "search", "query": ""}, "status": "in_progress"},
}


def frames(item: Json, closed: bool = True) -> list[Json]:
    """The events of an item, its text in two pieces; numbered by `streamed`."""
    index, kind = int(item["id"].rpartition("_")[2]), item["type"]
    own: Json = {"item_id": item["id"], "output_index": index}
    opened = {**item, **_BEGUN[kind]}
    opened.pop("encrypted_content", None)

    def event(name: str, **values: Any) -> Json:
        return {"type": f"response.{name}", **own, **values}

    def pieces(name: str, text: str, **values: Any) -> list[Json]:
        half = (len(text) + 1) // 2
        return [event(name, delta=cut, **values) for cut in (text[:half], text[half:]) if cut]

    body, tail = _inside(item, event, pieces)
    done = {"type": "response.output_item.done", "output_index": index, "item": item}
    added = {"type": "response.output_item.added", "output_index": index, "item": opened}
    return [added, *body, *([*tail, done] if closed else [])]


def _inside(item: Json, event: Any, pieces: Any) -> tuple[list[Json], list[Json]]:
    kind = item["type"]
    if kind == "message" and item["content"][0]["type"] == "output_text":
        part, at = item["content"][0], {"content_index": 0}
        text = {"text": part["text"], "logprobs": []}
        added = [event("content_part.added", **at, part=text_part(""))]
        added += pieces("output_text.delta", part["text"], **at, logprobs=[])
        for n, note in enumerate(part["annotations"]):
            name = "output_text.annotation.added"
            added.append(event(name, **at, annotation_index=n, annotation=note))
        done = event("content_part.done", **at, part=part)
        return added, [event("output_text.done", **at, **text), done]
    if kind == "message":
        part, at = item["content"][0], {"content_index": 0}
        empty = {"type": "refusal", "refusal": ""}
        added = [event("content_part.added", **at, part=empty)]
        added += pieces("refusal.delta", part["refusal"], **at)
        done = event("content_part.done", **at, part=part)
        return added, [event("refusal.done", **at, refusal=part["refusal"]), done]
    if kind == "reasoning" and item["summary"]:
        part, at = item["summary"][0], {"summary_index": 0}
        name, empty = "reasoning_summary", {"type": "summary_text", "text": ""}
        added = [event(f"{name}_part.added", **at, part=empty)]
        added += pieces(f"{name}_text.delta", part["text"], **at)
        whole = event(f"{name}_text.done", **at, text=part["text"])
        return added, [whole, event(f"{name}_part.done", **at, part=part)]
    if kind == "function_call":
        name, text = "function_call_arguments", item["arguments"]
        return pieces(f"{name}.delta", text), [event(f"{name}.done", arguments=text)]
    if kind == "custom_tool_call":
        name, text = "custom_tool_call_input", item["input"]
        return [event(f"{name}.delta", delta=text)], [event(f"{name}.done", input=text)]
    if kind == "web_search_call":
        going = [event(f"web_search_call.{name}") for name in ("in_progress", "searching")]
        return going, [event("web_search_call.completed")]
    return [], []


def numbered(events: list[Json]) -> list[Json]:
    """Each with its number; no two share an object, so that one can be changed alone."""
    return [{**copy.deepcopy(event), "sequence_number": n} for n, event in enumerate(events)]


def streamed(items: list[Json], status: str = "completed", **values: Any) -> list[Json]:
    """A whole stream that ends so; the last item stays open when it has no place in the output."""
    kept = values.pop("output", items)
    begun = response("in_progress")
    events: list[Json] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    for item in items:
        events += frames(item, item in kept)
    if status == "failed":
        events.append({"type": "error", "error": FAILURE})
        values["error"] = FAILURE
    ended = response(status, output=kept, **{"usage": usage(), **values})
    return numbered([*events, {"type": f"response.{status}", "response": ended}])


FAILURE: Json = {
    "type": "server_error",
    "code": "server_error",
    "message": "Overloaded",
    "param": None,
}
LIMIT: Json = {"reason": "max_output_tokens"}
HELLO = message(0, text_part("Hello"))
REFUSED = {"type": "refusal", "refusal": "Declined: cyber."}

STREAMS: dict[str, list[Json]] = {
    "text": streamed([HELLO]),
    "reasoning, then text": streamed(
        [reasoning(0, "Hmm..."), message(1, text_part("42"))], usage=usage(25, 9, thought=4)
    ),
    "words, then two calls": streamed(
        [
            message(0, text_part("Both.")),
            call(1, "get_weather", '{"city":"Oslo"}'),
            call(2, "close_agent", "{}", namespace="multi_agent_v1"),
        ],
        usage=usage(143, 9, cached=40, written=100),
    ),
    "a refusal after words": streamed([message(0, text_part("Step 1")), message(1, REFUSED)]),
    "cut by the limit": streamed(
        [message(0, text_part("Once"), "incomplete")], "incomplete", incomplete_details=LIMIT
    ),
    "a call cut by the limit": streamed(
        [message(0, text_part("OK.")), call(1, "f", '{"x":1}')],
        "incomplete",
        output=[message(0, text_part("OK."))],
        incomplete_details=LIMIT,
    ),
    "an error half-way": streamed([HELLO], "failed", output=[], usage=None),
    "a custom tool": streamed([custom(0, "*** Begin")]),
    "a tool search": streamed([lookup(0)]),
    "a search with a citation": streamed(
        [search(0), message(1, text_part("It is so.", cited(6, 9)))]
    ),
    "unreadable thinking": streamed(
        [reasoning(0, "", packed(p="anthropic", t="redacted_thinking", d="ENC==")), search(1)]
    ),
    "nothing": streamed([]),
}


def as_bytes(events: list[Json]) -> bytes:
    return named(*events)
