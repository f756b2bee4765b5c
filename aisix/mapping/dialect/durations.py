"""Points in time as time left: what one side says by the calendar, the other says as a duration.

`left("2026-11-24T10:06:00Z", now)` is "6m0s" when `now` (Unix seconds) is 10:00. Knows no header.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate
from functools import lru_cache
from math import isfinite


def left(text: str, now: float) -> str | None:
    """The time from `now` to an RFC 3339 time, as Go writes durations; None when it is no time."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return written(max(0.0, moment.timestamp() - now))


def wait(text: str) -> str | None:
    """How long to wait, as HTTP says it: a number or a date; None when it is neither.

    >>> wait("0.5"), wait("Tue, 24 Nov 2026 10:00:00 GMT"), wait("5\\x01"), wait("soon")
    ('0.5', 'Tue, 24 Nov 2026 10:00:00 GMT', None, None)
    """
    text = text.strip()
    if not (text.isascii() and text.isprintable()):
        return None
    try:
        return text if isfinite(float(text)) else None
    except ValueError:
        return text if parsedate(text) is not None else None


def moment(seconds: float) -> str:
    """Unix seconds as RFC 3339.

    >>> moment(0)
    '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def written(seconds: float) -> str:
    """1h0m5s, 6m0s, 1.5s, 12ms, 0s."""
    return _written(round(seconds * 1000))


@lru_cache(256)  # limits are full again at the same time for many who ask
def _written(milliseconds: int) -> str:
    if milliseconds == 0:
        return "0s"
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    whole, rest = divmod(milliseconds, 1000)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    last = f"{second}.{rest:03d}".rstrip("0").rstrip(".") + "s" if rest else f"{second}s"
    if hours:
        return f"{hours}h{minute}m{last}"
    return f"{minute}m{last}" if minute else last
