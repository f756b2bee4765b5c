"""How many files this process may open, and who may have how many of them.

    most = shares_now(settings)

A request under way takes two: the caller's connection and the upstream's. The soft limit is often
1024, which is for programs that use select(); this one does not, so it takes what it is allowed.
Nobody's share can be eaten by another: callers, however many, leave the upstreams, the operators
and the store what they need.

Must never know: a request.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import resource
from dataclasses import dataclass

from aisix import log
from aisix.config.settings import Settings

OWN = 128  # the database, logs, listening sockets, name lookups, the loop
CODECS = ("idna", "unicode_escape", "utf-16")  # read from files, which may fail when first used
SPARE = 64  # of these, what is not open yet when a worker starts


@dataclass(frozen=True, slots=True)
class Shares:
    """Connections, at most: of each listener, and upstream."""

    proxy: int
    admin: int
    metrics: int
    upstream: int
    requests: int = 2**31  # under way, each with a connection of its own upstream


def raise_limit() -> int:
    """Raise the soft limit as far as it goes; what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):  # macOS says "unlimited" and takes less
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def shares(files: int, wanted: Shares, used: int = 0) -> Shares:
    """What of `wanted` so many files are enough for; `used`: how many are open now.

    >>> shares(1024, Shares(16384, 64, 32, 4096))
    Shares(proxy=404, admin=56, metrics=32, upstream=404, requests=404)
    >>> shares(100_000, Shares(16384, 64, 32, 4096))
    Shares(proxy=16384, admin=64, metrics=32, upstream=4096, requests=49888)
    """
    if files < 0:  # any number
        return wanted
    rest = max(files - max(OWN, used + SPARE), (files - used) // 2, 4)
    admin = min(wanted.admin, max(1, rest // 16))
    metrics = min(wanted.metrics, max(1, rest // 16))
    rest = max(2, rest - admin - metrics)
    half = rest // 2
    upstream = min(wanted.upstream, half)
    return Shares(min(wanted.proxy, rest - upstream), admin, metrics, upstream, half)


def used() -> int:
    """Files that are open now; 0 where nobody tells."""
    for folder in ("/proc/self/fd", "/dev/fd"):
        with contextlib.suppress(OSError):
            return len(os.listdir(folder))
    return 0


def shares_now(settings: Settings) -> Shares:
    """Of the files this process may open, who may have how many; told where they are few."""
    for name in CODECS:
        codecs.lookup(name)
    wanted = wanted_shares(settings)
    files = raise_limit()
    given = shares(files, wanted, used())
    if given.requests < settings.proxy.max_in_flight:
        text = "proxy.max_in_flight: the limit of %d open files is enough for %d requests only"
        log.warning(text, files, given.requests)
    if given.proxy < wanted.proxy:
        text = "proxy.max_connections: the limit of %d open files is enough for %d"
        log.info(text, files, given.proxy)
    return given


def wanted_shares(settings: Settings) -> Shares:
    """What the settings would have."""
    return Shares(
        proxy=settings.proxy.max_connections,
        admin=settings.admin.max_connections,
        metrics=settings.observability.metrics_max_connections,
        upstream=settings.upstream.max_connections,
    )
