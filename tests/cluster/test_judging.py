"""What the chaos run takes for wrong: each kind, made by hand."""

from __future__ import annotations

import json
from dataclasses import replace

from tests.chaos.callers import Ask, Outcome
from tests.cluster.ledger import Contended, Ledger, Stored
from tests.cluster.limited import LimitedKey, LiveNodes
from tests.cluster.load import judged
from tests.cluster.servers import Etcd

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
    assert LimitedKey("k", 10, by_redis=10, by_share=12, told={4}).fault == ""
    assert "Redis let 11 through" in LimitedKey("k", 10, by_redis=11).fault
    assert LimitedKey("k", 10, lives=2, by_redis=20).fault == ""
    assert "13 by shares" in LimitedKey("k", 10, by_share=13).fault
    assert "shares of {5}" in LimitedKey("k", 10, by_share=5, told={5}).fault
    assert LimitedKey("k", 10, by_share=15, nodes={3, 2}, told={4, 5}).fault == ""
    assert "16 by shares" in LimitedKey("k", 10, by_share=16, nodes={3, 2}).fault
    assert "shares of {10}" in LimitedKey("k", 10, nodes={3, 2}, told={10}).fault


def test_how_many_nodes_live_is_known_for_any_time() -> None:
    live = LiveNodes(Etcd.__new__(Etcd), "/x/nodes/")
    live._counts = [(10.0, 3), (20.0, 2), (30.0, 0), (40.0, 3)]
    assert live.since(5.0) == live.since(12.0) == {1, 2, 3}
    assert live.since(35.0) == {1, 3}
    assert live.since(41.0) == {3}


def made(revision: int, **value: int) -> Stored:
    return Stored(f"id-{revision}", revision, {"timeout": None, "retries": None, **value})


def test_lost_doubled_and_refused_writes_are_seen() -> None:
    a, b, c = made(1, timeout=1), made(2, timeout=2, retries=3), made(3, timeout=3)
    later, other = made(5, timeout=5), made(6, timeout=6)
    ledger = Ledger()
    ledger.sure = {"a": a, "b": b, "c": c}
    ledger.open = {"b": {"timeout": 5}, "c": None, "d": {"timeout": 6}}
    assert ledger.faults({"a": [a], "b": [later]}) == []
    assert ledger.faults({"a": [a], "b": [b], "c": [c], "d": [other]}) == []
    found = ledger.faults({"a": [a, a], "b": [made(4)], "c": [other], "d": [later], "e": [other]})
    starts = [text.split(":")[0] for text in found]
    assert starts == ["a is there 2 times", "b", "c", "d", "e"]
    for changed in (made(1, timeout=1, retries=0), replace(a, revision=9), replace(a, id="x")):
        [text] = ledger.faults({"a": [changed], "b": [b], "c": [c]})
        assert text.startswith("a: "), "the whole document is compared"
    assert [text.split(":")[0] for text in ledger.faults({"b": [b], "c": [c]})] == ["a"]


def test_an_update_that_was_lost_is_seen() -> None:
    contended = Contended()
    contended.raised.update([1, 2, 4])
    contended.maybe = {3, 5}
    assert contended.faults(4) == contended.faults(5) == []
    assert contended.faults(3) == ["an update was lost: 4 was acknowledged, 3 stands there"]
    assert contended.faults(6) == ["nobody raised it to 6"]
    contended.raised.update([2])
    assert contended.faults(4) == ["an update was lost: 2 was raised from the same state twice"]
