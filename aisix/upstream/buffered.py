"""The sink of Driver.send(): keeps everything that comes and settles one future.

Must never know: pycurl, what a body means.
"""

from __future__ import annotations

import asyncio

from aisix.errors import UpstreamError
from aisix.upstream.request import Response


class BufferedSink:
    """`response` is done when on_end has been called."""

    __slots__ = ("_headers", "_pieces", "_status", "response")

    def __init__(self, response: asyncio.Future[Response]) -> None:
        self.response = response
        self._status = 0
        self._headers: dict[str, str] = {}
        self._pieces: list[bytes] = []

    @property
    def received(self) -> int:
        """Bytes of an answer so far; of an error 0."""
        return sum(map(len, self._pieces)) if 200 <= self._status < 300 else 0

    def on_response(self, status: int, headers: dict[str, str]) -> None:
        self._status = status
        self._headers = headers

    def on_data(self, data: bytes) -> None:
        self._pieces.append(data)

    def on_end(self, error: UpstreamError | None) -> None:
        if self.response.done():
            return
        if error is not None:
            self.response.set_exception(error)
        else:
            body = b"".join(self._pieces)
            self.response.set_result(Response(self._status, self._headers, body))

    def crashed(self, error: BaseException) -> None:
        if not self.response.done():
            self.response.set_exception(error)
