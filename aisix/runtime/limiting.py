"""Which limiter a worker counts with: memory of this machine, or Redis for many.

    check_limits(settings)                       # before the fork; OperatorError
    opened = await OpenLimiter.of(settings, shared, number, metrics, guard)
    opened.limiter; opened.close()

Redis is known only behind the setting that asks for it: without, nothing of it is imported.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aisix.config.settings import Settings
from aisix.errors import OperatorError
from aisix.limits import RateLimiter, SharedRateLimiter
from aisix.runtime.guarded import Guard
from aisix.telemetry.families import CALL_SECONDS
from aisix.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from aisix.limits.redis.tally import Tally
    from aisix.limits.redis.where import RedisWhere

FIRST_SECS = 1.0  # a worker waits so long for the first answer of Redis before callers come


def remote(settings: Settings) -> bool:
    """Whether limits are counted elsewhere."""
    return settings.ratelimit.backend == "redis"


def check_limits(settings: Settings) -> None:
    """OperatorError: what it needs is not installed, or where Redis is cannot be understood."""
    if remote(settings):
        try:
            import hiredis  # noqa: F401
        except ImportError:
            text = "ratelimit.backend: redis needs the extra: pip install 'aisix[cluster]'"
            raise OperatorError(text) from None
        where_of(settings)


def where_of(settings: Settings) -> RedisWhere:
    """Where it is. OperatorError, which quotes no URL: they hold passwords."""
    from aisix.limits.redis.where import RedisWhere

    given = settings.ratelimit.redis
    try:
        return RedisWhere.of(
            given.mode,
            given.url,
            given.nodes,
            given.sentinels,
            given.master_name,
            given.username,
            given.password,
            given.database,
            given.tls.ca_file,
            given.tls.client_cert_file,
            given.tls.client_key_file,
            given.tls.verify,
        )
    except OSError as error:  # of TLS too
        why = error.strerror or "no certificate or key in it"
        raise OperatorError(f"ratelimit.redis.tls: {error.filename or 'a file'}: {why}") from None
    except ValueError as error:
        raise OperatorError(f"ratelimit.redis.{error}") from None


@dataclass(slots=True)
class OpenLimiter:
    """A worker's limiter and what runs beside it; to be closed at its end."""

    limiter: RateLimiter
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _end: Callable[[], Awaitable[None]] | None = None

    @classmethod
    async def of(
        cls,
        settings: Settings,
        shared: SharedRateLimiter,
        number: int,
        metrics: Metrics,
        guard: Guard,
        live: Callable[[], int] = lambda: 0,
    ) -> OpenLimiter:
        """`live`: how many gateways there are; 0: as many as the settings say."""
        shared.sit(number)
        if not remote(settings):
            return cls(shared)
        from aisix.limits.redis.limiter import RedisRateLimiter

        given = settings.ratelimit
        limiter = RedisRateLimiter(
            where_of(settings),
            shared,
            policy=given.on_outage,
            timeout=given.timeout_ms / 1000,
            lease=given.concurrency_ttl_secs,
            nodes=lambda: live() or given.nodes,
            env=settings.etcd.env_id or "",
            number=number,
            bounds=CALL_SECONDS,
            tell=lambda tally: counted(tally, metrics),
        )
        task = guard.task("limits", limiter.run)
        await limiter.reached(FIRST_SECS)
        return cls(limiter, [task], limiter.close)

    async def close(self) -> None:
        """Once no request is under way."""
        if self._end is not None:
            await self._end()
        for task in self._tasks:
            task.cancel()


def counted(tally: Tally, metrics: Metrics) -> None:
    """What the limiter has counted, as metrics."""
    for (call, result), count in tally.calls.items():
        metrics.add("aisix_limits_calls_total", call, result, amount=count)
    for (policy, why), count in tally.fallbacks.items():
        metrics.add("aisix_limits_fallback_total", policy, why, amount=count)
    if tally.dropped:
        metrics.add("aisix_limits_dropped_tokens_total", amount=tally.dropped)
    for call, times in tally.times.items():
        if any(times):
            metrics.merge("aisix_limits_seconds", times, call)


async def reachable(settings: Settings) -> str:
    """Where Redis takes our writes now, for people. OperatorError: nowhere, and why."""
    from aisix.limits.redis.limiter import probed
    from aisix.limits.redis.topology import Unreachable

    try:
        return await probed(where_of(settings), settings.ratelimit.timeout_ms / 1000)
    except Unreachable as error:
        raise OperatorError(f"ratelimit.redis: {error}") from None
