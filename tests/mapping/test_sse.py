"""Server-sent events: whatever the cuts, the same events; and a bound for each."""

from __future__ import annotations

import itertools

import pytest

from aisix.mapping.sse import MOST_LINES, SseReader
from aisix.mapping.verbs.refused import Refused


def read(stream: bytes, *, size: int = 1 << 20) -> list[bytes]:
    reader = SseReader()
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    return [event for piece in pieces for event in reader.feed(piece)] + reader.rest()


STREAMS = {
    "one": (b"data: a\n\n", [b"a"]),
    "CRLF and CR": (b"data: a\r\n\r\ndata: b\r\rdata: c\n\n", [b"a", b"b", b"c"]),
    "several lines": (b"data: a\ndata:b\ndata\n\n", [b"a\nb\n"]),
    "comments, names, ids": (b": hi\n\nevent: x\nid: 1\ndata: a\nretry: 3\n\n", [b"a"]),
    "without data": (b"event: ping\n\n\n\ndata:\n\n", []),
    "a byte order mark": (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
    "a line separator inside": ("data: a\u2028b\n\n".encode(), ["a\u2028b".encode()]),
    "cut off at its end": (b"data: a\n\ndata: b", [b"a", b"b"]),
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_are_the_same_in_all_cuts(name: str, size: int) -> None:
    stream, events = STREAMS[name]
    assert read(stream, size=size) == events


@pytest.mark.parametrize("name", STREAMS)
def test_events_are_the_same_cut_once_or_twice_anywhere(name: str) -> None:
    stream, events = STREAMS[name]
    places = range(len(stream) + 1)
    for first, second in itertools.combinations_with_replacement(places, 2):
        reader = SseReader()
        pieces = stream[:first], stream[first:second], stream[second:]
        found = [event for piece in pieces for event in reader.feed(piece)]
        assert found + reader.rest() == events, pieces


@pytest.mark.parametrize("size", [1, 40, 1000])
def test_one_event_may_have_so_many_bytes(size: int) -> None:
    reader = SseReader(largest=50)
    stream = b"data: short\n\n" * 20 + b"data: " + b"x" * 60 + b"\n\n"
    with pytest.raises(Refused):
        for at in range(0, len(stream), size):
            reader.feed(stream[at : at + size])


def test_one_event_may_have_so_many_lines() -> None:
    line = b"data: x\n"
    (data,) = SseReader().feed(line * MOST_LINES + b"\n")
    assert data == b"\n".join([b"x"] * MOST_LINES)
    with pytest.raises(Refused):
        SseReader().feed(line * (MOST_LINES + 1) + b"\n")
    reader = SseReader()
    assert reader.feed(line * (MOST_LINES + 9)) == []
    with pytest.raises(Refused):
        reader.rest()
