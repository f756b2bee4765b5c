"""Limiters as tests ask them, whatever they count in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from aisix.limits import (
    Grant,
    Holder,
    LimitRefusal,
    RateLimiter,
    SharedRateLimiter,
    Verdict,
    clock,
    rules_of,
)
from aisix.limits.redis.limiter import RedisRateLimiter
from aisix.limits.redis.where import RedisWhere
from tests.cluster.servers import Redis

PATIENT = 20.0  # s for an answer of Redis: a busy machine is no outage


def holder(ident: str = "key:1", **limits: int) -> Holder:
    return Holder(ident, rules_of(limits.get))


async def ask(limits: RateLimiter, holders: Sequence[Holder], tokens: int = 0) -> Verdict:
    found = limits.admit(holders, clock(), tokens)
    return found if isinstance(found, Grant | LimitRefusal) else await found


async def granted(limits: RateLimiter, holders: Sequence[Holder], tokens: int = 0) -> Grant:
    found = await ask(limits, holders, tokens)
    assert isinstance(found, Grant), found
    return found


async def refused(limits: RateLimiter, holders: Sequence[Holder]) -> LimitRefusal:
    found = await ask(limits, holders)
    assert isinstance(found, LimitRefusal), found
    return found


async def until(holds: Callable[[], Any], what: str = "it never came to hold") -> None:
    """Comes back as soon as it holds; the patience is many times what a stalled machine takes."""
    async with asyncio.timeout(40):
        while True:
            found = holds()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.005)  # between two looks


@asynccontextmanager
async def in_redis(
    redis: Redis | str, shared: SharedRateLimiter | None = None, up: bool = True, **more: Any
) -> AsyncIterator[RedisRateLimiter]:
    """A limiter of one worker, that has been reached unless `up` is false."""
    url = redis if isinstance(redis, str) else redis.url
    password = None if isinstance(redis, str) else redis.password
    where = more.pop("where", None) or RedisWhere.of("single", url, password=password)
    more.setdefault("timeout", PATIENT)
    limits = RedisRateLimiter(where, shared or SharedRateLimiter(4, rows=64), **more)
    task = asyncio.ensure_future(limits.run())
    try:
        await limits.reached(PATIENT)
        assert not up or limits.link.connection is not None, limits.status()
        yield limits
    finally:
        await limits.close()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
