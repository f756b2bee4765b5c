"""A sink that writes down what it is told and lets a test wait for it."""

from __future__ import annotations

import asyncio

from aisix.errors import UpstreamError


class Notes:
    """told: the calls in order, as words; data: every on_data's bytes; ended: awaitable."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.status = 0
        self.headers: dict[str, str] = {}
        self.data: list[bytes] = []
        self.error: UpstreamError | None = None
        self.crash: Exception | None = None
        self.began = asyncio.Event()
        self.fed = asyncio.Event()
        self.ended = asyncio.Event()

    @property
    def body(self) -> bytes:
        return b"".join(self.data)

    def on_response(self, status: int, headers: dict[str, str]) -> None:
        self.told.append("response")
        self.status, self.headers = status, headers
        self.began.set()

    def on_data(self, data: bytes) -> None:
        self.told.append("data")
        self.data.append(data)
        self.fed.set()

    def on_end(self, error: UpstreamError | None) -> None:
        self.told.append("end")
        self.error = error
        self.ended.set()

    def crashed(self, error: Exception) -> None:
        self.told.append("crashed")
        self.crash = error
        self.ended.set()

    async def more(self) -> bytes:
        """The next data that comes."""
        self.fed.clear()
        await self.fed.wait()
        return self.data[-1]
