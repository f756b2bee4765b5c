"""Random input to the mappings without blocks: whatever comes, what the caller gets is well formed."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aisix.errors import CallerError
from aisix.mapping.exchange import Exchange
from aisix.mapping.mappings import load_mappings
from aisix.mapping.verify import cases
from tests.long import times
from tests.mapping.compile.test_as_interpreted import spoil
from tests.running import ROOT
from tests.strict import anthropic_wire, openai_wire

MAPPINGS = load_mappings([ROOT / "mappings"])
SAME, REVERSE = "openai-chat/openai-chat", "anthropic-messages/openai-chat"
some = settings(
    max_examples=times(120), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def talk(mapping: str, model: str = "gpt-5.5") -> Exchange:
    case = cases.Case("", ROOT, {"model": model}, {})
    return cases.exchange(case, MAPPINGS.mappings[mapping])


# ---------------------------------------------------------------- streams
Call = tuple[str, dict[str, Any]]


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[dict[str, Any]], str, str, list[Call]]:
    """(the deltas, all text, all thinking, the calls): each cut anywhere and mixed at random."""
    words = st.text('ab {}"\\é\u2028', max_size=8)
    text, thinking = draw(words), draw(words)
    values = st.dictionaries(words, st.one_of(words, st.integers(), st.none()), max_size=2)
    calls = [(f"f{n}", v) for n, v in enumerate(draw(st.lists(values, max_size=3)))]

    def pieces(whole: str) -> list[str]:
        out = []
        while whole:
            length = draw(st.integers(1, len(whole)))
            out.append(whole[:length])
            whole = whole[length:]
        return out

    lines: list[list[dict[str, Any]]] = [
        [{"content": piece} for piece in pieces(text)],
        [{"reasoning_content": piece} for piece in pieces(thinking)],
    ]
    for index, (name, value) in enumerate(calls):
        function = {"name": name, "arguments": ""}
        first = {"index": index, "id": f"call_{index}", "type": "function", "function": function}
        rest = [
            {"index": index, "function": {"arguments": piece}}
            for piece in pieces(json.dumps(value))
        ]
        lines.append([{"tool_calls": [delta]} for delta in (first, *rest)])
    deltas = []
    while any(lines):
        line = draw(st.sampled_from([line for line in lines if line]))
        deltas.append(line.pop(0))
    return deltas, text, thinking, calls


def sse(deltas: list[dict[str, Any]], finish: str) -> bytes:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    chunks = [{"delta": delta, "index": 0, "finish_reason": None} for delta in deltas]
    chunks.append({"delta": {}, "index": 0, "finish_reason": finish})
    events = [{**head, "choices": [chunk]} for chunk in chunks]
    frames = [json.dumps(event) for event in events] + ["[DONE]"]
    return b"".join(f"data: {frame}\n\n".encode() for frame in frames)


@some
@given(streams())
def test_deltas_in_any_order_become_one_block_after_the_other(
    made: tuple[list[dict[str, Any]], str, str, list[Call]],
) -> None:
    deltas, text, thinking, calls = made
    exchange = talk(REVERSE)
    exchange.request({**exchange.caller.sample, "stream": True})
    out = exchange.receive(sse(deltas, "tool_calls" if calls else "stop")) + exchange.end()
    assert anthropic_wire.anthropic_stream_errors(out) == []
    blocks: dict[int, dict[str, Any]] = {}
    for frame in out.decode().split("\n\n"):
        data = json.loads(frame.partition("data: ")[2] or "{}")
        if "content_block" in data:
            blocks[data["index"]] = {**data["content_block"], "json": ""}
        delta = data.get("delta", {})
        for key, into in (("text", "text"), ("thinking", "thinking"), ("partial_json", "json")):
            if key in delta:
                blocks[data["index"]][into] += delta[key]
    assert "".join(b["text"] for b in blocks.values() if b["type"] == "text") == text
    thought = "".join(b["thinking"] for b in blocks.values() if b["type"] == "thinking")
    assert thought == thinking
    uses = [b for b in blocks.values() if b["type"] == "tool_use"]
    found = {(b["id"], b["name"]): json.loads(b["json"]) for b in uses}
    assert found == {(f"call_{n}", name): value for n, (name, value) in enumerate(calls)}
    assert len(uses) == len(calls)


# ---------------------------------------------------------------- spoilt input
REQUESTS = [
    case.json("caller-request.json")
    for case in cases.find((ROOT / "mappings",), REVERSE)
    if "caller-request.json" in case.files and "caller-error.json" not in case.files
]
STREAMS = {
    mapping: [
        case.files["upstream-stream.sse"]
        for case in cases.find((ROOT / "mappings",), mapping)
        if "upstream-stream.sse" in case.files
    ]
    for mapping in (SAME, REVERSE)
}


@some
@given(st.sampled_from(REQUESTS), st.data())
def test_a_spoilt_request_is_refused_with_its_place_or_translated(
    body: dict[str, Any], data: st.DataObject
) -> None:
    body = json.loads(json.dumps(body))
    spoil(body, data)
    exchange = talk(REVERSE)
    try:
        sent = json.loads(exchange.request(body).body)
    except CallerError as error:
        told = json.loads(exchange.fault(error).body)
        assert exchange.fault(error).status == 400
        assert told["type"] == "error" and told["error"]["message"]
        return
    assert sent["model"] == "gpt-5.5"
    assert all(isinstance(message, dict) for message in sent["messages"])


@some
@given(st.sampled_from([SAME, REVERSE]), st.data())
def test_a_spoilt_stream_ends_well_or_with_an_error(mapping: str, data: st.DataObject) -> None:
    raw = data.draw(st.sampled_from(STREAMS[mapping]))
    frames = []
    for frame in raw.replace(b"\r\n", b"\n").split(b"\n\n"):
        try:
            frames.append(json.loads(frame.removeprefix(b"data: ")))
        except ValueError:
            continue
    frames = [frame for frame in frames if isinstance(frame, dict)]
    spoil(frames, data)
    exchange = talk(mapping)
    exchange.request({**exchange.caller.sample, "stream": True})
    events = [json.dumps(frame) for frame in frames] + ["[DONE]"]
    out = exchange.receive(b"".join(f"data: {event}\n\n".encode() for event in events))
    out += exchange.end()
    assert exchange.done
    if mapping == SAME:
        assert out.endswith(b"data: [DONE]\n\n") or exchange.error is not None
    elif exchange.error is None:
        assert b"event: message_stop\n" in out
    if exchange.error is not None:
        assert b'"error"' in out


def test_the_checker_itself_sees_two_open_blocks() -> None:
    """What the first test relies on."""
    start = b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1"}}\n\n'
    assert anthropic_wire.anthropic_stream_errors(start) != []
    assert openai_wire.openai_stream_errors(b"data: {}\n\n", False, "done") != []
