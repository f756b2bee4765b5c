"""Halves of characters: joined where the other half comes, U+FFFD and told where it does not."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import msgspec
import pytest

from aisix.mapping.verbs.characters import DEEPEST, MOST_WAITING, Torn, mended, read


def stream(*events: bytes) -> tuple[list[Any], list[str]]:
    told: list[str] = []
    torn = Torn(told.append)
    out = [event for data in events for event in torn.take(read(data))] + torn.rest()
    msgspec.json.encode(out)  # nothing is left that cannot be sent
    return out, told


JOINED = {
    "escapes": ((rb'{"a":"x\ud83d"}', rb'{"a":"\ude00 ok"}'), [{"a": "x😀"}, {"a": " ok"}]),
    "another event between": (
        (rb'{"a":"\ud83d"}', rb'{"b":1}', rb'{"a":""}', rb'{"a":"\ude00"}'),
        [{"a": "😀"}, {"b": 1}, {"a": ""}, {"a": ""}],
    ),
    "two in a row": (
        (rb'{"a":"\ud83d"}', rb'{"a":"\ude00\ud83d"}', rb'{"a":"\ude01"}'),
        [{"a": "😀"}, {"a": "😁"}, {"a": ""}],
    ),
    "in a list": (
        (rb'{"a":[{"t":"{\ud83d"}]}', rb'{"a":[{"t":"\ude00}"}]}'),
        [{"a": [{"t": "{😀"}]}, {"a": [{"t": "}"}]}],
    ),
    "bytes": ((b'{"a":"\xf0\x9f"}', b'{"a":"\x98\x80!"}'), [{"a": "😀"}, {"a": "!"}]),
    "bytes of three events": (
        (b'{"a":"\xf0"}', b'{"a":"\x9f\x98"}', b'{"a":"\x80!"}'),
        [{"a": "😀"}, {"a": ""}, {"a": "!"}],
    ),
    "each half as three bytes": ((b'{"a":"\xed\xa0\xbd\xed\xb8\x80"}',), [{"a": "😀"}]),
}


@pytest.mark.parametrize("name", JOINED)
def test_a_character_cut_in_two_is_joined(name: str) -> None:
    events, wanted = JOINED[name]
    assert stream(*events) == (wanted, [])


LOST = {
    "no other half": ((rb'{"a":"x\ud83d"}', rb'{"a":"y"}'), [{"a": "x�"}, {"a": "y"}]),
    "at the end": ((rb'{"a":"x\ud83d"}',), [{"a": "x�"}]),
    "the second half alone": ((rb'{"a":"\ude00 y"}',), [{"a": "� y"}]),
    "in the middle": ((rb'{"a":"x\ud83dy\ud83d\ude00"}',), [{"a": "x�y😀"}]),
    "bytes": ((b'{"a":"caf\xe9"}', b'{"a":" y"}'), [{"a": "caf�"}, {"a": " y"}]),
    "bytes in the middle": ((b'{"a":"caf\xe9 y"}',), [{"a": "caf� y"}]),
}


@pytest.mark.parametrize("name", LOST)
def test_what_stays_half_is_told(name: str) -> None:
    events, wanted = LOST[name]
    assert stream(*events) == (wanted, ["a"])


def test_a_half_in_a_key_is_no_fault() -> None:
    told: list[str] = []
    assert mended(read(rb'{"k\ud83d": 1}'), told.append) == {"k�": 1}
    assert told == ["k?"]


def test_no_more_than_so_many_events_wait() -> None:
    torn = Torn(lambda name: None)
    waited = [torn.take(read(rb'{"a":"\ud83d"}'))]
    waited += [torn.take({"b": number}) for number in range(MOST_WAITING)]
    assert sum(map(bool, waited)) >= 1 and sum(map(len, waited)) == MOST_WAITING + 1


@pytest.mark.parametrize("data", [b"", b"x", b'{"a":NaN}', b"[" * 100_000, b"\xff\xfe"])
def test_what_is_no_json_is_none(data: bytes) -> None:
    assert read(data) is None


def nested(levels: int, text: bytes) -> bytes:
    return b'{"a":' + b"[" * levels + text + b"]" * levels + b"}"


def test_what_is_deep_inside_waits_for_no_other_half() -> None:
    half, other = rb'"\ud83d"', rb'"\ude00"'
    level = DEEPEST - 2
    wanted = [json.loads(nested(level, text)) for text in ('"😀"'.encode(), b'""')]
    assert stream(nested(level, half), nested(level, other)) == (wanted, [])
    event = nested(900, b",".join([half] * 1_000))
    tracemalloc.start()
    events, told = stream(event)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert events == [json.loads(event.replace(rb"\ud83d", "\ufffd".encode()))]
    assert told == ["a"] * 1_000 and most < 2_000_000
