"""Ids nobody has had before: one read of the system's randomness makes many of them."""

from __future__ import annotations

import os
import re

GIVEN = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
AT_ONCE = 128
DIGITS = 32  # hex

_drawn: list[str] = []
os.register_at_fork(after_in_child=_drawn.clear)  # or two workers would give out the same


def new() -> str:
    """
    >>> len(new()), new() == new()
    (32, False)
    """
    if not _drawn:
        digits = os.urandom(AT_ONCE * DIGITS // 2).hex()
        _drawn.extend(digits[n : n + DIGITS] for n in range(0, len(digits), DIGITS))
    return _drawn.pop()
