"""Whether an attempt upstream may be made again, and when.

Only before the caller has seen anything, and only what cannot have been billed twice: a request of
which not one byte left, or one the upstream answered with "not now". What the upstream says of it
(`retry-after`, `x-should-retry`) is obeyed.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

from aisix.errors import UpstreamError

AGAIN = {408, 409, 429}  # and every 5xx
FIRST_PAUSE = 0.25  # s; doubled for each further attempt, with up to a quarter of jitter
LONGEST_PAUSE = 8.0
PATIENCE = 10.0  # s; told to wait longer, the caller is told so instead


class Retrier:
    """The attempts of one upstream request; `attempts` counts those made."""

    def __init__(self, retries: int) -> None:
        self._left = retries
        self.attempts = 1

    def after_fault(self, error: UpstreamError) -> float | None:
        """Seconds to wait before the next attempt, or None: give up."""
        if error.values.get("sent", True):
            return None
        return self._next(None)

    def after_answer(self, status: int, headers: Mapping[str, str]) -> float | None:
        """The same for an answer."""
        told = headers.get("x-should-retry")
        if told == "false" or not (status in AGAIN or status >= 500 or told == "true"):
            return None
        return self._next(_wait(headers))

    def _next(self, told: float | None) -> float | None:
        if self._left <= 0 or (told is not None and told > PATIENCE):
            return None
        self._left -= 1
        pause: float = min(FIRST_PAUSE * 2 ** (self.attempts - 1), LONGEST_PAUSE)
        pause *= 1 - random.random() / 4
        self.attempts += 1
        return max(pause, told or 0.0)


def _wait(headers: Mapping[str, str]) -> float | None:
    """Seconds the upstream asks for; a date is not understood and counts as nothing said."""
    for name, scale in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) / scale)
        except (KeyError, ValueError):
            continue
    return None
