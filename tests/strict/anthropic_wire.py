"""Is this a Messages request the upstream would take, an answer it could have given?

    anthropic_request_errors(body, version="2023-06-01", beta=False)
    anthropic_message_errors(obj)                    a whole answer
    anthropic_stream_errors(bytes)                   a streamed one
    anthropic_error_errors(status, headers, body)    an error
    append_only_errors(translate, body)              a longer conversation never rewrites its start

Each returns a list of strings, empty when valid. The rules beyond the SDK's types are those of the
stand-in upstream: what it refuses over HTTP is refused here, so both have one source.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any, get_args

import anthropic
import pydantic
from anthropic.types import Message, RawMessageStreamEvent, message_create_params
from anthropic.types.beta import BetaMessage
from anthropic.types.beta import message_create_params as beta_create_params
from anthropic.types.shared.error_type import ErrorType

from aisix.standin import rules
from tests.strict import sse
from tests.strict.closed import answer_errors, closed, type_errors
from tests.strict.sdk import anthropic_client

# What `beta=True` stands for: every beta the gateway may ask for.
ALL_BETAS = frozenset(
    {
        "thinking-binding-controls-2026-08-01",
        "thinking-display-updates-2026-08-18",
        "files-api-2025-04-14",
        "context-management-2025-06-27",
        "compact-2026-01-12",
        "mcp-client-2025-11-20",
        "fast-mode-2026-02-01",
    }
)
_SAMPLING = {"temperature": float, "top_p": float, "top_k": int}  # gone from the SDK's types
_IN_HEADERS = ("betas", "user_profile_id", "workspace_id")  # in the SDK's types, never in a body
# Where a call may be cut off in the middle.
_CUT = ("max_tokens", "model_context_window_exceeded", "refusal", "pause_turn")
_ERROR_TYPES = frozenset(get_args(ErrorType)) | {"request_too_large"}


@cache
def _request_type(version: str, beta: bool, stream: bool) -> pydantic.TypeAdapter[Any]:
    params: Any = beta_create_params if beta else message_create_params
    kind = params.MessageCreateParamsStreaming if stream else params.MessageCreateParamsNonStreaming
    also = _SAMPLING if version < rules.NO_SAMPLING_SINCE else {}
    return pydantic.TypeAdapter(closed(kind, also))


def anthropic_request_errors(
    body: Any, version: str = rules.VERSIONS[0], beta: bool | Collection[str] = False
) -> list[str]:
    """What is wrong with a body sent to /v1/messages under this anthropic-version.

    beta: the betas named in the request's header; True for all the gateway knows.
    """
    try:
        body = json.loads(json.dumps(body, allow_nan=False))
    except (TypeError, ValueError) as error:
        return [f"json: {error}"]
    if not isinstance(body, dict):
        return ["json: the body is not an object"]
    if version not in rules.VERSIONS:
        return [f"version: {version!r} is none of {', '.join(rules.VERSIONS)}"]
    betas = ALL_BETAS if beta is True else frozenset(beta or ())
    adapter = _request_type(version, bool(betas), body.get("stream") is True)
    found = type_errors(adapter, body)
    found += [f"rule: {f}: belongs in a header" for f in _IN_HEADERS if f in body]
    found += [f"rule: {text}" for text in rules.complaints(body, version=version, betas=betas)]
    return found


def anthropic_message_errors(obj: Any, beta: bool = False) -> list[str]:
    """What is wrong with a whole answer."""
    found = answer_errors(BetaMessage if beta else Message, obj)
    if found:
        return found
    found += _id_errors(obj["id"]) + _usage_errors(obj["usage"])
    if obj.get("stop_reason") is None:
        found.append("rule: stop_reason: never null in a whole answer")
    return found + _call_errors(obj["content"], obj.get("stop_reason")) + _half_errors(obj)


def _id_errors(value: Any) -> list[str]:
    good = isinstance(value, str) and value.startswith("msg_") and value != "msg_"
    return [] if good else [f"rule: id: msg_ and something of its own, not {value!r}"]


def _half_errors(obj: Any) -> list[str]:
    return ["rule: half a surrogate pair in a text"] if rules.has_half_characters(obj) else []


def _usage_errors(usage: Mapping[str, Any]) -> list[str]:
    wrong = [name for name, value in usage.items() if isinstance(value, int) and value < 0]
    return [f"rule: usage.{name}: below zero" for name in wrong]


def _call_errors(blocks: list[dict[str, Any]], stop: Any) -> list[str]:
    calls = [block for block in blocks if block["type"] == "tool_use"]
    found = [] if calls or stop != "tool_use" else ["rule: stop_reason: tool_use without a call"]
    ids = [call["id"] for call in calls]
    if not all(ids) or len(ids) != len(set(ids)):
        found.append(f"rule: tool_use: ids are unique and not empty, not {ids}")
    if not all(call["name"] for call in calls):
        found.append("rule: tool_use: a call without a name")
    return found


def anthropic_stream_errors(
    data: bytes, complete: bool = True, tolerate: Collection[str] = ()
) -> list[str]:
    """What is wrong with a streamed answer.

    complete=False for streams that break off or end in an error; `tolerate` names invented event,
    block and delta types, for tests of what the future may bring.
    """
    found: list[str] = []
    payloads: list[dict[str, Any]] = []
    for position, (name, text) in enumerate(sse.events(data)):
        try:
            payload = json.loads(text)
        except ValueError:
            return [f"event {position}: not JSON: {text[:60]!r}"]
        if name != payload.get("type"):
            found.append(f"event {position}: named {name!r}, its data says {payload.get('type')!r}")
        if _kinds(payload).isdisjoint(tolerate) and payload.get("type") not in ("ping", "error"):
            wrong = answer_errors(RawMessageStreamEvent, payload)
            found += [f"event {position}: {text}" for text in wrong]
        payloads.append(payload)
    if found:
        return found
    kinds = [payload["type"] for payload in payloads]
    if "error" in kinds and kinds.index("error") != len(kinds) - 1:
        found.append("flow: something follows an error")
    if "message_stop" in kinds and kinds.index("message_stop") != len(kinds) - 1:
        found.append("flow: something follows message_stop")
    if kinds != ["error"]:  # a stream that fails at once says nothing else
        unseen = {"ping", "error", *tolerate}
        found += _flow_errors([p for p in payloads if p["type"] not in unseen], complete)
    found += _half_errors(payloads)
    return found or _said_errors(payloads) or (_accumulated(data) if complete else [])


def _said_errors(payloads: list[dict[str, Any]]) -> list[str]:
    """Of what the events say together: ids, calls, arguments, counts."""
    found: list[str] = []
    blocks: list[dict[str, Any]] = []
    texts: dict[int, str] = {}
    stop: Any = None
    for payload in payloads:
        kind = payload["type"]
        if kind == "message_start":
            found += _id_errors(payload["message"]["id"])
            found += _usage_errors(payload["message"]["usage"])
        elif kind == "content_block_start":
            blocks.append(payload["content_block"])
        elif kind == "content_block_delta" and "partial_json" in payload["delta"]:
            at = payload["index"]
            texts[at] = texts.get(at, "") + payload["delta"]["partial_json"]
        elif kind == "message_delta":
            stop = payload["delta"].get("stop_reason") or stop
            found += _usage_errors(payload["usage"])
    if stop is None:
        return found
    found += _call_errors(blocks, stop)
    for at, text in texts.items():
        if text and stop not in _CUT and blocks[at]["type"] == "tool_use":
            found += _argument_errors(text)
    return found


def _argument_errors(text: str) -> list[str]:
    try:
        return [] if isinstance(json.loads(text), dict) else ["rule: tool_use: input is no object"]
    except ValueError:
        return [f"rule: tool_use: input is no JSON: {text[:40]!r}"]


def _kinds(payload: dict[str, Any]) -> set[Any]:
    inner = (payload.get("content_block") or {}, payload.get("delta") or {})
    return {payload.get("type"), *(part.get("type") for part in inner)}


def _flow_errors(flow: list[dict[str, Any]], complete: bool) -> list[str]:
    if not flow or flow[0]["type"] != "message_start":
        return ["flow: the first event is message_start"]
    found: list[str] = []
    current: int | None = None
    begun = 0
    for payload in flow[1:]:
        kind, index = payload["type"], payload.get("index")
        if kind == "message_start":
            found.append("flow: a second message_start")
        elif kind == "content_block_start":
            if current is not None or index != begun:
                found.append(f"flow: block {index} starts out of turn (next is {begun})")
            current, begun = index, begun + 1
        elif index is not None and index != current:
            found.append(f"flow: {kind} of block {index} while block {current} is open")
        elif kind == "content_block_stop":
            current = None
        elif kind in ("message_delta", "message_stop") and current is not None:
            found.append(f"flow: {kind} while block {current} is open")
    if complete:
        kinds = [payload["type"] for payload in flow]
        if kinds[-1] != "message_stop" or "message_delta" not in kinds:
            found.append("flow: the end is message_delta, then message_stop")
    return found


def _accumulated(data: bytes) -> list[str]:
    client = anthropic_client(data, headers={"content-type": "text/event-stream"})
    try:
        with client.messages.stream(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]
        ) as stream:
            final = stream.get_final_message()
    except Exception as error:
        return [f"sdk: {type(error).__name__}: {error}"]
    return [] if final.stop_reason else ["sdk: the accumulated message has no stop_reason"]


def anthropic_error_errors(status: int, headers: Mapping[str, str], body: bytes) -> list[str]:
    """What is wrong with an error answer in Anthropic's shape."""
    lower = {name.lower(): value for name, value in headers.items()}
    found = [] if lower.get("request-id") else ["error: no request-id header"]
    try:
        obj = json.loads(body)
    except ValueError:
        return [*found, "error: the body is not JSON"]
    error = obj.get("error") if isinstance(obj, dict) else None
    if not isinstance(error, dict) or obj.get("type") != "error":
        return [*found, "error: the body is not {type: error, error: {...}}"]
    if set(obj) - {"type", "error", "request_id"}:
        found.append(f"error: unknown keys {sorted(set(obj) - {'type', 'error', 'request_id'})}")
    if error.get("type") not in _ERROR_TYPES:
        found.append(f"error: error.type {error.get('type')!r} does not exist")
    if not isinstance(error.get("message"), str) or not error["message"]:
        found.append("error: error.message is not a text")
    if found:
        return found
    try:
        anthropic_client(body, status, headers).messages.create(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]
        )
    except anthropic.APIStatusError as raised:
        if (raised.type, raised.request_id) != (error["type"], lower["request-id"]):
            found.append("sdk: error.type or request id did not reach the exception")
        return found
    return ["sdk: no exception was raised"]


def append_only_errors(
    translate: Callable[[dict[str, Any]], dict[str, Any]], body: dict[str, Any]
) -> list[str]:
    """Where translating a conversation changes what its earlier requests were translated to.

    Each point just before an assistant turn was once a request of its own. Its translation must be
    the beginning of the translation of the whole: prompt caches and bound thinking rely on it.
    """
    whole = _without_breakpoints(translate(body))
    messages = body["messages"]
    found: list[str] = []
    for count in range(1, len(messages)):
        roles = [message.get("role") for message in messages[count - 1 : count + 1]]
        if roles[1] != "assistant" or roles[0] == "assistant":
            continue
        part = _without_breakpoints(translate({**body, "messages": messages[:count]}))
        for field in ("system", "tools"):
            if part.get(field) != whole.get(field):
                found.append(f"prefix: {field} is not what it was after {count} messages")
        pairs = zip(part["messages"], whole["messages"], strict=False)
        changed = next((i for i, (then, now) in enumerate(pairs) if then != now), None)
        if changed is None and len(part["messages"]) > len(whole["messages"]):
            changed = len(whole["messages"])
        if changed is not None:
            found.append(f"prefix: messages[{changed}] is not what it was after {count} messages")
    return found


def _without_breakpoints(node: Any) -> Any:
    if isinstance(node, dict):
        return {k: _without_breakpoints(v) for k, v in node.items() if k != "cache_control"}
    if isinstance(node, list):
        return [_without_breakpoints(value) for value in node]
    return node
