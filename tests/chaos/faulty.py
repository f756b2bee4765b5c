"""The gateway whose sinks raise when an upstream's answer says so (`odd.sink_raises`):
`python -m tests.chaos.faulty serve --config ...`."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from aisix.cli.main import main
from aisix.proxy import chat
from aisix.proxy.relay import Relay
from aisix.upstream.buffered import BufferedSink
from tests.chaos.odd import RAISE

KINDS = {
    kind.__name__: kind
    for kind in (RuntimeError, MemoryError, asyncio.CancelledError, RecursionError)
}


class Faulty:
    """Laid over a sink; "on_data 2 MemoryError": so its second on_data ends."""

    step = kind = ""
    times = 0

    def on_response(self, status: int, headers: dict[str, str]) -> None:
        if RAISE in headers:
            self.step, times, self.kind = headers[RAISE].split()
            self.times = int(times)
        self.may_raise("on_response")
        super().on_response(status, headers)  # type: ignore[misc]

    def on_data(self, data: bytes) -> None:
        self.may_raise("on_data")
        super().on_data(data)  # type: ignore[misc]

    def on_end(self, error: Any) -> None:
        self.may_raise("on_end")
        super().on_end(error)  # type: ignore[misc]

    def may_raise(self, step: str) -> None:
        if step == self.step:
            self.times -= 1
            if not self.times:
                raise KINDS[self.kind]


class FaultyRelay(Faulty, Relay):
    pass


class FaultyBuffered(Faulty, BufferedSink):
    pass


if __name__ == "__main__":
    chat.Relay = FaultyRelay  # type: ignore[misc]
    chat.BufferedSink = FaultyBuffered  # type: ignore[misc]
    sys.exit(main())
