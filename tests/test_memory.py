"""Memory goes back to the system when it is no longer needed."""

from __future__ import annotations

import asyncio
import platform
from pathlib import Path

import pytest

from aisix import memory

LARGE, SMALL = 60_000, 700  # bytes; both come from the C library's heap


def resident() -> int:
    """MiB."""
    text = Path("/proc/self/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) >> 10


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be asked")
def test_pages_between_small_things_are_given_back_once_something_was_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "EVERY_SECS", 0.05)
    served = 0

    async def work() -> None:
        nonlocal served
        task = asyncio.ensure_future(memory.give_back(lambda: served))
        things = [bytes([n % 255]) * size for n in range(1500) for size in (LARGE, SMALL)]
        del things[::2]
        full = resident()
        await asyncio.sleep(0.3)
        assert resident() > full - 20  # nothing was served: nothing is done
        served += 1
        end = asyncio.get_running_loop().time() + 10
        while resident() > full - 60:
            assert asyncio.get_running_loop().time() < end
            await asyncio.sleep(0.02)
        assert len(things) == 1500
        task.cancel()

    asyncio.run(work())
