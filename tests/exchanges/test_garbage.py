"""A request leaves nothing behind that only the collector of cycles can free: as part of one it
would cost a tenth more."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest

from tests.inside import Inside, good
from tests.upstream.peer import Peer

REQUESTS = 20
# What else a gateway may tell of a request.
TOLD = {"AISIX_OBSERVABILITY__ACCESS_LOG_FORMAT": "text", "AISIX_METRICS_NAMES": "aisix"}


@pytest.mark.parametrize("env", [{}, TOLD], ids=["usual", "told"])
def test_a_request_is_no_part_of_a_cycle(tmp_path: Path, env: dict[str, str]) -> None:
    found = asyncio.run(garbage(tmp_path, env))
    assert [name for name in found if name.startswith("aisix.proxy.")] == []


async def garbage(folder: Path, env: dict[str, str]) -> list[str]:
    """The types of what only the collector has found after some requests."""
    limit = {"rpm": 1000, "concurrency": 9}
    async with Peer(good) as peer, Inside.serving(folder, peer.url, limit=limit, env=env) as inside:
        for _ in range(2):  # some things are made once
            assert (await inside.ask()).status == 200
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
