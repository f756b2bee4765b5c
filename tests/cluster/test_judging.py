"""What the chaos run takes for wrong: each kind, made by hand."""

from __future__ import annotations

import json

from tests.chaos.callers import Ask, Outcome
from tests.cluster.limited import LimitedKey
from tests.cluster.load import judged
from tests.cluster.writers import Ledger

ID = {"x-request-id": "r"}
ASK = Ask(0, "000007", "good", False, 1)


def said(text: str, number: str = "000007") -> bytes:
    message = {"message": {"role": "assistant", "content": f"answer {number} {text}"}}
    return json.dumps({"choices": [message]}).encode()


def test_answers_are_right_failed_or_wrong() -> None:
    assert judged(Outcome(200, ID, said("whole")), ASK) == ("", False)
    assert judged(Outcome(200, ID, said("whole", "000008")), ASK)[1], "another's answer"
    assert judged(Outcome(200, ID, said("half")), ASK)[1], "an ending is missing"
    assert judged(Outcome(401, ID, b'{"error": {}}'), ASK)[1], "nobody may be refused"
    for failed in (Outcome(503, {}, b"<html>"), Outcome(200, ID, said("who")[:30], whole=False)):
        fault, wrong = judged(failed, ASK)
        assert fault and not wrong
    assert judged(Outcome(200, ID, said("who", "000008")[:80], whole=False), ASK)[1]


def test_streams_end_with_their_mark_or_an_error() -> None:
    ask = Ask(0, "000007", "good", True, 1)
    chunk = {"choices": [{"delta": {"content": "answer 000007 whole"}}]}
    begun = b"data: " + json.dumps(chunk).encode() + b"\n\n"
    assert judged(Outcome(200, ID, begun + b"data: [DONE]\n\n"), ask) == ("", False)
    assert judged(Outcome(200, ID, begun), ask)[1]
    stopped = begun + b'data: {"error": {"message": "stopping"}}\n\n'
    fault, wrong = judged(Outcome(200, ID, stopped), ask)
    assert fault and not wrong


def test_more_than_a_limit_is_seen() -> None:
    assert LimitedKey("k", 10, by_redis=10, by_share=12).fault == ""
    assert "Redis let 11 through" in LimitedKey("k", 10, by_redis=11).fault
    assert LimitedKey("k", 10, lives=2, by_redis=20).fault == ""
    assert "13 by shares" in LimitedKey("k", 10, by_share=13).fault


def test_lost_doubled_and_refused_writes_are_seen() -> None:
    ledger = Ledger()
    ledger.sure = {"a": 1, "b": 2, "c": 3}
    ledger.open = {"b": 5, "d": 1}
    assert ledger.faults({"a": [1], "b": [5], "c": [3]}) == []
    assert ledger.faults({"a": [1], "b": [2], "c": [3], "d": [1]}) == []
    found = ledger.faults({"a": [1, 1], "b": [4], "e": [1]})
    assert [text.split(":")[0] for text in found] == ["a is there 2 times", "b", "c", "e"]
