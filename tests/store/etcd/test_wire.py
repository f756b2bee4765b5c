"""What etcd says, by recorded bytes: absent fields, errors, and lines however they are cut."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisix.store.etcd import wire
from aisix.store.etcd.wire import (
    NETWORK,
    UNAVAILABLE,
    EtcdError,
    RangeAnswer,
    TxnAnswer,
    WatchAnswer,
    WatchLines,
    refusal_of,
)

HEAD = b'"header":{"cluster_id":"1","member_id":"2","revision":"7","raft_term":"2"}'
STREAM = (
    b'{"result":{' + HEAD + b',"created":true}}\n'
    b'{"result":{' + HEAD + b',"events":[{"kv":{"key":"YQ==","create_revision":"3",'
    b'"mod_revision":"7","version":"2","value":"MQ=="}},{"type":"DELETE","kv":{"key":"Yg==",'
    b'"mod_revision":"7"}}]}}\n'
    b'{"error":{"grpc_code":14,"http_code":503,"message":"no leader","http_status":"x"}}\n'
)


def test_what_is_absent_is_zero() -> None:
    assert msgspec.json.decode(b"{" + HEAD + b"}", type=RangeAnswer).kvs == []
    answer = msgspec.json.decode(
        b"{" + HEAD + b',"responses":[{"response_put":{}}]}', type=TxnAnswer
    )
    assert answer.succeeded is False and answer.revision == 7
    assert answer.ranges()[0].kvs == []


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_a_stream_is_read_however_it_is_cut(cuts: list[int]) -> None:
    at = [0, *sorted(cuts), len(STREAM)]
    lines, found = WatchLines(), []
    for begin, end in pairwise(at):
        found += [
            msgspec.json.decode(one, type=WatchAnswer) for one in lines.feed(STREAM[begin:end])
        ]
    created, changes, failed = found
    assert created.result is not None and created.result.created
    assert changes.result is not None
    assert [(e.type, e.kv.key, e.kv.value, e.kv.mod) for e in changes.result.events] == [
        ("PUT", b"a", b"1", 7),
        ("DELETE", b"b", b"", 7),
    ]
    assert failed.error is not None and failed.error.message == "no leader"


def test_a_line_without_end_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "LINE_LIMIT", 10)
    with pytest.raises(EtcdError, match="longer than 10 bytes"):
        WatchLines().feed(b"x" * 11)


def test_errors_are_known_by_their_code() -> None:
    away = refusal_of(
        503, b'{"error":"etcdserver: no leader","message":"etcdserver: no leader","code":14}'
    )
    assert away.code == UNAVAILABLE and away.elsewhere
    assert not refusal_of(403, b'{"error":"permission denied","code":7}').elsewhere
    assert "not as etcd's JSON gateway does" in str(refusal_of(404, b"<html>"))
    assert EtcdError("", NETWORK).elsewhere
