"""A secret in pieces is found in a stream, whatever stands between them; anything else stays as it came."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aisix.proxy.scattered import without_pieces

SECRET = "sk-the-key/of-somebody"


def stream(*events: Any) -> str:
    return "".join(f"event: x\ndata: {json.dumps(event)}\n\n" for event in events)


def texts(data: str) -> list[Any]:
    lines = [line for line in data.split("\n") if line.startswith("data: {")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


@given(st.lists(st.integers(0, len(SECRET)), max_size=6), st.text("ab-", max_size=9))
def test_wherever_it_is_cut(cuts: list[int], around: str) -> None:
    said, ends = f"{around}{SECRET}{around}", [0, *sorted(cuts), 99]
    pieces = [said[begin:end] for begin, end in pairwise(ends)]
    events = [{"n": n, "delta": {"text": piece}} for n, piece in enumerate(["", *pieces])]
    cleaned = texts(without_pieces(stream(*events), [SECRET]))
    assert "".join(one["delta"]["text"] for one in cleaned) == f"{around}***{around}"
    assert [one["n"] for one in cleaned] == [*range(len(events))]


def test_pieces_of_several_things_that_come_interleaved() -> None:
    def of(index: int, text: str) -> dict[str, Any]:
        return {"calls": [{"index": index, "text": text}]}

    events = [of(0, SECRET[:4]), of(1, "no"), of(0, SECRET[4:9]), of(1, SECRET[:9])]
    events += [of(0, SECRET[9:]), of(1, SECRET[9:] + "!")]
    cleaned = [one["calls"][0] for one in texts(without_pieces(stream(*events), [SECRET]))]
    assert [one["text"] for one in cleaned] == ["***", "no", "", "***", "", "!"]


def test_one_that_is_written_in_escapes() -> None:
    written = "".join(f"\\u{ord(one):04x}" for one in SECRET)
    data = f'data: {{"a": "x"}}\r\n\r\ndata: {{"a": "{written}"}}\r\n\r\n'
    assert without_pieces(data, [SECRET]) == data.replace(f'{{"a": "{written}"}}', '{"a":"***"}')


def test_what_has_none_stays_byte_for_byte() -> None:
    odd = 'data: {"a" : "sk-"}\n\n: ping\n\ndata: [DONE]\n\ndata: {broken\ndata: {"a" : 1.0}\n'
    assert without_pieces(odd, [SECRET]) == odd
    assert without_pieces(odd, ["sk-"]) == odd  # too short to be one
    assert without_pieces("", [SECRET]) == ""
