"""The other face of the stand-in: an OpenAI-compatible server at /v1/chat/completions.

Strict where every such server is (credential, messages, calls and their answers, stream_options
only with stream); a model id that begins with "gpt" is OpenAI's own and takes no field it does not
know, any other is a server with extras of its own. Answers are steered by words in the last user
text, as on the other face: text (an echo), tool, call NAME {JSON} (asked_calls.py), two-tools,
mixed (both calls' pieces interleaved), thinking, refusal, long-N, json, max_tokens, empty; faults:
status-N, retry-after-N, stream-error, error-first, cut, garbage, no-done, slow-N.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from aisix.standin import free_text, invent
from aisix.standin.answers import WORD
from aisix.standin.asked_calls import asked_calls, unknown_tool
from aisix.standin.chat_models import complaint
from aisix.standin.functions import schema_complaints
from aisix.standin.rules import has_half_characters

Body = dict[str, Any]
PIECE = 12  # characters of a delta
NAME, LONGEST_ID = r"[a-zA-Z0-9_-]{1,64}", 40

KNOWN = """
model messages audio frequency_penalty function_call functions logit_bias logprobs
max_completion_tokens max_tokens metadata modalities moderation n parallel_tool_calls
prediction presence_penalty prompt_cache_key prompt_cache_options prompt_cache_retention
reasoning_effort response_format safety_identifier seed service_tier stop store stream
stream_options temperature tool_choice tools top_logprobs top_p user verbosity
web_search_options
"""
ROLES = ("system", "developer", "user", "assistant", "tool")
PARTS = {"text": "text", "image_url": "image_url", "file": "file", "input_audio": "input_audio"}
TYPES = {401: "invalid_request_error", 429: "requests", 400: "invalid_request_error"}


class Wrong(Exception):
    """A refusal: message, param, code."""


def check(body: Any) -> None:
    """Raises Wrong for what such a server refuses."""
    if not isinstance(body, dict):
        raise Wrong("We could not parse the JSON body of your request.", None, None)
    if has_half_characters(body):
        raise Wrong("We could not parse the JSON body of your request.", None, None)
    if not isinstance(body.get("model"), str):
        raise Wrong("you must provide a model parameter", "model", None)
    if body["model"].startswith("gpt"):
        for name in body.keys() - {*KNOWN.split()}:
            raise Wrong(f"Unrecognized request argument supplied: {name}", name, None)
    if (refused := complaint(body)) is not None:
        raise Wrong(*refused)
    if body.get("stream_options") is not None and not body.get("stream"):
        text = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise Wrong(text, "stream_options", None)
    if not isinstance(body.get("messages"), list) or not body["messages"]:
        raise Wrong("Invalid 'messages': empty array.", "messages", "empty_array")
    waiting: list[str] = []
    for index, message in enumerate(body["messages"]):
        waiting = _check_message(message, f"messages[{index}]", waiting)
    if waiting:
        _unanswered(waiting)
    _check_schemas(body)
    if body.get("tool_choice") is not None and not body.get("tools"):
        raise Wrong(
            "'tool_choice' is only allowed when 'tools' are specified.", "tool_choice", None
        )
    if len(body.get("stop") or ()) > 4 and isinstance(body["stop"], list):
        raise Wrong("Invalid 'stop': array too long.", "stop", "array_above_max_length")


def _check_schemas(body: Body) -> None:
    for index, tool in enumerate(body.get("tools") or ()):
        at, function = f"tools[{index}]", free_text.declared(tool)
        if tool.get("type") != "function":
            if (wrong := free_text.complaint(tool, at, body["model"])) is not None:
                raise Wrong(*wrong)
            _check_name(function.get("name"), f"{at}.custom.name")
            continue
        _check_name(function.get("name"), f"{at}.function.name")
        schema = function.get("parameters")
        if schema is not None or "parameters" in function:
            strict = function.get("strict") is True
            for why in schema_complaints(schema, f"function '{function['name']}'", strict):
                raise Wrong(why, f"{at}.function.parameters", "invalid_function_parameters")
    form = body.get("response_format") or {}
    if form.get("type") == "json_schema":
        wanted = form.get("json_schema") or {}
        _check_name(wanted.get("name"), "response_format.json_schema.name")
        if wanted.get("strict") is True:
            for why in schema_complaints(wanted.get("schema"), "response_format", True):
                raise Wrong(why, "response_format", None)


def _check_name(name: Any, at: str) -> None:
    if not isinstance(name, str) or not re.fullmatch(NAME, name):
        text = f"Invalid '{at}': string does not match pattern. Expected a string that matches"
        raise Wrong(f"{text} the pattern '^{NAME}$'.", at, "invalid_value")


def _check_id(value: Any, at: str) -> None:
    if not isinstance(value, str) or not value:
        raise Wrong(f"Invalid type for '{at}': expected a string.", at, "invalid_type")
    if len(value) > LONGEST_ID:
        text = f"Invalid '{at}': string too long. Expected a string with maximum length"
        raise Wrong(f"{text} {LONGEST_ID}.", at, "string_above_max_length")


def _check_message(message: Any, at: str, waiting: list[str]) -> list[str]:
    role = message.get("role") if isinstance(message, dict) else None
    if role not in ROLES:
        raise Wrong(f"Invalid value: '{role}'.", f"{at}.role", "invalid_value")
    if role == "tool":
        if message.get("tool_call_id") not in waiting:
            text = "Invalid parameter: messages with role 'tool' must be a response to a "
            raise Wrong(text + "preceeding message with 'tool_calls'.", f"{at}.role", None)
        return [one for one in waiting if one != message["tool_call_id"]]
    if waiting:
        _unanswered(waiting)
    content = message.get("content")
    for number, part in enumerate(content if isinstance(content, list) else ()):
        if part.get("type") not in PARTS or PARTS[part["type"]] not in part:
            raise Wrong("Invalid part", f"{at}.content[{number}]", "invalid_value")
    calls = message.get("tool_calls") or []
    if content is None and not calls:
        raise Wrong(f"Invalid value for 'content': null, at {at}", f"{at}.content", None)
    for number, call in enumerate(calls):
        _check_id(call.get("id"), f"{at}.tool_calls[{number}].id")
        called, said = free_text.declared(call), free_text.said(call)
        _check_name(called.get("name"), f"{at}.tool_calls[{number}].{call.get('type')}.name")
        if not isinstance(called.get(said), str):
            raise Wrong(f"Invalid type for '{said}'", f"{at}.tool_calls", "invalid_type")
    if len({call["id"] for call in calls}) < len(calls):
        raise Wrong(f"Duplicate value for 'tool_call_id' in {at}", f"{at}.tool_calls", None)
    return [call["id"] for call in calls]


def _unanswered(waiting: list[str]) -> None:
    text = "An assistant message with 'tool_calls' must be followed by tool messages responding to"
    raise Wrong(f"{text} each 'tool_call_id'. Missing: {', '.join(waiting)}", "messages", None)


def last_text(body: Body) -> str:
    """The text of the last user message."""
    for message in reversed(body["messages"]):
        if message["role"] == "user":
            content = message["content"]
            if isinstance(content, str):
                return content
            return " ".join(part.get("text", "") for part in content)
    return ""


def answer(body: Body, number: int) -> Body:
    """A whole completion."""
    words = WORD.findall(last_text(body))
    message: Body = {"role": "assistant", "content": None, "refusal": None}
    finish = "stop"
    calls = _calls(body, words, number)
    if "thinking" in words:
        message["reasoning_content"] = "Let me think about this for a moment."
    if "refusal" in words:
        message["refusal"] = "The stand-in was asked to refuse."
    elif calls:
        message["content"] = "I will look that up."
        message["tool_calls"], finish = calls, "tool_calls"
    elif "empty" in words:
        message["content"] = ""
    else:
        message["content"] = _text(body, words)
    if "max_tokens" in words:
        finish = "length"
    asked, said = len(json.dumps(body["messages"])) // 4 + 1, len(json.dumps(message)) // 4
    return {
        "id": f"chatcmpl-standin{number:08d}",
        "object": "chat.completion",
        "created": 1795000000,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
        "usage": {
            "prompt_tokens": asked,
            "completion_tokens": said,
            "total_tokens": asked + said,
            "prompt_tokens_details": {"cached_tokens": 1},
        },
        "system_fingerprint": "fp_standin",
    }


def _text(body: Body, words: list[str]) -> str:
    for word in words:
        if word.startswith("long-") and word[5:].isdigit():
            return " ".join(f"word{n}" for n in range(int(word[5:])))
    form = body.get("response_format") or {}
    if form.get("type") == "json_schema":
        return json.dumps(invent.value(form["json_schema"]["schema"]))
    if (told := _results(body)) is not None:
        return f"The tool says: {told}"
    asked = last_text(body)
    names = [free_text.declared(tool)["name"] for tool in body.get("tools") or ()]
    for name, _ in asked_calls(asked):
        if name not in names:
            return unknown_tool(name, names)
    return f"You said: {asked}"


def _results(body: Body) -> Any:
    """What the last tool said, where one did since the last assistant message; None without."""
    for message in reversed(body["messages"]):
        if message["role"] == "tool":
            return message["content"]
        if message["role"] == "assistant":
            break
    return None


def _calls(body: Body, words: list[str], number: int) -> list[Body]:
    tools, choice = body.get("tools") or [], body.get("tool_choice")
    if not tools or choice == "none" or _results(body) is not None:
        return []
    wanted = 2 if {"two-tools", "mixed"} & {*words} else 1 if "tool" in words else 0
    tools, forced = free_text.chosen(tools, choice)
    if forced:
        wanted = max(wanted, 1)
    if body.get("parallel_tool_calls") is False:
        wanted = min(wanted, 1)
    named = {free_text.declared(tool)["name"]: tool for tool in tools}
    calls = [(named[name], given) for name, given in asked_calls(last_text(body)) if name in named]
    if not calls:
        calls = [(tools[n % len(tools)], None) for n in range(wanted)]
    return [_call(tool, given, f"call_{number:06d}{n}") for n, (tool, given) in enumerate(calls)]


def _call(tool: Body, given: Body | None, ident: str) -> Body:
    called, kind = free_text.declared(tool), tool["type"]
    if kind == "custom":
        text = free_text.SAID if given is None else str(given.get("input", given))
        return {"id": ident, "type": kind, kind: {"name": called["name"], "input": text}}
    if given is None:
        given = invent.value(called.get("parameters") or {}) or {}
    function = {"name": called["name"], "arguments": json.dumps(given)}
    return {"id": ident, "type": kind, kind: function}


def frames(whole: Body, body: Body) -> list[bytes | None]:
    """The completion as a stream with the faults that were asked for; None: cut here."""
    words = WORD.findall(last_text(body))
    head = {k: whole[k] for k in ("id", "created", "model", "system_fingerprint")}
    head["object"] = "chat.completion.chunk"
    counted = bool((body.get("stream_options") or {}).get("include_usage"))
    more: Body = {"usage": None} if counted else {}

    def chunk(delta: Body, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _frame({**head, "choices": [choice], **more})

    choice = whole["choices"][0]
    out: list[bytes | None] = [chunk({"role": "assistant", "content": "", "refusal": None})]
    out += [chunk(delta) for delta in _deltas(choice["message"], "mixed" in words)]
    if "error-first" in words:
        return [_frame(error("The engine is overloaded", "server_error", None, "overloaded"))]
    if "stream-error" in words:
        return [
            *out[:3],
            _frame(error("The engine is overloaded", "server_error", None, "overloaded")),
        ]
    if "cut" in words:
        return [*out[:3], None]
    if "garbage" in words:
        return [*out[:3], b"data: {not json\n\n"]
    out.append(chunk({}, choice["finish_reason"]))
    if counted:
        out.append(_frame({**head, "choices": [], "usage": whole["usage"]}))
    return out if "no-done" in words else [*out, b"data: [DONE]\n\n"]


def _deltas(message: Body, mixed: bool) -> list[Body]:
    out: list[Body] = []
    for key in ("reasoning_content", "content", "refusal"):
        out += [{key: piece} for piece in _pieces(message.get(key) or "")]
    runs: list[list[Body]] = []
    for index, call in enumerate(message.get("tool_calls") or ()):
        kind, said = call["type"], free_text.said(call)
        first = {**call, "index": index, kind: {**call[kind], said: ""}}
        rest = [{"index": index, kind: {said: piece}} for piece in _pieces(call[kind][said])]
        runs.append([{"tool_calls": [one]} for one in (first, *rest)])
    if mixed:
        longest = max(map(len, runs), default=0)
        return out + [run[n] for n in range(longest) for run in runs if n < len(run)]
    return out + [delta for run in runs for delta in run]


def _pieces(text: str) -> list[str]:
    return [text[i : i + PIECE] for i in range(0, len(text), PIECE)]


def _frame(data: Body) -> bytes:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def error(message: str, kind: str, param: str | None, code: str | None) -> Body:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


async def pause(words: list[str], name: str) -> None:
    """Wait as a word like "slow-20" says, in ms."""
    for word in words:
        head, _, number = word.rpartition("-")
        if head == name and number.isdigit():
            await asyncio.sleep(int(number) / 1000)
