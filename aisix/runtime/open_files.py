"""How many files this process may open, and how many requests that is good for.

    most = places(raise_limit())

A request under way takes two: the caller's connection and the upstream's. The soft limit is often
1024, which is for programs that use select(); this one does not, so it takes what it is allowed.

Must never know: a setting, a request.
"""

from __future__ import annotations

import contextlib
import resource

EACH = 2
OWN = 128  # the database, logs, listening sockets, idle connections


def raise_limit() -> int:
    """Raise the soft limit as far as it goes; what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):  # macOS says "unlimited" and takes less
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def places(files: int) -> int:
    """Requests that so many files are enough for.

    >>> places(1024), places(100)
    (448, 1)
    """
    return max(1, (files - OWN) // EACH) if files >= 0 else 2**31
