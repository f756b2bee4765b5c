"""The checks of Responses callers: what is good passes, every single fault is found, and as itself."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.strict.responses_flow import flow_errors
from tests.strict.responses_samples import (
    ASKED,
    FAILURE,
    HELLO,
    LIMIT,
    RESPONSES_REQUEST,
    STREAMS,
    THOUGHT,
    Json,
    as_bytes,
    call,
    cited,
    custom,
    frames,
    lookup,
    message,
    numbered,
    packed,
    reasoning,
    response,
    search,
    streamed,
    text_part,
    usage,
)
from tests.strict.responses_wire import (
    responses_error_errors,
    responses_object_errors,
    responses_request_errors,
    responses_stream_errors,
)
from tests.strict.samples import GONE, changed

# ------------------------------------------------------------------------------------- requests

# (path, value, a word of the complaint)
REQUEST_FAULTS: dict[str, tuple[str, Any, str]] = {
    "a key of the other dialect": ("max_tokens", 5, "max_tokens"),
    "the other dialect's nesting": (
        "tools.0",
        {"type": "function", "function": {"name": "f"}},
        "tools",
    ),
    "the other dialect's part": ("input.1.content.0.type", "text", "input"),
    "an effort nobody knows": ("reasoning.effort", "ultra", "effort"),
    "a number as text": ("max_output_tokens", "9", "max_output_tokens"),
    "arguments as an object": ("input.4.arguments", {}, "input"),
    "a call without an output": ("input", lambda i: i[:-3], "without an output"),
    "an output to another call": ("input.6.call_id", "toolu_9", "answers no call"),
    "a call id twice": ("input.5.call_id", "toolu_1", "again"),
    "an item nobody knows": ("input.0", {"type": "of_tomorrow"}, "input"),
    "two tools of one name": ("tools.1.name", "f", "two tools"),
    "a choice of no tool": ("tool_choice.name", "g", "no tool is called"),
    "half a character": ("instructions", "\ud83d", "half a surrogate"),
    "no model": ("model", GONE, "model"),
    "no input": ("input", GONE, "input"),
    "an empty input": ("input", [], "input"),
}


def test_a_full_request_is_valid() -> None:
    assert responses_request_errors(RESPONSES_REQUEST) == []
    assert responses_request_errors({**RESPONSES_REQUEST, "top_k": 5}, also=["top_k"]) == []
    assert responses_request_errors(ASKED) == []


@pytest.mark.parametrize("name", REQUEST_FAULTS)
def test_every_fault_in_a_request_is_found(name: str) -> None:
    path, value, word = REQUEST_FAULTS[name]
    found = responses_request_errors(changed(RESPONSES_REQUEST, path, value))
    assert word in " ".join(found)


def test_options_of_a_stream_only_with_one() -> None:
    body = {**ASKED, "stream_options": {"include_obfuscation": False}}
    assert responses_request_errors({**body, "stream": True}) == []
    assert responses_request_errors(body) != []


# -------------------------------------------------------------------------------- whole answers

EVERY_ITEM = response(
    output=[
        reasoning(0, "Hmm..."),
        search(1),
        message(2, text_part("It is so.", cited(6, 9))),
        call(3, "read", '{"p":"a"}', namespace="mcp__fs__"),
        custom(4, "*** Begin"),
        lookup(5),
    ],
    usage=usage(143, 9, cached=40, written=100, thought=4),
)
OBJECT_FAULTS: dict[str, tuple[str, Any, str]] = {
    **{f"no {key}": (key, GONE, key) for key in response()},
    "a leaked key": ("stop_reason", "end_turn", "no key of an answer"),
    "the SDK's own key": ("output_text", "x", "no key of an answer"),
    "the upstream's id": ("id", "msg_01A", "resp_"),
    "an id too long": ("id", "resp_" + "x" * 49, "resp_"),
    "created in milliseconds": ("created_at", 1_795_000_000_000, "created_at"),
    "created with a fraction": ("created_at", 1_795_000_000.5, "created_at"),
    "completed before it was begun": ("completed_at", 1_700_000_000, "completed_at"),
    "completed, and no time": ("completed_at", None, "completed_at"),
    "the upstream's status": ("status", "end_turn", "status"),
    "failed, and a whole answer": ("status", "failed", "status"),
    "incomplete, and no reason": ("status", "incomplete", "incomplete_details"),
    "a reason, and completed": ("incomplete_details", LIMIT, "incomplete_details"),
    "an error, and completed": ("error", FAILURE, "error"),
    "the upstream's tier": ("service_tier", "standard", "service_tier"),
    "stored": ("store", True, "store"),
    "in the background": ("background", True, "background"),
    "one before it": ("previous_response_id", "resp_0", "previous_response_id"),
    "a text that is no object": ("text", {"format": {"type": "text"}}, "text"),
    "another temperature": ("temperature", 0.5, "temperature"),
    "another model": ("model", "claude-opus-5-5", "alias"),
    "a count missing": ("usage.total_tokens", GONE, "usage"),
    "details missing": ("usage.output_tokens_details", GONE, "usage"),
    "the other dialect's counts": (
        "usage",
        {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        "usage",
    ),
    "a total that is none": ("usage.total_tokens", 33, "sum"),
    "cached tokens left out": ("usage.input_tokens_details.cached_tokens", 500, "includes cached"),
    "reasoning tokens left out": (
        "usage.output_tokens_details.reasoning_tokens",
        50,
        "includes reasoning",
    ),
    "a count below zero": (
        "usage",
        usage(-1, 2),
        "below zero",
    ),
    "half a character": ("output.2.content.0.text", "\ud83d", "hex escape"),
    # items
    "an item without id": ("output.3.id", GONE, "id"),
    "an item without status": ("output.3.status", GONE, "status"),
    "the upstream's block": ("output.2", {"type": "text", "text": "x"}, "output.2"),
    "a kind that nobody knows": ("output.2", {"type": "ours", "id": "x_1"}, "output.2"),
    "an id of another kind": ("output.3.id", "msg_01A_3", "fc_"),
    "an id of another answer": ("output.3.id", "fc_02B_3", "fc_01A_3"),
    "an id of another place": ("output.3.id", "fc_01A_4", "fc_01A_3"),
    "still going on": ("output.2.status", "in_progress", "status"),
    "incomplete, and not cut": ("output.2.status", "incomplete", "was not cut"),
    "a status of reasoning": ("output.0.status", "completed", "reasoning"),
    "reasoning as its content": (
        "output.0.content",
        [{"type": "reasoning_text", "text": "Hmm..."}],
        "no such key",
    ),
    "an empty summary text": ("output.0.summary.0.text", "", "left out when empty"),
    "a pack that is none": ("output.0.encrypted_content", "gAAAA", "opened again"),
    "a pack of other keys": (
        "output.0.encrypted_content",
        packed(p="anthropic", t="thinking"),
        "opened again",
    ),
    "a pack with padding": ("output.0.encrypted_content", THOUGHT + "==", "opened again"),
    "a pack of another text": (
        "output.0.encrypted_content",
        packed(p="anthropic", t="thinking", k="Other", s="S"),
        "another text",
    ),
    "a signature in the open": ("output.0.signature", "SIG==", "no such field"),
    "no annotations": ("output.2.content.0.annotations", GONE, "annotations"),
    "no logprobs": ("output.2.content.0.logprobs", GONE, "logprobs"),
    "two parts": ("output.2.content", lambda parts: parts * 2, "one part"),
    "no part": ("output.2.content", [], "one part"),
    "a citation nested": (
        "output.2.content.0.annotations.0",
        {"type": "url_citation", "url_citation": {"url": "u"}},
        "annotations",
    ),
    "a citation without a title": ("output.2.content.0.annotations.0.title", None, "title"),
    "a citation out of bounds": ("output.2.content.0.annotations.0.end_index", 99, "outside"),
    "arguments as an object": ("output.3.arguments", {"p": "a"}, "arguments"),
    "arguments that are no JSON": ("output.3.arguments", '{"p":', "no JSON"),
    "arguments that are a list": ("output.3.arguments", "[]", "no object"),
    "the other dialect's call": (
        "output.3.function",
        {"name": "read", "arguments": "{}"},
        "function",
    ),
    "a call without call_id": ("output.3.call_id", GONE, "call_id"),
    "a call without name": ("output.3.name", "", "name"),
    "the same call twice": ("output.4.call_id", "toolu_3", "one call_id"),
    "an input as an object": ("output.4.input", {"input": "x"}, "output.4"),
    "a search's arguments as text": ("output.5.arguments", "{}", "arguments"),
    "a search that the server runs": ("output.5.execution", "server", "execution"),
    "a search without action": ("output.1.action", GONE, "output.1"),
    "a search without queries": ("output.1.action.queries", GONE, "action"),
}


def test_a_full_answer_is_valid() -> None:
    assert responses_object_errors(EVERY_ITEM, ASKED) == []
    assert responses_object_errors(response(usage=None), ASKED) == []  # the upstream told none


@pytest.mark.parametrize("name", OBJECT_FAULTS)
def test_every_fault_in_a_whole_answer_is_found(name: str) -> None:
    path, value, word = OBJECT_FAULTS[name]
    found = responses_object_errors(changed(EVERY_ITEM, path, value), ASKED)
    assert word in " ".join(found)


def test_what_the_request_said_is_said_again() -> None:
    said = {key: RESPONSES_REQUEST[key] for key in ("tools", "tool_choice", "instructions", "text")}
    asked = {**ASKED, **said, "reasoning": {"effort": "low"}}
    obj = response(usage=usage(), **said, reasoning={"effort": "low", "summary": None})
    assert responses_object_errors(obj, asked) == []
    for key in (*said, "reasoning"):
        assert responses_object_errors({**obj, key: response()[key]}, asked) != []


def test_a_message_that_was_cut_says_so() -> None:
    cut = [message(0, text_part("Once"), "incomplete")]
    obj = response("incomplete", output=cut, incomplete_details=LIMIT, usage=usage())
    assert responses_object_errors(obj) == []
    filtered = {**obj, "incomplete_details": {"reason": "content_filter"}}
    assert "was not cut" in " ".join(responses_object_errors(filtered))
    assert responses_object_errors({**obj, "incomplete_details": {"reason": "tired"}}) != []


# --------------------------------------------------------------------------------------- streams


@pytest.mark.parametrize("name", STREAMS)
def test_every_sample_stream_is_one_the_clients_read(name: str) -> None:
    events = STREAMS[name]
    ends = events[-1]["type"].removeprefix("response.")
    assert responses_stream_errors(as_bytes(events), ends, ASKED) == []
    if ends != "failed":
        assert responses_object_errors(events[-1]["response"], ASKED) == []


def at(path: str, value: Any) -> Callable[[list[Json]], list[Json]]:
    return lambda events: changed(events, path, value)


def without(*names: str) -> Callable[[list[Json]], list[Json]]:
    """Without the events of these names, numbered anew: the number is not what is missing."""
    return lambda events: numbered(
        [e for e in events if e["type"].removeprefix("response.") not in names]
    )


def twice(number: int) -> Callable[[list[Json]], list[Json]]:
    return lambda events: numbered([*events[: number + 1], *events[number:]])


def moved(number: int, to: int) -> Callable[[list[Json]], list[Json]]:
    def move(events: list[Json]) -> list[Json]:
        events = [*events]
        events.insert(to, events.pop(number))
        return numbered(events)

    return move


def then(*events: Json) -> Callable[[list[Json]], list[Json]]:
    return lambda before: numbered([*before, *events])


def shifted(events: list[Json]) -> list[Json]:
    """Indexes from one: a gap where the first item would be."""
    return [
        {**e, "output_index": e["output_index"] + 1} if "output_index" in e else e for e in events
    ]


def open_at_the_end(items: list[Json], status: str, **values: Any) -> list[Json]:
    return streamed(items, status, output=[], **values)


TWO, CALLS, CUT = "reasoning, then text", "words, then two calls", "cut by the limit"
PING = {"type": "keepalive"}
# (sample, what is done to it, a word of the complaint)
STREAM_FAULTS: dict[str, tuple[str, Callable[[list[Json]], list[Json]], str]] = {
    # what accumulators punish
    "first not created": ("text", without("created"), "begins with"),
    "no in_progress": ("text", without("in_progress"), "begins with"),
    "in_progress first": ("text", moved(0, 1), "begins with"),
    "created again": ("text", twice(0), "begins with"),
    "in_progress again": ("text", moved(1, 4), "begins with"),
    "in_progress a second time": ("text", lambda e: numbered([*e[:4], e[1], *e[4:]]), "again"),
    "another id later": ("text", at("9.response.id", "resp_02B"), "id"),
    "a delta before its item": ("text", without("output_item.added"), "not open"),
    "a delta before its part": ("text", without("content_part.added"), "out of order"),
    "a delta before the first item": ("text", moved(2, 5), "not open"),
    "an item added twice": ("text", twice(2), "output_index"),
    "an index twice": (TWO, at("9.output_index", 0), "output_index"),
    "a gap in the indexes": ("text", shifted, "output_index"),
    "done under another id": ("text", at("8.item.id", "msg_01A_9"), "another item"),
    "done as another call": (CALLS, at("13.item.call_id", "toolu_9"), "another item"),
    "done as another kind": ("text", at("8.item", reasoning(0, "Hmm...")), "another item"),
    "two items of one id": (TWO, at("9.item.id", "rs_01A_0"), "id"),
    "completed with an open item": ("text", without("output_item.done"), "order"),
    "completed with an item that never ends": (
        "text",
        without("output_text.done", "content_part.done", "output_item.done"),
        "left open",
    ),
    "an output without its item": ("text", at("9.response.output", []), "not that of the items"),
    "an output of another id": ("text", at("9.response.output.0.id", "msg_01A_7"), "msg_01A_7"),
    "an output of another text": (
        "text",
        at("9.response.output.0.content.0.text", "Hallo"),
        "not that of the items",
    ),
    "content_index counted over items": (TWO, at("11.content_index", 1), "index is 0"),
    "summary_index counted on": (TWO, at("4.summary_index", 1), "index is 0"),
    "a key error with something in it": ("text", at("5.error", {"code": "x"}), "give up"),
    "no sequence_number": ("text", at("5.sequence_number", GONE), "sequence_number"),
    "a sequence_number twice": ("text", at("5.sequence_number", 4), "counts from 0"),
    "numbers from one": (
        "text",
        lambda e: [{**one, "sequence_number": n + 1} for n, one in enumerate(e)],
        "counts from 0",
    ),
    "a call without id": (CALLS, at("9.item.id", GONE), "id: always"),
    "an item.done without status": (CALLS, at("13.item.status", GONE), "status"),
    "no logprobs in a part": ("text", at("3.part.logprobs", GONE), "logprobs"),
    "no annotations in a part": ("text", at("3.part.annotations", GONE), "annotations"),
    "an event type of our own": ("text", at("5.type", "response.thinking.delta"), "no event"),
    # more of the same kinds
    "the object of the upstream": ("text", at("5.type", "content_block_delta"), "no event"),
    "two endings": ("text", lambda e: numbered([*e, e[-1]]), "ends with one"),
    "something after the end": ("text", then(PING), "ends with one"),
    "no ending": ("text", without("completed"), "ends with one"),
    "a keepalive before created": ("text", lambda e: numbered([PING, *e]), "begins with"),
    "a keepalive that says something": (
        "text",
        lambda e: numbered([*e[:3], {**PING, "delta": "x"}, *e[3:]]),
        "keepalive",
    ),
    "interleaved items": (CALLS, moved(9, 5), "while another is open"),
    "a text that is not its deltas": ("text", at("6.text", "Hallo"), "its deltas say"),
    "a part that is not its text": ("text", at("7.part.text", "Hallo"), "other text"),
    "an item that is not its part": (
        "text",
        at("8.item.content.0.text", "Hallo"),
        "other content",
    ),
    "arguments that are not their deltas": (CALLS, at("12.arguments", "[]"), "its deltas say"),
    "other arguments at the end": (CALLS, at("13.item.arguments", "{}"), "other arguments"),
    "a summary that is not its deltas": (TWO, at("6.text", "Hm"), "its deltas say"),
    "a summary that never ends": (
        TWO,
        without("reasoning_summary_part.done"),
        "out of order",
    ),
    "a summary without an end": (
        TWO,
        without("reasoning_summary_text.done", "reasoning_summary_part.done"),
        "never ends",
    ),
    "a refusal that is not its deltas": ("a refusal after words", at("13.refusal", "No"), "deltas"),
    "another input at the end": ("a custom tool", at("5.item.input", "x"), "another input"),
    "an input in two": ("a custom tool", twice(3), "out of order"),
    "arguments in the name's event": (CALLS, at("9.item.arguments", '{"city":'), "begins as"),
    "an item that begins whole": ("text", at("2.item.content", [text_part("Hello")]), "begins as"),
    "an item that begins completed": ("text", at("2.item.status", "completed"), "in_progress"),
    "a part that begins whole": ("text", at("3.part.text", "Hello"), "begins with something"),
    "closed too early": ("text", moved(6, 4), "out of order"),
    "done twice": ("text", lambda e: numbered([*e[:9], e[8], *e[9:]]), "not open"),
    "an empty delta": (
        "text",
        lambda e: numbered([*e[:4], {**e[4], "delta": ""}, *e[4:]]),
        "empty",
    ),
    "of another item": ("text", at("5.item_id", "msg_01A_7"), "msg_01A_7"),
    "a citation's index": (
        "a search with a citation",
        at("11.annotation_index", 1),
        "annotation_index",
    ),
    "a citation before its text": ("a search with a citation", moved(11, 9), "outside the text"),
    "a citation only at the end": (
        "a search with a citation",
        without("output_text.annotation.added"),
        "other annotations",
    ),
    "a search without its end": (
        "a search with a citation",
        without("web_search_call.completed"),
        "without its event",
    ),
    "a status that is not its event's": ("text", at("0.response.status", "completed"), "status"),
    "usage before the end": ("text", at("1.response.usage", usage()), "nothing yet"),
    "counts that are none": ("text", at("9.response.usage.total_tokens", 1), "sum"),
    "cut, and says completed": (
        CUT,
        lambda e: changed(
            changed(e, "8.item.status", "completed"), "9.response.output.0.status", "completed"
        ),
        "was cut",
    ),
    "a failure without its error": ("an error half-way", without("error"), "right before"),
    "an error without its failure": (
        "text",
        lambda e: numbered([*e[:5], {"type": "error", "error": FAILURE}, *e[5:]]),
        "no response.failed",
    ),
    "a flat error": (
        "an error half-way",
        lambda e: changed(e, "6", {"type": "error", "sequence_number": 6, **FAILURE}),
        "error",
    ),
    "two reasons": ("an error half-way", at("6.error.message", "Other"), "the error says"),
    "a code that stops clients": (
        "an error half-way",
        at("7.response.error.code", "server_is_overloaded"),
        "code",
    ),
}


@pytest.mark.parametrize("name", STREAM_FAULTS)
def test_every_fault_in_a_stream_is_found(name: str) -> None:
    sample, spoil, word = STREAM_FAULTS[name]
    found = responses_stream_errors(as_bytes(spoil(copy.deepcopy(STREAMS[sample]))), None, ASKED)
    assert word in " ".join(found)


def test_a_call_that_may_be_cut_is_never_closed() -> None:
    cut = [message(0, text_part("OK.")), call(1, "f", '{"x":1}')]
    events = streamed(cut, "incomplete", incomplete_details=LIMIT)
    assert "may be cut" in " ".join(responses_stream_errors(as_bytes(events)))


def test_an_open_item_is_the_last_one_and_completes_nothing() -> None:
    opened = [call(0, "f", "{}"), HELLO | {"id": "msg_01A_1"}]
    begun = streamed(opened[1:], output=opened[1:])[:2]
    end = {"type": "response.incomplete", "response": response("incomplete", output=[opened[1]])}
    end["response"]["incomplete_details"] = LIMIT
    events = numbered([*begun, *frames(opened[0], closed=False), *frames(opened[1]), end])
    assert "left open" in " ".join(flow_errors(events))
    assert responses_stream_errors(as_bytes(events)) != []


def test_the_ending_is_the_one_that_was_expected() -> None:
    data = as_bytes(STREAMS["text"])
    assert responses_stream_errors(data, "completed") == []
    assert responses_stream_errors(data, "incomplete") != []
    assert responses_stream_errors(data, "failed") != []


FRAME_FAULTS: dict[str, Callable[[bytes], bytes]] = {
    "a [DONE]": lambda data: data + b"data: [DONE]\n\n",
    "a last frame left open": lambda data: data[:-1],
    "an event id": lambda data: b"id: 1\n" + data,
    "a retry time": lambda data: b"retry: 1\n\n" + data,
    "no event name": lambda data: data.replace(b"event: response.created\n", b""),
    "another event name": lambda data: data.replace(b"event: response.created", b"event: message"),
    "half an event": lambda data: data.replace(b'"Hel"', b'"Hel'),
    "NaN": lambda data: data.replace(b"1795000000", b"NaN"),
    "a key twice": lambda data: data.replace(b'"item_id":', b'"item_id": "x", "item_id":'),
    "nothing": lambda data: b": ping\n\n",
}


@pytest.mark.parametrize("name", FRAME_FAULTS)
def test_every_fault_in_the_frames_is_found(name: str) -> None:
    assert responses_stream_errors(FRAME_FAULTS[name](as_bytes(STREAMS["text"]))) != []


def test_comments_and_keepalives_between_frames_are_fine() -> None:
    events = numbered([*STREAMS["text"][:4], PING, *STREAMS["text"][4:]])
    data = as_bytes(events).replace(b"\n\n", b"\n\n: ping\n\n")
    assert responses_stream_errors(b": ping\n\n" + data, "completed", ASKED) == []


def test_a_line_separator_inside_a_text_cuts_nothing() -> None:
    assert (
        responses_stream_errors(as_bytes(streamed([message(0, text_part("a\u2028b\u0085"))]))) == []
    )


def test_the_accumulator_itself_is_asked() -> None:
    """What only it would say: the checks before it know nothing of how it joins texts."""
    from tests.strict import responses_wire

    events = copy.deepcopy(STREAMS["text"])
    del events[2]  # the item
    found = responses_wire._accumulated_errors(as_bytes(events), STREAMS["text"])
    assert "accumulator failed" in " ".join(found)
    failed = STREAMS["an error half-way"]
    assert responses_wire._accumulated_errors(as_bytes(failed), STREAMS["text"]) != []


# ---------------------------------------------------------------------------------------- errors

ERROR = {
    "error": {
        "message": "m",
        "type": "invalid_request_error",
        "param": "input[3].content[0].type",
        "code": "unsupported_value",
    }
}
HEADERS = {"content-type": "application/json", "x-request-id": "req_1"}


@pytest.mark.parametrize(
    "status", [400, 401, 402, 403, 404, 405, 408, 409, 413, 422, 429, 500, 503]
)
def test_a_good_error_reaches_the_exception(status: int) -> None:
    assert responses_error_errors(status, HEADERS, json.dumps(ERROR).encode()) == []


def test_every_fault_in_an_error_is_found() -> None:
    def wrong(body: Any, headers: Any = HEADERS) -> bool:
        return responses_error_errors(400, headers, json.dumps(body).encode()) != []

    assert wrong(ERROR, {"content-type": "application/json"})
    assert wrong(changed(ERROR, "error.param", GONE))
    assert wrong(changed(ERROR, "error.param", "messages"))
    assert wrong(changed(ERROR, "error.param", "messages[0].content"))
    assert wrong(changed(ERROR, "error.message", "max_tokens: too large"))
    assert wrong({"type": "error", "error": {"type": "api_error", "message": "m"}})
    assert responses_error_errors(502, HEADERS, b"<html>") != []
