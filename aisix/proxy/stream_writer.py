"""What a stream on its way (relay.py) needs of its caller's side; the handler (chat.py) has it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

from aisix.mapping.exchange import Answer


class StreamWriter(Protocol):
    left: bool  # the caller went away

    def begin_stream(self, headers: Mapping[str, str], waiting: bool = False) -> None:
        """The head of a stream: a 200 with these headers, and those that say what was done; while
        still `waiting`, without those that another attempt may make untrue. What is told after the
        head has gone out is for the access line alone."""

    def write(self, chunk: bytes) -> None:
        """Put bytes of the body where the next `flush` or `finish` finds them."""

    def flush(self) -> asyncio.Future[None]:
        """Send what was written; done when the caller's socket has taken it."""

    def finish(self) -> object:
        """Nothing follows: send what was written, and the end."""

    def answer(self, answer: Answer) -> None:
        """A whole answer instead of a stream."""

    def hang_up(self) -> None:
        """Close the caller's connection, whatever is on its way."""

    def crashed(self, error: BaseException) -> None:
        """A mistake of our own: the caller is told, inside the stream if it has begun. Never
        raises; gives back what the request held."""

    def ms(self) -> float:
        """Milliseconds since the head of the request was complete."""
