"""The verbs for points in time and waits; see conversions.py."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import ceil

from aisix.mapping.grammar.kinds import DATE_FORMAT, TEXT, ZONE
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbs.registry import Option, Options, RuleContext, verb

LONGEST = 64  # characters of a text that says when
MOST = 1_000_000_000  # seconds: whoever says more means something else
LARGEST = 10**15  # a number that is one, whatever it counts
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")
_PART = re.compile(
    r"(?i)([0-9]{1,15}(?:\.[0-9]{1,15})?) ?"
    r"(ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?)(?![a-z])[, ]{0,2}"
)


def again(options: Options) -> str:
    """How often the text of the moment is another one: "day", "hour", "minute" or "second"."""
    asked = set(re.findall("%(.)", options["format"]))
    fine = (("second", "S"), ("minute", "M"), ("hour", "HIp"), ("day", ""))
    return next(word for word, letters in fine if not letters or asked & set(letters))


@verb(
    "Unix seconds as a date, as `format` says it; what is no such number is nothing",
    Option(
        "format", DATE_FORMAT, "as strftime has it, in English", "%A, %d %B %Y, %H:00", "%Y-%m-%d"
    ),
    Option("zone", ZONE, "the time zone, by its name; without it, UTC", "Europe/Berlin", None),
    example=(1795000000, {}, "2026-11-18"),
    again=again,
)
def date(value: Json, options: Options, call: RuleContext) -> Json:
    if type(value) not in (int, float):
        return None
    try:
        return datetime.fromtimestamp(value, options.get("zone", UTC)).strftime(options["format"])
    except (ValueError, OverflowError, OSError):
        return None


@verb(
    "a wait as whole seconds, rounded up: a number, or a text such as 1m2.5s, 350ms, 20 seconds or "
    "a date, of which it is the time left; anything else is nothing",
    Option(
        "unit",
        TEXT,
        'what a number counts: "s", "ms", or "at", the Unix time',
        "ms",
        "s",
        words=("s", "ms", "at"),
    ),
    example=("1m2.5s", {}, 63),
)
def seconds(value: Json, options: Options, call: RuleContext) -> Json:
    unit = options["unit"]
    if type(value) is str:
        text = value.strip()
        if len(text) > LONGEST:
            return None
        if not _NUMBER.fullmatch(text):
            return _whole(_said(text, call))
        value = float(text)
    if type(value) not in (int, float) or not -LARGEST < value < LARGEST:
        return None
    return _whole(value - call.now if unit == "at" else value * _UNITS.get(unit, 1.0))


def _whole(found: float | None) -> int | None:
    return max(0, ceil(round(found, 6))) if found is not None and abs(found) <= MOST else None


def _said(text: str, call: RuleContext) -> float | None:
    """Seconds that a text says: each unit with its number, or a date."""
    found, position = 0.0, 0
    while match := _PART.match(text, position):
        found += float(match[1]) * _UNITS["ms" if _is_milli(match[2]) else match[2][0].lower()]
        position = match.end()
    if position:
        return found if position == len(text) else None
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
            at = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return at.timestamp() - call.now
        except (ValueError, OverflowError):
            continue
    return None


def _is_milli(unit: str) -> bool:
    return unit.lower().startswith(("ms", "milli"))
