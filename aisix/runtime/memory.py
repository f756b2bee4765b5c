"""Memory that is no longer needed goes back to the system.

After large bodies the C library keeps what it was given, in holes between small things that live
on. Once in a while, when something was served since, it is asked to give back whole free pages;
that takes a millisecond or less and is done between two turns of the loop.

Must never know: what is served.
"""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Callable

EVERY_SECS = 30.0


async def give_back(served: Callable[[], int]) -> None:
    """For ever. `served` counts what was served so far."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return  # not glibc
    before = served()
    while True:
        await asyncio.sleep(EVERY_SECS)
        now = served()
        if now != before:
            trim(0)
        before = now
