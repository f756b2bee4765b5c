"""A request leaves nothing behind that only the collector of cycles can free: as part of one it
would cost a tenth more."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

from tests.inside import Inside, good
from tests.upstream.peer import Peer

REQUESTS = 20


def test_a_request_is_no_part_of_a_cycle(tmp_path: Path) -> None:
    assert [
        name for name in asyncio.run(garbage(tmp_path)) if name.startswith("aisix.proxy.")
    ] == []


async def garbage(folder: Path) -> list[str]:
    """The types of what only the collector has found after some requests."""
    async with Peer(good) as peer, Inside.serving(folder, peer.url) as inside:
        assert (await inside.ask()).status == 200  # some things are made once
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            for _ in range(REQUESTS):
                assert (await inside.ask()).status == 200
            gc.collect()
            return [f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.garbage]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
