"""An answer that its caller sends back becomes the blocks it was made of, byte for byte."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzzed import asked
from tests.fuzzed.messages_answers import messages_answer
from tests.fuzzed.responses import MESSAGES, Json, plain, talk
from tests.long import times
from tests.strict.anthropic_wire import anthropic_request_errors
from tests.strict.responses_items import unpacked
from tests.strict.responses_samples import ASKED
from tests.strict.responses_wire import responses_request_errors

some = settings(
    max_examples=times(150), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
_OUTPUT = {
    "function_call": "function_call_output",
    "custom_tool_call": "custom_tool_call_output",
    "tool_search_call": "tool_search_output",
}


def next_request(body: Json, output: list[Json]) -> Json:
    """What a client sends that keeps the conversation itself."""
    results = [_result(item) for item in output if item.get("type") in _OUTPUT]
    asked_next = {"role": "user", "content": "And now?"}
    return {
        **body,
        "store": False,
        "input": [{"role": "user", "content": "q"}, *output, *results, asked_next],
    }


def _result(item: Json) -> Json:
    made: Json = {"type": _OUTPUT[item["type"]], "call_id": item["call_id"]}
    if item["type"] == "tool_search_call":
        return {**made, "status": "completed", "execution": "client", "tools": []}
    return {**made, "output": "done"}


def blocks(content: list[Json], output: list[Json]) -> tuple[list[Json], bool]:
    """The upstream's blocks as they come back: only what became an item, texts of one run as one; and
    whether thinking is lost, which is told."""
    kept = {item["call_id"] for item in output if "call_id" in item}
    found: list[Json] = []
    joins = False
    for block in content:
        kind = block["type"]
        if kind == "text" and block["text"]:
            if joins:
                found[-1]["text"] += block["text"]
            else:
                found.append({"type": kind, "text": block["text"]})
            joins = True
        elif kind in ("thinking", "redacted_thinking"):
            found.append(block)
            joins = False
        elif kind == "tool_use":
            joins = False
            if block["id"] in kept:
                found.append({**block, "input": _said(block)})
        elif block.get("name") == "web_search":
            joins = False
    found = [block for block in found if block.get("text", "x").strip()]
    if found and "thinking" in found[-1]["type"]:  # no turn may end so, and none has half of it
        return [block for block in found if "thinking" not in block["type"]], True
    return found, False


def _said(block: Json) -> Any:
    if block["name"] != asked.CUSTOM or isinstance(block["input"].get("input"), str):
        made = block["input"]
        return {"input": made["input"]} if block["name"] == asked.CUSTOM else made
    whole = json.dumps(block["input"], ensure_ascii=False, separators=(",", ":"))
    return {"input": whole if block["input"] else ""}


@some
@given(st.integers(0, 1 << 32))
def test_an_answer_sent_back_is_what_it_was(number: int) -> None:
    random = Random(number)
    body, upstream = asked.asked(random, stream=False), messages_answer(random)
    if upstream.plain is None or upstream.plain["stop_reason"] == "refusal":
        return
    _, answer = plain(MESSAGES, body, upstream.plain)
    request = next_request(body, answer["output"])
    assert responses_request_errors(request) == []
    exchange = talk(MESSAGES)
    sent = json.loads(exchange.request(request).body)
    assert anthropic_request_errors(sent, beta=True) == []
    said = [turn["content"] for turn in sent["messages"] if turn["role"] == "assistant"]
    wanted, told = blocks(upstream.plain["content"], answer["output"])
    assert ("input" in exchange.warnings) == told
    assert [block for turn in said for block in turn] == wanted


@some
@given(st.data())
def test_one_changed_byte_of_a_pack_is_no_block_and_no_failure(data: st.DataObject) -> None:
    thought = {"type": "thinking", "thinking": "Hmm...", "signature": "SIG=="}
    message = {"id": "msg_01A", "type": "message", "role": "assistant", "model": "m"}
    usage = {"input_tokens": 1, "output_tokens": 1}
    whole = {**message, "content": [thought], "stop_reason": "end_turn", "usage": usage}
    _, answer = plain(MESSAGES, ASKED, whole)
    item = answer["output"][0]
    pack = item["encrypted_content"]
    at = data.draw(st.integers(0, len(pack) - 1))
    item["encrypted_content"] = pack[:at] + data.draw(st.characters()) + pack[at + 1 :]
    exchange = talk(MESSAGES)
    text = {"role": "assistant", "content": [{"type": "output_text", "text": "42"}]}
    sent = json.loads(exchange.request(next_request(ASKED, [item, text])).body)
    opened = unpacked(item["encrypted_content"])
    said = [turn["content"] for turn in sent["messages"] if turn["role"] == "assistant"]
    kept = [block for turn in said for block in turn if block["type"] == "thinking"]
    if opened is None or not isinstance(opened.get("s"), str):
        assert kept == []
    for block in kept:  # a byte of the text or of the signature: the provider checks those
        assert (block["thinking"], block["signature"]) == (opened["k"], opened["s"])
