"""What an exchange has used: what the upstream counts stands, the rest is estimated."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aisix.config.shipped import shipped_mappings
from aisix.mapping.exchange import SHORT, Exchange, ResolvedModel
from aisix.mapping.mappings import Mappings, load_mappings
from aisix.mapping.metering import used

WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dogs"]
TEXT = [" " + " ".join(WORDS[n % 6 : n % 6 + 1 + n % 4]) for n in range(150)]
TRUE = sum(map(len, TEXT)) / 4
NAMES = [
    f"{caller}/{upstream}"
    for caller in ("openai-chat", "anthropic-messages")
    for upstream in ("openai-chat", "anthropic-messages")
]
CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}
MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "c", "content": []}


@pytest.fixture(scope="module")
def mappings() -> Mappings:
    return load_mappings([shipped_mappings()])


def asked(mappings: Mappings, name: str, text: str = "word " * 80, stream: bool = True) -> Exchange:
    mapping = mappings.mappings[name]
    model = "gpt-4o" if name.endswith("/openai-chat") else "claude-opus-5-5"
    target = ResolvedModel("alias", model)
    tables = mapping.effective(model, None, {})
    exchange = Exchange(tables, mapping.caller, target, now=1, new_id=lambda: "0")
    turn = {"role": "user", "content": text}
    exchange.request({"model": "a", "max_tokens": 99, "messages": [turn], "stream": stream})
    return exchange


def sse(event: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(event)}\n\n".encode()


def said(name: str, kind: str = "text") -> list[bytes]:
    """Events of an answer that has not ended, and whose text nobody has counted."""
    if name.endswith("/openai-chat"):
        if kind == "call":
            call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f"}}
            call["function"]["arguments"] = ""  # type: ignore[index]
            deltas = [{"role": "assistant", "tool_calls": [call]}] + [
                {"tool_calls": [{"index": 0, "function": {"arguments": text}}]} for text in TEXT
            ]
        else:
            deltas = [{"role": "assistant", "content": ""}] + [{"content": text} for text in TEXT]
        events = [{**CHUNK, "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    else:
        usage = {"input_tokens": 25, "output_tokens": 1}
        block: dict[str, Any] = {"type": "text", "text": ""}
        if kind == "call":
            block = {"type": "tool_use", "id": "c1", "name": "f", "input": {}}
        events = [
            {"type": "message_start", "message": {**MESSAGE, "usage": usage}},
            {"type": "content_block_start", "index": 0, "content_block": block},
        ]
        how = ("input_json_delta", "partial_json") if kind == "call" else ("text_delta", "text")
        for text in TEXT:
            delta = {"type": how[0], how[1]: text}
            events.append({"type": "content_block_delta", "index": 0, "delta": delta})
    return [sse(event) for event in events]


@pytest.mark.parametrize("kind", ["text", "call"])
@pytest.mark.parametrize("at_once", [1, 3, 200])
@pytest.mark.parametrize("name", NAMES)
def test_a_stream_that_breaks_off_counts_by_its_text(
    mappings: Mappings, name: str, at_once: int, kind: str
) -> None:
    exchange = asked(mappings, name)
    events = said(name, kind)
    for at in range(0, len(events), at_once):
        exchange.receive(b"".join(events[at : at + at_once]))
        if at == 0:
            exchange.forget()
        if at == 90:
            used(exchange)  # asked for now and then, it comes to the same
    tokens, estimated = used(exchange)
    assert TRUE * 0.8 < tokens["output"] < TRUE * 1.25
    assert "output" in estimated
    if name.endswith("/openai-chat"):
        assert 100 < tokens["input"] < 110
        assert "input" in estimated
    else:
        assert (tokens["input"], "input" in estimated) == (25, False)


@pytest.mark.parametrize("name", NAMES)
def test_what_the_upstream_counts_stands(mappings: Mappings, name: str) -> None:
    exchange = asked(mappings, name)
    exchange.receive(b"".join(said(name)))
    if name.endswith("/openai-chat"):
        last = [{**CHUNK, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]
        counts = {"prompt_tokens": 30, "completion_tokens": 7, "total_tokens": 37}
        last.append({**CHUNK, "choices": [], "usage": counts})
    else:
        usage = {"input_tokens": 30, "output_tokens": 7}
        last = [{"type": "content_block_stop", "index": 0}]
        last += [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}]
    exchange.receive(b"".join(map(sse, last)))
    tokens, estimated = used(exchange)  # though the last event of all has not come
    assert (tokens["input"], tokens["output"], estimated) == (30, 7, ())


@pytest.mark.parametrize("name", NAMES)
def test_a_plain_answer_without_counts_counts_by_its_text(mappings: Mappings, name: str) -> None:
    exchange = asked(mappings, name, stream=False)
    if name.endswith("/openai-chat"):
        choice = {"index": 0, "finish_reason": "stop", "message": {"content": "x" * 400}}
        answer = {"id": "c", "object": "chat.completion", "created": 1, "choices": [choice]}
    else:
        content = [{"type": "text", "text": "x" * 400}]
        answer = {**MESSAGE, "content": content, "stop_reason": "end_turn"}
    exchange.response(200, {}, json.dumps(answer).encode())
    tokens, estimated = used(exchange)
    assert (tokens["output"], sorted(estimated)) == (100, ["input", "output"])
    assert 100 < tokens["input"] < 110


@pytest.mark.parametrize("name", NAMES)
def test_an_error_costs_what_it_says_alone(mappings: Mappings, name: str) -> None:
    exchange = asked(mappings, name)
    exchange.response(529, {}, b'{"type":"error","error":{"type":"overloaded_error"}}')
    assert used(exchange) == ({}, ())


@pytest.mark.parametrize("size", [SHORT // 2, SHORT * 4])
@pytest.mark.parametrize("name", NAMES)
def test_a_request_is_estimated_whether_or_not_it_is_kept(
    mappings: Mappings, name: str, size: int
) -> None:
    exchange = asked(mappings, name, "x" * size)
    if name.endswith("/openai-chat"):
        exchange.receive(said(name)[0])
        exchange.forget()
    tokens, estimated = used(exchange)
    assert "input" in estimated
    assert size / 4 <= tokens["input"] < size / 4 + 20


def test_a_picture_is_not_counted_by_its_bytes(mappings: Mappings) -> None:
    exchange = asked(mappings, "openai-chat/openai-chat")
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 40_000}}
    exchange.caller_body = {"messages": [{"role": "user", "content": [picture]}]}
    assert 1600 <= used(exchange)[0]["input"] < 1620


def test_bytes_of_an_answer_that_is_cut_count(mappings: Mappings) -> None:
    exchange = asked(mappings, "openai-chat/openai-chat", stream=False)
    assert used(exchange, received=401)[0]["output"] == 101


def test_a_stream_of_nothing_but_pings_says_nothing(mappings: Mappings) -> None:
    exchange = asked(mappings, "openai-chat/anthropic-messages")
    exchange.receive(b'event: ping\ndata: {"type": "ping"}\n\n' * 400)
    assert "output" not in used(exchange)[1]
