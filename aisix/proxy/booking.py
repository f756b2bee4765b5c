"""What requests under way have used so far is booked every second, where a limit counts tokens.

So that no number of long answers overruns a limit unseen until they end. Nothing is done for it but
then, and a few requests at a time.

Must never know: what a token is.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from aisix import log
from aisix.log import CRASHES

EVERY = 1.0  # s
AT_ONE_TIME = 32  # requests, until others have their turn


class Booked(Protocol):
    """A request whose tokens are limited."""

    def book(self) -> None:
        """Book what it has used so far."""


class Booking:
    """`under_way` is kept by the requests themselves."""

    def __init__(self) -> None:
        self.under_way: set[Booked] = set()

    async def run(self) -> None:
        """Book, for ever."""
        while True:
            await asyncio.sleep(EVERY)
            await self.book()

    async def book(self) -> None:
        for number, request in enumerate(list(self.under_way)):
            if number % AT_ONE_TIME == AT_ONE_TIME - 1:
                await asyncio.sleep(0)
            if request in self.under_way:
                try:
                    request.book()
                except CRASHES as error:
                    log.bug("-", error)
