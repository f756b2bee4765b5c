"""Halves of characters become U+FFFD, everything else of a body stays what a strict reader takes."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisix.mapping.exchange import Exchange
from aisix.mapping.mappings import load_mappings
from aisix.mapping.types import ResolvedModel
from aisix.mapping.verbs import surrogates
from tests.mapping.laid import SHIPPED

MAPPINGS = load_mappings([SHIPPED])
HIGH, LOW, PAIR = r"\ud83d", r"\ude00", r"\uD83D\uDE00"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (HIGH, "�"),
        (LOW, "�"),
        (LOW + HIGH, "��"),
        (HIGH + PAIR + LOW, "�😀�"),
        (PAIR + PAIR + HIGH, "😀😀�"),
        (HIGH + "x" + LOW, "�x�"),
        (HIGH + r"\n" + LOW, "�\n�"),
        (HIGH + r"\u0041", "�A"),
        (HIGH + r"\\u0041", "�\\u0041"),
        (r"\\ud83d" + HIGH, r"\ud83d" + "�"),
        (r"\\\ud83d", "\\�"),
        (r"\\" + PAIR + HIGH, "\\😀�"),
    ],
)
def test_each_half_becomes_one_mark(written: str, read: str) -> None:
    raw = b'{"a":"%s","b":"fine"}' % written.encode()
    assert surrogates.decode(raw) == ({"a": read, "b": "fine"}, ["a"])


@given(st.text(st.characters(), max_size=20), st.text(st.characters(), max_size=5))
def test_as_a_reader_that_takes_halves(text: str, key: str) -> None:
    raw = json.dumps({"a": [text, {key: 1}]}).encode()

    def marked(value: str) -> str:
        whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        return "".join("�" if 0xD800 <= ord(c) < 0xE000 else c for c in whole)

    value, named = surrogates.decode(raw)
    assert value == {"a": [marked(text), {marked(key): 1}]}
    assert named == (["a"] if value != json.loads(raw) and "\\ud" in raw.decode() else [])


def test_what_else_is_wrong_is_said_of_the_callers_own_bytes() -> None:
    for written in (rb"\ud83d", rb"\u0041"):  # of the same length
        with pytest.raises(msgspec.DecodeError, match=r"invalid character \(byte 24\)"):
            surrogates.decode(b'{"a":"%s", "b": nonsense}' % written)
    with pytest.raises(msgspec.DecodeError, match="truncated"):
        surrogates.decode(rb'{"a":"\ud83d')


def test_names_at_the_top_and_no_object() -> None:
    assert surrogates.decode(rb'{"k\ud83d":1,"b":2}') == ({"k�": 1, "b": 2}, ["k�"])
    assert surrogates.decode(rb'["\ud83d"]') == (["�"], [])


@pytest.mark.parametrize("name", sorted(MAPPINGS.mappings))
@pytest.mark.parametrize("compiled", [True, False])
def test_every_pair_tells_the_field(name: str, compiled: bool) -> None:
    mapping = MAPPINGS.mappings[name]
    target = ResolvedModel("a", mapping.example(), False)
    caller = MAPPINGS.caller(name.split("/")[0])
    exchange = Exchange(
        mapping.effective(target.upstream_model),
        caller,
        target,
        now=0,
        new_id=str,
        compiled=compiled,
    )
    said = [{"role": "user", "content": "cut �"}]
    field = "input" if "input" in caller.sample else "messages"
    body = {"model": "a", field: said} | ({"max_tokens": 5} if field == "messages" else {})
    exchange.request(body, None, [field])
    assert f"{field}=rewritten" in exchange.warnings


def test_arguments_of_a_past_call() -> None:
    name = "openai-chat/anthropic-messages"
    mapping = MAPPINGS.mappings[name]
    target = ResolvedModel("a", mapping.example(), False)
    caller = MAPPINGS.caller("openai-chat")
    exchange = Exchange(mapping.effective(target.upstream_model), caller, target, now=0, new_id=str)
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "f", "arguments": r'{"a":"\ud83d"}'},
    }
    asked = {"role": "assistant", "tool_calls": [call]}
    answered = {"role": "tool", "tool_call_id": "c", "content": "r"}
    messages = [{"role": "user", "content": "q"}, asked, answered]
    sent = json.loads(exchange.request({"model": "a", "messages": messages}).body)
    assert sent["messages"][1]["content"][0]["input"] == {"a": "�"}
    assert "messages=rewritten" in exchange.warnings
