"""An upstream's answer carried through a mapping of the Responses dialect, as its caller gets it.

streamed(mapping, asked, data, cuts, options) -> Carried
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from aisix.mapping.exchange import Exchange
from aisix.mapping.mappings import Mapping, load_mappings
from aisix.mapping.verify import cases
from tests.running import ROOT
from tests.strict import sse

Json = dict[str, Any]
CALLER = "openai-responses"
MESSAGES, CHAT = f"{CALLER}/anthropic-messages", f"{CALLER}/openai-chat"
MODELS = {MESSAGES: "claude-opus-4-8", CHAT: "served-model"}


@cache
def mappings() -> dict[str, Mapping]:
    return load_mappings([ROOT / "mappings"]).mappings


def talk(mapping: str, options: Json | None = None, compiled: bool = True) -> Exchange:
    about = {"model": MODELS[mapping], "options": options or {}}
    case = cases.Case("", ROOT, about, {}, compiled=compiled)
    return cases.exchange(case, mappings()[mapping])


@dataclass
class Carried:
    """What the caller received of a stream, and the exchange that made it."""

    data: bytes
    exchange: Exchange

    @property
    def events(self) -> list[Json]:
        return [json.loads(text) for _, text in sse.events(self.data)]

    @property
    def object(self) -> Json:
        """The response of the last event."""
        made: Json = self.events[-1]["response"]
        return made


def streamed(
    mapping: str,
    body: Json,
    data: bytes,
    cuts: Iterable[int] = (),
    options: Json | None = None,
    compiled: bool = True,
) -> Carried:
    """The stream of a caller whose upstream sends `data`, cut at `cuts`."""
    exchange = talk(mapping, options, compiled)
    exchange.request({**body, "stream": True})
    assert exchange.begin(200, {"content-type": "text/event-stream"})
    edges = [0, *sorted(cut for cut in cuts if 0 < cut < len(data)), len(data)]
    out = b""
    for start, end in itertools.pairwise(edges):
        out += exchange.receive(data[start:end])
    return Carried(out + (b"" if exchange.done else exchange.end()), exchange)


def plain(
    mapping: str, body: Json, answer: Json, options: Json | None = None, compiled: bool = True
) -> tuple[int, Json]:
    """The status and the body of the same answer as one."""
    exchange = talk(mapping, options, compiled)
    exchange.request({key: value for key, value in body.items() if key != "stream"})
    made = exchange.response(200, {}, json.dumps(answer).encode())
    return made.status, json.loads(made.body)
