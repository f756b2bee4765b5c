"""Headers that are the gateway's own, by the original AISIX's list.

    credential("Authorization")        True: nobody but a provider key's secret fills it
    forwarded("x-trace-id")            True: a caller's may be sent on
    default("x-team")                  True: an operator may send it with every request

Must never know: a request.
"""

from __future__ import annotations

import tomllib
from functools import cache, lru_cache

from aisix.movein.declared import FOLDER


@cache
def _listed() -> dict[str, tuple[str, ...]]:
    found = tomllib.loads((FOLDER / "headers.toml").read_text("utf-8"))
    return {name: tuple(names) for name, names in found.items()}


def _has(listed: str, name: str) -> bool:
    lower = name.lower()
    return any(
        lower == one or (one.endswith("*") and lower.startswith(one[:-1]))
        for one in _listed()[listed]
    )


def credential(name: str) -> bool:
    """
    >>> credential("X-Api-Key"), credential("x-team")
    (True, False)
    """
    return _has("reserved", name)


@lru_cache(1024)
def forwarded(name: str) -> bool:
    """
    >>> forwarded("X-Aisix-Call-Id"), forwarded("x-trace-id")
    (False, True)
    """
    return not (_has("reserved", name) or _has("of_callers", name))


def default(name: str) -> bool:
    """
    >>> default("x-team"), default("cookie"), default("te")
    (True, False, False)
    """
    return not (_has("reserved", name) or _has("framing", name))
