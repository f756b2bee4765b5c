"""Memory goes back to the system when it is no longer needed."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from tests.running import ROOT

# In a process of its own: what a heap looks like depends on all that went through it before.
SCRIPT = """
import asyncio
from pathlib import Path
from aisix.runtime import memory

def resident():
    text = Path("/proc/self/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) >> 10

async def work():
    memory.EVERY_SECS = 0.05
    served = looks = 0
    def count():
        nonlocal looks
        looks += 1
        return served
    task = asyncio.ensure_future(memory.give_back(count))
    # Both sizes come from the C library's heap; the small ones live on.
    things = [bytes([n % 255]) * size for n in range(1500) for size in (60_000, 700)]
    del things[::2]
    full = resident()
    while looks < 4:
        await asyncio.sleep(0.01)
    print("untouched" if resident() > full - 20 else "touched")
    served += 1
    end = asyncio.get_running_loop().time() + 10
    while resident() > full - 60 and asyncio.get_running_loop().time() < end:
        await asyncio.sleep(0.02)
    print("given back" if resident() <= full - 60 else "kept", len(things))

asyncio.run(work())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be asked")
def test_pages_between_small_things_are_given_back_once_something_was_served() -> None:
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.split("\n")[:2] == ["untouched", "given back 1500"], done.stderr
