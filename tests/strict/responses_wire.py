"""Is this what OpenAI's Responses API would send, and what its clients can read?

    responses_request_errors(body)                 a caller's request
    responses_object_errors(obj, asked=None)       a whole answer, to the request `asked`
    responses_stream_errors(bytes, ends, asked)    a streamed one; ends "completed", "incomplete",
                                                   "failed" or None: any of them
    responses_error_errors(status, headers, body)  an error answer

Each returns a list of strings, empty when valid. The object is the one of a gateway that keeps
nothing: every key is always there, and what the request said is said again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, get_args

import openai
import pydantic
from openai.types.responses import Response, ResponseStreamEvent, response_create_params

from aisix.standin.rules import has_half_characters
from tests.strict import sse
from tests.strict.closed import answer_errors, closed, type_errors
from tests.strict.openai_wire import no_constant, no_doubles, openai_error_errors
from tests.strict.responses_flow import KEEPALIVE, TERMINAL, flow_errors
from tests.strict.responses_items import CALLS, Json, items_errors, usage_errors
from tests.strict.sdk import openai_client

# In OpenAI's answers, and not in the SDK's types.
EXTENSIONS = frozenset({"Response.store", "ResponseCustomToolCall.status"})
# What of the answer repeats the request: where it stands, and what is said if the request is silent.
ECHO: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "temperature": 1,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1,
    "truncation": "disabled",
    "user": None,
}
KEYS = frozenset(ECHO) | {
    *("id", "object", "created_at", "status", "background", "completed_at", "error"),
    *("incomplete_details", "model", "output", "previous_response_id", "service_tier"),
    *("store", "usage"),
}
REASONS = ("max_output_tokens", "content_filter")
CODES = (
    *("server_error", "rate_limit_exceeded", "context_length_exceeded", "insufficient_quota"),
    "invalid_prompt",
)
_ID = re.compile(r"resp_([A-Za-z0-9_-]{1,48})")
_FIRST_SECOND, _LAST_SECOND = 1_500_000_000, 99_999_999_999
_ASKED: dict[str, Any] = {"model": "m", "input": "x"}
# Names of the other dialect: an error that speaks of them sends its reader looking for nothing.
_OTHER_NAMES = re.compile(
    r"messages[.\[]\d|\bmessages$|max_tokens|max_completion_tokens|response_format|output_config"
    r"|reasoning_effort"
)

_TOLD_APART = "In the Responses API this is"


# ------------------------------------------------------------------------------------- requests


@cache
def _request_type(stream: bool) -> pydantic.TypeAdapter[Any]:
    params = response_create_params
    streamed = params.ResponseCreateParamsStreaming
    return pydantic.TypeAdapter(
        closed(streamed if stream else params.ResponseCreateParamsNonStreaming)
    )


def responses_request_errors(body: Any, also: Collection[str] = ()) -> list[str]:
    """What is wrong with a request; `also` names top-level extensions that are let pass."""
    if not isinstance(body, dict):
        return ["json: the body is not an object"]
    core = {key: value for key, value in body.items() if key not in also}
    items = core.get("input")
    if isinstance(items, list):
        core["input"] = [_as_typed(item) for item in items]
    found = type_errors(_request_type(core.get("stream") is True), core)
    for key in ("model", "input"):
        if not core.get(key):
            found.append(f"rule: {key}: always there, and not empty")
    if core.get("stream_options") and not core.get("stream"):
        found.append("rule: stream_options: only together with stream")
    if has_half_characters(body):
        found.append("rule: half a surrogate pair in a text")
    return found or _tool_errors(core) or _pair_errors(items if isinstance(items, list) else [])


def _as_typed(item: Any) -> Any:
    """An item as the SDK's types have it: custom calls have a status in every answer, in none of them."""
    if isinstance(item, dict) and item.get("type") == "custom_tool_call":
        return {key: value for key, value in item.items() if key != "status"}
    return item


def _tool_errors(body: Json) -> list[str]:
    names: list[tuple[str, str]] = []
    for tool in body.get("tools") or ():
        space = tool["name"] if tool["type"] == "namespace" else ""
        for inner in tool["tools"] if space else [tool]:
            if "name" in inner:
                names.append((space, inner["name"]))
    found = []
    if len(names) != len(set(names)):
        found.append("rule: tools: two tools of one name")
    choice = body.get("tool_choice")
    if choice == "required" and not body.get("tools"):
        found.append("rule: tool_choice: required, and there are no tools")
    if isinstance(choice, dict) and choice.get("type") in ("function", "custom"):
        if (choice.get("namespace") or "", choice["name"]) not in names:
            found.append(f"rule: tool_choice: no tool is called {choice['name']!r}")
    return found


def _pair_errors(items: list[Any]) -> list[str]:
    """Calls without an output, outputs without a call."""
    found: list[str] = []
    waiting: set[str] = set()
    for index, item in enumerate(items):
        kind, call = item.get("type"), item.get("call_id")
        if item.get("execution") == "server":
            continue
        if kind in CALLS:
            if call in waiting:
                found.append(f"rule: input[{index}]: the call_id {call!r} again")
            waiting.add(call)
        elif kind in [f"{name}_output" for name in CALLS] or kind == "tool_search_output":
            if call not in waiting:
                found.append(f"rule: input[{index}]: an output that answers no call")
            waiting.discard(call)
    if waiting:
        found.append(f"rule: input: calls without an output: {sorted(waiting)}")
    return found


# --------------------------------------------------------------------------------- whole answers


def responses_object_errors(obj: Any, asked: Json | None = None) -> list[str]:
    """What is wrong with a whole answer (the decoded body); `asked`: the request it repeats."""
    status = obj.get("status") if isinstance(obj, dict) else None
    if status not in ("completed", "incomplete"):
        return [f"rule: status: a whole answer is completed or incomplete, not {status!r}"]
    return _object_errors(obj, asked) or _parsed_errors(obj)


def _object_errors(obj: Any, asked: Json | None) -> list[str]:
    """The object of a plain answer and of the frames that carry it."""
    if not isinstance(obj, dict):
        return ["json: the answer is not an object"]
    found = [f"rule: {key}: every key is always there" for key in sorted(KEYS - obj.keys())]
    found += [f"rule: {key}: no key of an answer" for key in sorted(obj.keys() - KEYS)]
    found = found or answer_errors(Response, _as_the_types_have_it(obj), _extension)
    if found:
        return found
    named = _ID.fullmatch(obj["id"])
    if named is None:
        found.append(f"rule: id: resp_ and at most 48 characters, not {obj['id']!r}")
    if has_half_characters(obj):
        found.append("rule: half a surrogate pair in a text")
    for key, value in {"store": False, "background": False, "previous_response_id": None}.items():
        if obj[key] is not value:
            found.append(f"rule: {key}: {value} of a gateway that keeps nothing")
    found += _status_errors(obj) + _echo_errors(obj, asked) + usage_errors(obj["usage"])
    reason = (obj["incomplete_details"] or {}).get("reason") or (obj["error"] or {}).get("code")
    return found + items_errors(obj["output"], named.group(1) if named else "", reason)


def _as_the_types_have_it(obj: Json) -> Json:
    """Without what is said as the caller said it, which the answer types need not know; the codes
    of failures are more than theirs."""
    made = {**obj, "tools": [], "tool_choice": "auto", "text": None, "instructions": None}
    if isinstance(obj["error"], dict) and obj["error"].get("code") in CODES:
        made["error"] = {**obj["error"], "code": "server_error"}
    return made


def _extension(model: str, key: str) -> bool:
    return f"{model}.{key}" in EXTENSIONS


def _status_errors(obj: Json) -> list[str]:
    found: list[str] = []
    status, made, done = obj["status"], obj["created_at"], obj["completed_at"]
    if type(made) is not int or not _FIRST_SECOND < made < _LAST_SECOND:
        found.append("rule: created_at: whole seconds")
    if (done is not None) != (status == "completed"):
        found.append(f"rule: completed_at: {done!r} of an answer that is {status}")
    elif done is not None and (type(done) is not int or done < made):
        found.append("rule: completed_at: whole seconds, not before created_at")
    reason = obj["incomplete_details"]
    if (reason is not None) != (status == "incomplete"):
        found.append(f"rule: incomplete_details: {reason!r} of an answer that is {status}")
    elif reason is not None and (reason.keys() != {"reason"} or reason["reason"] not in REASONS):
        found.append(f"rule: incomplete_details: one of {REASONS}, not {reason!r}")
    error = obj["error"]
    if (error is not None) != (status == "failed"):
        found.append(f"rule: error: {error!r} of an answer that is {status}")
    elif error is not None:
        found += _failure_errors(error)
    if status == "in_progress" and (obj["output"] or obj["usage"]):
        found.append("rule: output and usage: nothing yet")
    if obj["service_tier"] is None:
        found.append("rule: service_tier: always told")
    return found


def _failure_errors(error: Any) -> list[str]:
    if not isinstance(error, dict) or error.keys() != {"type", "code", "message", "param"}:
        return ["rule: error: of type, code, message, param"]
    if not isinstance(error["message"], str) or not error["message"] or error["param"] is not None:
        return ["rule: error: message is a text, param null"]
    found = [] if error["code"] in CODES else [f"rule: error.code: {error['code']!r}"]
    return found + _other_names(error["message"])


def _echo_errors(obj: Json, asked: Json | None) -> list[str]:
    if asked is None:
        return []
    found = []
    for key, silent in ECHO.items():
        sent = asked.get(key)
        if isinstance(silent, dict) and silent:
            sent = {inner: (sent or {}).get(inner) for inner in silent}
            wanted = {inner: silent[inner] if v is None else v for inner, v in sent.items()}
        else:
            wanted = silent if sent is None else sent
        if obj[key] != wanted:
            found.append(f"rule: {key}: {obj[key]!r}, and the request says {wanted!r}")
    if "model" in asked and obj["model"] != asked["model"]:
        found.append(f"rule: model: {obj['model']!r}, not the alias {asked['model']!r}")
    return found


def _parsed_errors(obj: Json) -> list[str]:
    """The SDK's own reading: text joined, calls parsed."""
    client = openai_client(json.dumps(obj).encode(), headers={"content-type": "application/json"})
    try:
        made = client.responses.parse(**_ASKED)
    except Exception as error:
        return [f"sdk: {type(error).__name__}: {error}"]
    texts = [
        part["text"]
        for item in obj["output"]
        if item["type"] == "message"
        for part in item["content"]
        if part["type"] == "output_text"
    ]
    return [] if made.output_text == "".join(texts) else ["sdk: output_text is another text"]


# --------------------------------------------------------------------------------------- streams


@cache
def _event_types() -> dict[str, Any]:
    union = get_args(ResponseStreamEvent)[0]
    return {get_args(kind.model_fields["type"].annotation)[0]: kind for kind in get_args(union)}


def responses_stream_errors(
    data: bytes, ends: str | None = None, asked: Json | None = None
) -> list[str]:
    """What is wrong with a streamed answer; `ends`: how it must end, None for any end."""
    events, found = _events(data)
    if found:
        return found
    for number, event in enumerate(events):
        found += (f"event {number}: {text}" for text in _event_errors(event))
    if found:
        return found
    for event in events:
        if "response" in event:
            found += (f"{event['type']}: {t}" for t in _frame_object_errors(event, asked))
    if found:
        return found
    found = flow_errors(events)
    if len({event["response"]["id"] for event in events if "response" in event}) > 1:
        found.append("rule: id: another one in a later event")
    if ends is not None and events[-1]["type"] != f"response.{ends}":
        found.append(f"rule: ends {events[-1]['type']}, not {ends}")
    if has_half_characters(events):
        found.append("rule: half a surrogate pair in a text")
    return found or _accumulated_errors(data, events)


def _events(data: bytes) -> tuple[list[Json], list[str]]:
    """The payloads, and what is wrong with the frames they came in."""
    if not data.endswith((b"\n\n", b"\r\n\r\n")):
        return [], ["sse: the last frame is not closed by a blank line"]
    found = [
        f"sse: only event, data and comments are sent, not {line[:40]!r}"
        for line in sse.lines(data)
        if line and not line.startswith((b"event:", b"data:", b":"))
    ]
    events: list[Json] = []
    for number, (name, text) in enumerate(sse.events(data)):
        if text == "[DONE]":
            return [], ["sse: [DONE] is of the other dialect"]
        try:
            event = json.loads(text, parse_constant=no_constant, object_pairs_hook=no_doubles)
        except ValueError as error:
            return [], [f"sse: event {number}: not JSON: {error}"]
        if not isinstance(event, dict) or name is None or name != event.get("type"):
            return [], [f"sse: event {number} is named {name!r}, and its data says otherwise"]
        events.append(event)
    return events, found or ([] if events else ["sse: no event at all"])


def _event_errors(event: Json) -> list[str]:
    kind = event["type"]
    if kind == KEEPALIVE:
        return [] if event.keys() == {"type", "sequence_number"} else ["keepalive: says nothing"]
    if kind == "error":
        if event.keys() != {"type", "sequence_number", "error"}:
            return ["error: nested in a key of its own, which clients look for"]
        return _failure_errors(event["error"])
    if event.get("error"):
        return ["a key `error` with something in it makes clients give up"]
    if kind not in _event_types():
        return [f"no event that clients know: {kind!r}"]
    if isinstance(event.get("response"), dict):  # judged as an object, by itself
        shell = {**event, "response": {**_EMPTY_RESPONSE}}
        return answer_errors(_event_types()[kind], shell, _extension)
    return answer_errors(_event_types()[kind], event, _extension)


_EMPTY_RESPONSE: Json = {
    "id": "resp_x",
    "object": "response",
    "created_at": 1,
    "model": "m",
    "output": [],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
}


def _frame_object_errors(event: Json, asked: Json | None) -> list[str]:
    told = event["type"].removeprefix("response.")
    status = "in_progress" if told == "created" else told
    if event["response"].get("status") != status:
        return [f"rule: status: {event['response'].get('status')!r}, and the event says {told}"]
    return _object_errors(event["response"], asked)


def _accumulated_errors(data: bytes, events: list[Json]) -> list[str]:
    """The SDK's accumulator over the bytes: what it holds at the end is what was sent."""
    last = events[-1]
    client = openai_client(data, headers={"content-type": "text/event-stream"})
    texts: dict[int, str] = {}
    try:
        with client.responses.stream(**_ASKED) as stream:
            for event in stream:
                if event.type == "response.output_text.delta":
                    texts[event.output_index] = event.snapshot
            final = stream.get_final_response() if last["type"] == TERMINAL[0] else None
    except openai.APIError as error:
        if last["type"] != "response.failed":
            return [f"sdk: {type(error).__name__}: {error}"]
        told = (error.code, error.message)
        wanted = (last["response"]["error"]["code"], last["response"]["error"]["message"])
        return [] if told == wanted else [f"sdk: the exception says {told}, not {wanted}"]
    except Exception as error:
        return [f"sdk: the accumulator failed: {type(error).__name__}: {error}"]
    if last["type"] == "response.failed":
        return ["sdk: the failure raised nothing"]
    output = last["response"]["output"]
    found = []
    for index, text in texts.items():
        item = output[index] if index < len(output) else None
        if item is not None and item["content"][0]["text"] != text:
            found.append(f"sdk: the accumulated text of item {index} is {text!r}")
    if final is not None and [one.to_dict()["id"] for one in final.output] != [
        one["id"] for one in output
    ]:
        found.append("sdk: the final response has other items")
    return found


# ---------------------------------------------------------------------------------------- errors


def responses_error_errors(status: int, headers: Mapping[str, str], body: bytes) -> list[str]:
    """What is wrong with an error answer: the envelope is that of the other OpenAI dialect."""
    found = openai_error_errors(
        status, headers, body, lambda client: client.responses.create(**_ASKED)
    )
    if found:
        return found
    error = json.loads(body)["error"]
    if _TOLD_APART in error["message"]:  # the caller's own field, which is the other dialect's
        return []
    return _other_names(str(error["param"])) + _other_names(error["message"])


def _other_names(text: str) -> list[str]:
    named = _OTHER_NAMES.search(text)
    return [f"error: speaks of {named.group()}, a name of another dialect: {text}"] if named else []
