"""What a provider's answers call themselves, for lines of text in the log.

    sink = WatchedSink(to, target, answer_id, answer_model)   # stands in the sink's place
    sink.id, sink.model                               # once they have come; else None

Where they stand, the tables say: `answer_id` and `answer_model` of [upstream].

Must never know: a wire name.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from aisix.errors import UpstreamError
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.paths import Path
from aisix.routing.target import Target
from aisix.upstream.request import Sink

LOOKED_AT = 256 << 10  # bytes of an answer; what stands behind them names it not
LONGEST = 256  # characters of an id
DATA, EVENTS = b"data:", "event-stream"
_decode = msgspec.json.Decoder().decode


class WatchedSink:
    """The sink of one attempt, with a look at what passes until the answer has named itself."""

    def __init__(
        self,
        to: Sink,
        target: Target,
        answer_id: str | Sequence[str],
        answer_model: str | Sequence[str],
    ) -> None:
        self._to, self.target = to, target
        self._paths = _parsed(_listed(answer_id)), _parsed(_listed(answer_model))
        # What has not been looked at; None: it has named itself, or will not.
        self._came: bytearray | None = bytearray() if any(self._paths) else None
        self._left = LOOKED_AT
        self._streamed = False
        self.status = 0
        self.id: str | None = None
        self.model: str | None = None

    def on_response(self, status: int, headers: dict[str, str]) -> None:
        self.status = status
        self._streamed = EVENTS in headers.get("content-type", "").lower()
        self._to.on_response(status, headers)

    def on_data(self, data: bytes) -> None:
        if self._came is not None:
            self._came += data
            self._left -= len(data)
            if self._left < 0:
                self._came = None
            elif self._streamed and b"\n" in data:
                self._whole_lines(self._came)
        self._to.on_data(data)

    def on_end(self, error: UpstreamError | None) -> None:
        if self._came and not self._streamed:
            self._named(bytes(self._came))
        self._came = None
        self._to.on_end(error)

    def crashed(self, error: BaseException) -> None:
        self._to.crashed(error)

    def _whole_lines(self, came: bytearray) -> None:
        """Each is looked at once."""
        *lines, rest = bytes(came).split(b"\n")
        for line in lines:
            if line.startswith(DATA) and self._named(line[len(DATA) :]):
                self._came = None
                return
        self._came = bytearray(rest)

    def _named(self, data: bytes) -> bool:
        try:
            answer = _decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return False
        found = (_text(answer, where) for where in self._paths)
        self.id, self.model = found
        return self.id is not None


def _listed(places: str | Sequence[str]) -> tuple[str, ...]:
    return (places,) if isinstance(places, str) else tuple(places)


@lru_cache(64)
def _parsed(texts: tuple[str, ...]) -> tuple[Path, ...]:
    return tuple(map(paths.parse, texts))


def _text(answer: Any, where: Sequence[Path]) -> str | None:
    """The first text at one of these places."""
    for path in where:
        value = paths.get(answer, path.steps) if type(answer) is dict else None
        if type(value) is str and 0 < len(value) <= LONGEST:
            return value
    return None
