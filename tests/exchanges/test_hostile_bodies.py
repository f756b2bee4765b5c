"""Bodies made to hurt: each gets its answer, in bounded time and memory, and the gateway lives on."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.running import CALLER_KEY, Running, send
from tests.strict import openai_wire

HEADERS = {"Authorization": f"Bearer {CALLER_KEY}", "Content-Type": "application/json"}
HEAD = b'{"model":"claude-new","messages":[{"role":"user","content":"hi"}]'


MESSAGE = b'{"model":"claude-new","messages":[{"role":"user","content":'
TOOL = b',"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{'


def with_value(name: str, value: str) -> bytes:
    return HEAD + f',"{name}":{value}}}'.encode()


def messages(number: int) -> bytes:
    turns = [{"role": ("user", "assistant")[n % 2], "content": "x"} for n in range(number)]
    return json.dumps({"model": "claude-new", "messages": turns}).encode()


def nested(number: int) -> bytes:
    return HEAD + b',"x":' + b"[" * number + b"]" * number + b"}"


def tool(depth: int) -> bytes:
    schema = '{"type":"object","properties":{"a":' * depth + "{}" + "}}" * depth
    function = '{"name":"f","strict":true,"parameters":' + schema + "}"
    return HEAD + b',"tools":[{"type":"function","function":' + function.encode() + b"}]}"


# what is sent -> status, and a word of the message
BODIES: dict[str, tuple[Callable[[], bytes], int, str]] = {
    "nothing": (lambda: b"", 400, "parse the JSON"),
    "NaN": (lambda: with_value("temperature", "NaN"), 400, "invalid character (byte"),
    "Infinity": (lambda: with_value("temperature", "-Infinity"), 400, "parse the JSON"),
    "1e999": (lambda: with_value("temperature", "1e999"), 400, "out of range"),
    "5000 digits": (lambda: with_value("max_tokens", "9" * 5000), 400, "out of range"),
    "400 digits": (lambda: with_value("max_tokens", "9" * 400), 400, "above maximum"),
    "-400 digits": (lambda: with_value("max_tokens", "-" + "9" * 400), 400, "below minimum"),
    "400 digits where none matter": (lambda: with_value("seed", "9" * 400), 200, ""),
    "a lone surrogate": (lambda: with_value("user", '"\\ud800"'), 200, ""),
    "the wrong half of a pair": (lambda: with_value("user", '"\\udc00x"'), 200, ""),
    "no UTF-8": (lambda: HEAD + b',"user":"\xff"}', 400, "not UTF-8"),
    "a surrogate in UTF-8": (lambda: HEAD + b',"user":"\xed\xa0\x80"}', 400, "not UTF-8"),
    "UTF-16": (lambda: HEAD.decode().encode("utf-16"), 400, "parse the JSON"),
    "a raw control character": (lambda: HEAD + b',"user":"\x01"}', 400, "parse the JSON"),
    "two documents": (lambda: HEAD + b"}{}", 400, "trailing characters"),
    "a list": (lambda: b"[1,2]", 400, "not an object"),
    "the same field twice": (lambda: b'{"model":"no",' + HEAD[1:] + b"}", 200, ""),
    "100 levels": (lambda: nested(100), 200, ""),
    "900 levels": (lambda: nested(900), 200, ""),
    "100,000 levels": (lambda: nested(100_000), 400, "nested too deeply"),
    "a million brackets": (lambda: b"[" * 1_000_000, 400, "more than 250000 values"),
    "a tool of 90 levels": (lambda: tool(90), 200, ""),
    "a tool of 400 levels": (lambda: tool(400), 400, "deeper than 100"),
    "10,001 messages": (lambda: messages(10_001), 400, "at most 10000 items, but got 10001"),
    "a million empty messages": (
        lambda: b'{"model":"claude-new","messages":[' + b"{}," * 999_999 + b"{}]}",
        400,
        "more than 250000 values",
    ),
    "a million numbers, and text full of commas before": (
        lambda: (
            with_value("user", '"' + ',{[\\"' * 100_000 + '"')[:-1]
            + b',"x":['
            + b"1," * 999_999
            + b"1]}"
        ),
        400,
        "more than 250000 values",
    ),
    "text full of commas": (
        lambda: with_value("seed", '"' + ',{[\\"' * 100_000 + '"'),
        400,
        "seed",
    ),
    "10,001 parts": (
        lambda: (
            MESSAGE
            + b"["
            + b'{"type":"text","text":"a"},' * 10_000
            + b'{"type":"text","text":"a"}]}]}'
        ),
        400,
        "'messages[0].content': too long. Expected at most 10000",
    ),
    "10,001 properties": (
        lambda: HEAD + TOOL + b",".join(b'"k%d":{}' % n for n in range(10_001)) + b"}}}}]}",
        400,
        "'tools[0].function.parameters.properties': too many",
    ),
    "1001 fields": (
        lambda: HEAD + b"".join(b',"k%d":1' % n for n in range(1000)) + b"}",
        400,
        "more than 1000 fields",
    ),
    "990 unknown fields": (
        lambda: HEAD + b"".join(b',"k%d":1' % n for n in range(990)) + b"}",
        200,
        "",
    ),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_hostile_body_gets_its_answer(gateway: Running, name: str) -> None:
    make, status, word = BODIES[name]
    before = gateway.memory
    answer = gateway.call(make())
    assert answer.status == status, answer.body[:300]
    if status == 200:
        assert openai_wire.openai_completion_errors(answer.json) == []
    else:
        assert openai_wire.openai_error_errors(status, answer.headers, answer.body) == []
        assert word in answer.error["message"]
        assert len(answer.body) < 2000, "an error quotes no more than it must"
    assert gateway.memory < before + 200


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_half_a_character_is_marked_and_told(gateway: Running, standin: Any, path: str) -> None:
    raw = HEAD.replace(b'"hi"', rb'"cut \ud83d"') + rb',"max_tokens":9}'
    answer = send(gateway.proxy_port, "POST", path, raw, HEADERS)
    assert answer.status == 200, answer.body
    assert "messages=rewritten" in answer.headers["x-aisix-warnings"]
    assert "cut \ufffd" in str(standin.received[-1].body)


def test_10_000_messages_are_answered(gateway: Running) -> None:
    answer = gateway.call(messages(9_999))
    assert answer.status == 200, answer.body[:300]
    assert gateway.ask("still there?").status == 200


def test_the_answer_to_a_field_given_twice_goes_by_the_last_one(
    gateway: Running, standin: Any
) -> None:
    raw = b'{"model":"claude-new","max_tokens":1,"max_tokens":77,' + HEAD[22:] + b"}"
    assert gateway.call(raw).status == 200
    assert standin.received[-1].body["max_tokens"] == 77
