"""Rules for what somebody else has stored where a stricter one holds for a write: it is kept, told,
and whatever uses it sees to it that nothing unfit goes out.

Must never know: whose document it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import voluptuous as vol

from aisix.store.kinds import checks


def lenient_text(value: object) -> str:
    """What somebody else has stored where a rule of ours holds: any text."""
    value = checks.text(value)
    if len(value) > checks.MAX_SECRET:
        raise vol.Invalid(f"must be at most {checks.MAX_SECRET} characters long")
    return value


def lenient_secret(value: object) -> str:
    """A credential that no header can hold, kept all the same; NUL marks what is sealed."""
    value = lenient_text(value)
    if value.startswith("\0"):
        raise vol.Invalid("must not begin with NUL")
    return value


def lenient_texts(value: object) -> list[str]:
    """A list of such texts."""
    return checks.items(value, lenient_text)


def flaw(rule: Callable[[Any], Any], value: object) -> str:
    """What a strict rule has against it; "": nothing."""
    try:
        rule(value)
    except vol.Invalid as error:
        return str(error.msg)
    return ""
