"""Chunks that tables number: one more each, whatever they hold, in both forms and in pieces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aisix.mapping.exchange import Exchange, ResolvedModel
from aisix.mapping.mappings import Mapping, load_mappings
from tests.mapping.laid import SHIPPED, laid

NUMBER = '{ from = "$state.chunks", default = 0, count = "chunks" }'
ENVELOPE = f"[envelope.chunk]\nseq = {NUMBER}\n"
DELTA = f"[chunk.text]\nseq = {NUMBER}\n"
EVENTS = [
    {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    *(
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
        for text in "abcd"
    ),
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
]
STREAM = b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in EVENTS)


def mapping_of(tmp_path: Path, answer: str) -> Mapping:
    folder = laid(tmp_path, {"answer.toml": answer})
    return load_mappings([SHIPPED, folder]).mappings["openai-chat/anthropic-messages"]


def exchange(mapping: Mapping, compiled: bool) -> Exchange:
    model = mapping.example()
    talk = Exchange(
        mapping.effective(model),
        mapping.caller,
        ResolvedModel("a", model),
        now=1,
        new_id=lambda: "0",
        compiled=compiled,
    )
    body = {**mapping.caller.sample, "stream": True}
    talk.request(body)
    return talk


def chunks(talk: Exchange, size: int) -> Iterator[dict[str, Any]]:
    pieces = [talk.receive(STREAM[n : n + size]) for n in range(0, len(STREAM), size)]
    for frame in b"".join([*pieces, talk.end()]).split(b"\n\n"):
        data = frame.removeprefix(b"data: ")
        if data.startswith(b"{"):
            yield json.loads(data)


@pytest.mark.parametrize("size", [1, 100, len(STREAM)])
@pytest.mark.parametrize("compiled", [True, False])
def test_every_chunk_has_the_next_number(tmp_path: Path, compiled: bool, size: int) -> None:
    mapping = mapping_of(tmp_path, ENVELOPE)
    for _ in range(2):  # each answer begins at 0
        talk = exchange(mapping, compiled)
        numbers = [chunk["seq"] for chunk in chunks(talk, size)]
        assert len(numbers) > 5 and numbers == [*range(len(numbers))]
        assert not talk.take_fallbacks()


@pytest.mark.parametrize("compiled", [True, False])
def test_one_kind_of_chunk_is_numbered_alone(tmp_path: Path, compiled: bool) -> None:
    talk = exchange(mapping_of(tmp_path, DELTA), compiled)
    deltas = [choice["delta"] for chunk in chunks(talk, 50) for choice in chunk["choices"]]
    numbered = [delta["seq"] for delta in deltas if "seq" in delta]
    assert numbered == [0, 1, 2, 3, 4]  # a block that begins has its first text, an empty one
    assert len(numbered) < len(deltas)
    assert not talk.take_fallbacks()
