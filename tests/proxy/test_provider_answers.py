"""What answers call themselves, found while they pass."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aisix.errors import UpstreamError
from aisix.proxy import provider_answers
from aisix.proxy.provider_answers import LONGEST, LOOKED_AT, WatchedSink

STREAM = {"content-type": "text/event-stream; charset=utf-8"}


class Kept:
    """A sink that keeps what it is told."""

    def __init__(self) -> None:
        self.data = b""
        self.ends: list[UpstreamError | None] = []

    def on_response(self, status: int, headers: dict[str, str]) -> None:
        self.status = status

    def on_data(self, data: bytes) -> None:
        self.data += data

    def on_end(self, error: UpstreamError | None) -> None:
        self.ends.append(error)

    def crashed(self, error: BaseException) -> None:
        raise AssertionError(error)


def watched(
    pieces: list[bytes], headers: dict[str, str], at: Any = ("id", "turn.id")
) -> WatchedSink:
    to = Kept()
    target: Any = object()
    sink = WatchedSink(to, target, at, "model")
    sink.on_response(200, headers)
    for piece in pieces:
        sink.on_data(piece)
    sink.on_end(None)
    assert (to.data, to.ends, sink.status, sink.target) == (b"".join(pieces), [None], 200, target)
    return sink


def test_a_plain_answer_in_pieces() -> None:
    text = json.dumps({"id": "a-1", "model": "m-2", "more": [1] * 50}).encode()
    sink = watched([text[:20], text[20:]], {"content-type": "application/json"})
    assert (sink.id, sink.model) == ("a-1", "m-2")


def test_the_first_event_that_has_one_wherever_it_is_cut() -> None:
    text = b': hello\n\nevent: x\ndata: {"type": "begin"}\n\ndata: {"turn": {"id": "t-1"}}\n\ndata: {"id": "late"}\n\n'
    for cut in range(1, len(text)):
        assert watched([text[:cut], text[cut:]], STREAM).id == "t-1"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[1]",
        b'{"id": 7}',
        b'{"id": ""}',
        b'{"id": "a',
        b"\xff\xfe",
        b"[" * 5000,
        json.dumps({"id": "x" * (LONGEST + 1)}).encode(),
        b'{"id": "a", "more": "' + b"x" * LOOKED_AT + b'"}',
    ],
)
def test_what_has_no_name_has_none_and_passes_all_the_same(text: bytes) -> None:
    assert watched([text] if text else [], {}).id is None
    lines = b"data: " + text + b"\n\n"
    assert watched([lines], STREAM).id is None


def test_tables_that_say_nothing_find_nothing() -> None:
    assert watched([b'{"id": "a"}'], {}, at=()).id is None
    assert watched([b'{"id": "a"}'], {}, at="id").id == "a"


def test_a_long_stream_without_a_name_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[bytes] = []
    decode = provider_answers._decode
    monkeypatch.setattr(
        provider_answers, "_decode", lambda data: (looked.append(data), decode(data))[1]
    )
    event = b'data: {"delta": "x"}\n\n'
    watched([event] * 500, STREAM)
    assert len(looked) == 500
    looked.clear()
    watched([event] * 500, STREAM, at=())  # its tables name no id, and a model
    watched([event] * (2 * LOOKED_AT // len(event)), STREAM)
    assert len(looked) <= 500 + LOOKED_AT // len(event)
