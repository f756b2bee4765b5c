"""Is this what OpenAI's Chat Completions would send, and what its clients can read?

    openai_request_errors(body)                          a caller's request
    openai_completion_errors(obj)                        a whole answer
    openai_stream_errors(bytes, include_usage, ends)     a streamed one; ends "done" or "error"
    openai_error_errors(status, headers, body)           an error answer

Each returns a list of strings, empty when valid. `also` names fields that are meant to be there
although OpenAI has none ("Choice.stop_reason"); the reasoning fields of a message always may.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any

import openai
import pydantic
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk, completion_create_params
from openai.types.shared import ErrorObject

from aisix.standin.rules import has_half_characters
from tests.strict import sse
from tests.strict.closed import answer_errors, closed, type_errors
from tests.strict.sdk import openai_client

# The convention other gateways set for reasoning; a delta also carries a message's annotations.
_REASONING = ("reasoning_content", "reasoning_details")
EXTENSIONS = frozenset(
    {f"ChatCompletionMessage.{key}" for key in _REASONING}
    | {f"ChoiceDelta.{key}" for key in (*_REASONING, "annotations")}
)
_FIRST_SECOND, _LAST_SECOND = 1_500_000_000, 99_999_999_999
_RAISED = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
}
_ASKED: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "x"}]}


# ------------------------------------------------------------------------------------- requests


@cache
def _request_type(stream: bool) -> pydantic.TypeAdapter[Any]:
    params = completion_create_params
    streamed, plain = (
        params.CompletionCreateParamsStreaming,
        params.CompletionCreateParamsNonStreaming,
    )
    return pydantic.TypeAdapter(closed(streamed if stream else plain))


def openai_request_errors(body: Any, also: Collection[str] = ()) -> list[str]:
    """What is wrong with a request; `also` names top-level extensions that are let pass."""
    if not isinstance(body, dict):
        return ["json: the body is not an object"]
    core = {key: value for key, value in body.items() if key not in also}
    found = type_errors(_request_type(core.get("stream") is True), core)
    if core.get("stream_options") and not core.get("stream"):
        found.append("rule: stream_options: only together with stream")
    messages = core.get("messages")
    if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages):
        return found or ["rule: messages: not a list of objects"]
    return found or _conversation_errors(messages)


def _conversation_errors(messages: list[dict[str, Any]]) -> list[str]:
    found: list[str] = []
    waiting: list[str] = []
    for index, message in enumerate(messages):
        role = message["role"]
        if role == "tool":
            if message["tool_call_id"] not in waiting:
                found.append(f"rule: messages[{index}]: a tool message that answers no tool call")
            else:
                waiting.remove(message["tool_call_id"])
            continue
        if waiting:
            found.append(f"rule: messages[{index}]: tool calls without an answer: {waiting}")
            waiting = []
        if role == "assistant":
            waiting = [call["id"] for call in message.get("tool_calls") or ()]
            said = ("content", "tool_calls", "function_call", "refusal", "audio")
            if all(message.get(key) is None for key in said):
                found.append(f"rule: messages[{index}]: an assistant message that says nothing")
    if waiting:
        found.append(f"rule: messages: tool calls without an answer: {waiting}")
    if not messages:
        found.append("rule: messages: empty")
    return found


# --------------------------------------------------------------------------------- whole answers


def openai_completion_errors(obj: Any, also: Collection[str] = ()) -> list[str]:
    """What is wrong with a whole answer (the decoded body)."""
    found = answer_errors(ChatCompletion, obj, _extension(also))
    if found:
        return found
    found += _identity_errors(obj)
    if not obj["choices"]:
        found.append("rule: choices: empty")
    for index, choice in enumerate(obj["choices"]):
        if choice["index"] != index:
            found.append("rule: choices: indexes count from 0, in order")
        if "logprobs" not in choice:
            found.append("rule: choices: the key logprobs is always sent (null allowed)")
        found += _message_errors(choice["message"], choice["finish_reason"])
    if not _FIRST_SECOND < obj["created"] < _LAST_SECOND:
        found.append("rule: created: not a time in seconds")
    if obj.get("usage") is None:
        found.append("rule: usage: always part of a whole answer")
    return found + _usage_errors(obj.get("usage"))


def _identity_errors(obj: Any) -> list[str]:
    found = ["rule: half a surrogate pair in a text"] if has_half_characters(obj) else []
    if obj["id"] in ("", "chatcmpl-"):
        found.append(f"rule: id: something of its own, not {obj['id']!r}")
    return found


def _extension(also: Collection[str]) -> Any:
    allowed = EXTENSIONS.union(also)
    return lambda model, key: f"{model}.{key}" in allowed


def _message_errors(message: dict[str, Any], finish: str) -> list[str]:
    found: list[str] = []
    for key in ("content", "refusal"):
        if key not in message:
            found.append(f"rule: message.{key}: the key is always sent (null allowed)")
    calls, legacy = message.get("tool_calls"), message.get("function_call")
    if calls == []:
        found.append("rule: message.tool_calls: left out rather than empty")
    if calls and finish in ("stop", "function_call"):
        found.append(f"rule: finish_reason: {finish} although there are tool calls")
    if finish == "tool_calls" and not calls:
        found.append("rule: finish_reason: tool_calls without any")
    if (finish == "function_call") != bool(legacy) and finish not in ("length", "content_filter"):
        found.append(f"rule: finish_reason: {finish} with function_call {legacy!r}")
    if finish == "stop" and not (calls or legacy or message.get("refusal")):
        if message.get("content") is None:
            found.append('rule: message.content: null although nothing else is said (send "")')
    found += _call_errors(calls or [], finish)
    for note in message.get("annotations") or ():
        cited = note["url_citation"]
        if not 0 <= cited["start_index"] <= cited["end_index"] <= len(message.get("content") or ""):
            found.append("rule: message.annotations: indexes outside the content")
    return found + _reasoning_errors(message)


def _call_errors(calls: list[dict[str, Any]], finish: str) -> list[str]:
    found: list[str] = []
    ids = [call.get("id") for call in calls]
    if not all(ids) or len(ids) != len(set(ids)):
        found.append("rule: tool_calls: ids are unique and not empty")
    for call in calls:
        if not (call.get("function") or call["custom"])["name"]:
            found.append("rule: tool_calls: a call without a name")
        if call["type"] != "function":
            continue
        text = call["function"]["arguments"]
        try:
            value = json.loads(text)
        except ValueError:
            if finish != "length":  # cut off in the middle: passed on as it came
                found.append(f"rule: tool_calls: arguments are no JSON: {text[:40]!r}")
            continue
        if not isinstance(value, dict):
            found.append(f"rule: tool_calls: arguments are no object: {text[:40]!r}")
    return found


def _reasoning_errors(message: dict[str, Any]) -> list[str]:
    found: list[str] = []
    if "reasoning_content" in message and not isinstance(message["reasoning_content"], str | None):
        found.append("rule: reasoning_content: not a text")
    details = message.get("reasoning_details")
    if details is None:
        return found
    if not isinstance(details, list) or not details:
        return [*found, "rule: reasoning_details: a list, left out when empty"]
    for detail in details:
        if not isinstance(detail.get("index"), int):
            found.append("rule: reasoning_details: an entry without index")
        if detail.get("type") not in ("reasoning.text", "reasoning.encrypted", "reasoning.summary"):
            found.append(f"rule: reasoning_details: type {detail.get('type')!r}")
    return found


def _usage_errors(usage: dict[str, Any] | None) -> list[str]:
    if not usage:
        return []
    found: list[str] = []
    prompt, completion = usage["prompt_tokens"], usage["completion_tokens"]
    if usage["total_tokens"] != prompt + completion:
        found.append("rule: usage: total_tokens is the sum of prompt_tokens and completion_tokens")
    if min(prompt, completion) < 0:
        found.append("rule: usage: below zero")
    read = usage.get("prompt_tokens_details") or {}
    if (read.get("cached_tokens") or 0) + (read.get("cache_write_tokens") or 0) > prompt:
        found.append("rule: usage: prompt_tokens includes cached and cache-written tokens")
    written = usage.get("completion_tokens_details") or {}
    if (written.get("reasoning_tokens") or 0) > completion:
        found.append("rule: usage: completion_tokens includes reasoning tokens")
    return found


# --------------------------------------------------------------------------------------- streams


def openai_stream_errors(
    data: bytes,
    include_usage: bool = False,
    ends: str = "done",
    also: Collection[str] = (),
) -> list[str]:
    """What is wrong with a streamed answer.

    ends: "done" (a finish reason, then [DONE]) or "error" (an error object, then nothing).
    """
    found = _frame_errors(data)
    payloads = [text for _, text in sse.events(data)]
    if ends == "done" and (payloads.count("[DONE]") != 1 or payloads[-1] != "[DONE]"):
        found.append("sse: ends with exactly one [DONE]")
    if ends == "error" and "[DONE]" in payloads:
        found.append("sse: [DONE] after an error would look like success")
    try:
        chunks = [
            json.loads(text, parse_constant=no_constant, object_pairs_hook=no_doubles)
            for text in payloads
            if text != "[DONE]"
        ]
    except ValueError as error:
        return [*found, f"sse: not JSON: {error}"]
    if ends == "error":
        found += _error_object_errors(chunks.pop() if chunks else None)
    functions = _customs_as_functions(chunks)
    for index, chunk in enumerate(functions):
        wrong = answer_errors(ChatCompletionChunk, chunk, _extension(also))
        found += [f"chunk {index}: {text}" for text in wrong]
    if found:
        return found
    found += _chunk_errors(functions, ends)
    found += _usage_chunk_errors(functions, include_usage, ends)
    return found or _accumulated_errors(data, functions, chunks, ends)


def no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError(f"a key twice in {sorted(key for key, _ in pairs)}")
    return made


def _frame_errors(data: bytes) -> list[str]:
    found: list[str] = []
    if not data.endswith((b"\n\n", b"\r\n\r\n")):
        found.append("sse: the last frame is not closed by a blank line")
    for line in sse.lines(data):
        # Any other field makes the SDK hand an empty event to its JSON parser.
        if line and not line.startswith((b"data:", b":")):
            found.append(f"sse: only data and comments are sent, not {line[:40]!r}")
    return found


def _customs_as_functions(chunks: list[Any]) -> list[Any]:
    """The SDK's chunk types know only functions; custom tool calls are judged as if they were."""
    chunks = copy.deepcopy(chunks)
    for chunk in chunks:
        for choice in chunk.get("choices") or () if isinstance(chunk, dict) else ():
            for call in (choice.get("delta") or {}).get("tool_calls") or ():
                custom = call.pop("custom", None)
                if custom is not None:
                    call["function"] = dict(custom)
                    call["function"]["arguments"] = call["function"].pop("input", None)
                    if call.get("type") == "custom":
                        call["type"] = "function"
    return chunks


def _chunk_errors(chunks: list[dict[str, Any]], ends: str) -> list[str]:
    found = _identity_errors(chunks[0]) if chunks else []
    for key in ("id", "created", "model", "service_tier", "system_fingerprint"):
        if len({chunk.get(key) for chunk in chunks}) > 1:
            found.append(f"rule: {key} changes between chunks")
    spoken = [chunk["choices"] for chunk in chunks if chunk["choices"]]
    if any(len(choices) > 1 or choices[0]["index"] != 0 for choices in spoken):
        found.append("rule: choices: exactly one, index 0")
    main = [choices[0] for choices in spoken]
    if not main:
        return [*found, "rule: no chunk with choices"] if ends == "done" else found
    if [i for i, choice in enumerate(main) if "role" in choice["delta"]] != [0]:
        found.append("rule: role comes in the first delta and nowhere else")
    if any("finish_reason" not in choice for choice in main):
        found.append("rule: finish_reason: the key is in every chunk (null before the end)")
    finished = [i for i, choice in enumerate(main) if choice.get("finish_reason")]
    if ends == "done" and finished != [len(main) - 1]:
        found.append("rule: one finish_reason, in the last chunk with choices")
    if ends == "error" and finished:
        found.append("rule: a finish_reason before an error")
    if chunks and not _FIRST_SECOND < chunks[0]["created"] < _LAST_SECOND:
        found.append("rule: created: not a time in seconds")
    return found + _tool_delta_errors(main) + _list_delta_errors(main)


def _tool_delta_errors(main: list[dict[str, Any]]) -> list[str]:
    found: list[str] = []
    begun = 0
    for choice in main:
        for call in choice["delta"].get("tool_calls") or ():
            index, function = call["index"], call.get("function") or {}
            if index == begun:
                begun += 1
                if not call.get("id") or not call.get("type") or not function.get("name"):
                    found.append("rule: tool_calls: the first delta has id, type and name")
            elif index > begun:
                found.append("rule: tool_calls: indexes are dense and count from 0")
                begun = index + 1
            elif index != begun - 1:
                found.append("rule: tool_calls: a delta for a call that is already over")
            elif call.get("id") or call.get("type") or function.get("name"):
                found.append("rule: tool_calls: id, type or name again (clients would join them)")
    return found


def _list_delta_errors(main: list[dict[str, Any]]) -> list[str]:
    noted = [choice for choice in main if choice["delta"].get("annotations")]
    found = ["rule: annotations: all in one chunk"] if len(noted) > 1 else []
    formats: list[Any] = []
    for choice in main:
        found += _reasoning_errors(choice["delta"])
        for detail in choice["delta"].get("reasoning_details") or ():
            if "format" in detail:
                formats.append(detail.get("index"))
    if len(formats) != len(set(formats)):
        found.append("rule: reasoning_details: format again (clients would join it)")
    return found


def _usage_chunk_errors(chunks: list[dict[str, Any]], include_usage: bool, ends: str) -> list[str]:
    tail = [chunk for chunk in chunks if not chunk["choices"]]
    found = [text for chunk in tail for text in _usage_errors(chunk.get("usage"))]
    main = [chunk for chunk in chunks if chunk["choices"]]
    if not include_usage:
        if tail:
            found.append("rule: a chunk without choices although usage was not asked for")
        if any("usage" in chunk for chunk in chunks):
            found.append("rule: usage although it was not asked for")
        return found
    if any("usage" not in chunk or chunk["usage"] is not None for chunk in main):
        found.append("rule: usage: null in every chunk but the last")
    if ends == "done" and (len(tail) != 1 or chunks[-1] is not tail[0] or not tail[0].get("usage")):
        found.append("rule: usage: one last chunk with it and without choices")
    return found


def _accumulated_errors(
    data: bytes, functions: list[dict[str, Any]], chunks: list[dict[str, Any]], ends: str
) -> list[str]:
    if functions != chunks and ends == "done":  # the accumulator gives up on custom tool calls
        data = sse.unnamed(*functions, "[DONE]")
    client = openai_client(data, headers={"content-type": "text/event-stream"})
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    try:
        for chunk in client.chat.completions.create(**_ASKED, stream=True):
            list(state.handle_chunk(chunk))
    except openai.APIError as error:
        return [] if ends == "error" else [f"sdk: {type(error).__name__}: {error}"]
    except Exception as error:
        return [f"sdk: the accumulator failed: {type(error).__name__}: {error}"]
    if ends == "error":
        return ["sdk: the error frame raised nothing"]
    folded = state.current_completion_snapshot.to_dict()
    customs = {
        call["index"]
        for chunk in chunks
        for choice in chunk["choices"]
        for call in choice["delta"].get("tool_calls") or ()
        if "custom" in call
    }
    found: list[str] = []
    for choice in folded["choices"]:  # type: ignore[attr-defined]
        message = {"content": None, "refusal": None, **choice["message"]}
        for index, call in enumerate(message.get("tool_calls") or ()):
            call.pop("index", None)
            call["function"].pop("parsed_arguments", None)
            if index in customs:
                call["type"] = "custom"
        if message["role"] != "assistant":
            found.append(f"sdk: the accumulated role is {message['role']!r}")
        found += [f"folded: {text}" for text in _message_errors(message, choice["finish_reason"])]
    return found


# ---------------------------------------------------------------------------------------- errors


def openai_error_errors(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    ask: Callable[[openai.OpenAI], Any] = lambda client: client.chat.completions.create(**_ASKED),
) -> list[str]:
    """What is wrong with an error answer; `ask`: the SDK's call that it answers."""
    lower = {name.lower(): value for name, value in headers.items()}
    found: list[str] = []
    if not lower.get("content-type", "").startswith("application/json"):
        found.append("error: content-type is application/json")
    if not lower.get("x-request-id"):
        found.append("error: no x-request-id header")
    try:
        obj = json.loads(body)
    except ValueError:
        return [*found, "error: the body is not JSON"]
    found += _error_object_errors(obj)
    if found:
        return found
    try:
        ask(openai_client(body, status, headers))
    except openai.APIStatusError as raised:
        usual = openai.InternalServerError if status >= 500 else openai.APIStatusError
        wanted = _RAISED.get(status, usual)
        if type(raised) is not wanted:
            found.append(f"sdk: raises {type(raised).__name__}, not {wanted.__name__}")
        told, error = (raised.code, raised.param, raised.type, raised.request_id), obj["error"]
        if told != (error["code"], error["param"], error["type"], lower["x-request-id"]):
            found.append("sdk: code, param, type or request id did not reach the exception")
        return found
    return ["sdk: no exception was raised"]


def _error_object_errors(obj: Any) -> list[str]:
    if not isinstance(obj, dict) or set(obj) != {"error"} or not isinstance(obj["error"], dict):
        return ["error: the body is not {error: {...}} alone"]
    found = answer_errors(ErrorObject, obj["error"])
    for key in ("message", "type", "param", "code"):
        if key not in obj["error"]:
            found.append(f"error: {key}: all four keys are always sent (null allowed)")
    return found
