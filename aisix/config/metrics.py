"""The settings of the original AISIX's metrics: `metrics_names`, `observability.metrics.*`.

    METRICS     their declarations
    kind_rules([{"pattern": "^batcher/", "client": "batcher"}])     (("^batcher/", "batcher"),)

Must never know: what is counted.
"""

from __future__ import annotations

import json
import math
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

import voluptuous as v

from aisix.config.checks import maybe_integer
from aisix.config.original import ORIGINAL, OURS
from aisix.config.setting import Setting

MOST_RULES = 64
LONGEST_PATTERN = 512  # bytes
CLIENT = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
MOST_BUCKETS = 64
NESTED, REPEAT, LACK = "nested", "repeat", "be left out or chosen among"
ANY = "repeat whatever comes"  # as `.*` does
MOST = {ANY: 2, REPEAT: 8, LACK: 8}  # parts of one pattern
REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)
KEYS = {"pattern", "client"}
NAMES = (OURS, ORIGINAL)
SERIES_BYTES = {OURS: 4 << 20, ORIGINAL: 16 << 20}  # a thousand keys of five aliases take 8


def kind_rules(value: Any) -> tuple[tuple[str, str], ...]:
    """A list of {pattern, client}, or the same as JSON."""
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise v.Invalid("expected a JSON array of {pattern, client}") from None
    if not isinstance(value, list) or len(value) > MOST_RULES:
        raise v.Invalid(f"expected a list of at most {MOST_RULES} {{pattern, client}}")
    return tuple(_rule(number, rule) for number, rule in enumerate(value))


def _rule(number: int, rule: Any) -> tuple[str, str]:
    at = f"rule {number}"
    if not isinstance(rule, dict) or rule.keys() != KEYS:
        raise v.Invalid(f"{at}: expected `pattern` and `client`")
    pattern, client = rule["pattern"], rule["client"]
    if not isinstance(client, str) or not CLIENT.fullmatch(client):
        raise v.Invalid(
            f"{at}: client: expected a name of a-z, 0-9, `.`, `_` and `-`, at most 64 characters"
        )
    if not isinstance(pattern, str) or not 1 <= len(pattern.encode()) <= LONGEST_PATTERN:
        raise v.Invalid(f"{at}: pattern: expected a text of 1 to {LONGEST_PATTERN} bytes")
    why = wrong_pattern(pattern)
    if why:
        raise v.Invalid(f"{at}: pattern: {why}")
    return pattern, client


def wrong_pattern(pattern: str) -> str:
    """Why it is not taken; "": it is. Whoever may call can send any User-Agent, so a pattern that
    takes long for some text is refused: Python's expressions, other than Rust's, try all ways.

    >>> wrong_pattern("^agent/[0-9.]+ .*beta"), wrong_pattern("(a+)+$")[:20]
    ('', 'repeats what repeats')
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            parsed = _parser.parse(pattern, re.IGNORECASE)
            re.compile(pattern, re.IGNORECASE)
    except (re.error, RecursionError, OverflowError, Warning) as error:
        return f"is no regular expression of Python's: {error}"
    found = Counter(_choices(parsed, False))
    if found[NESTED]:
        return "repeats what repeats or chooses itself, which may take for ever: say it otherwise"
    for what, most in MOST.items():
        if found[what] > most:
            return f"at most {most} parts may {what}: say it otherwise"
    return ""


def _choices(parsed: Any, inside: bool) -> Iterator[str]:
    """Of each part of a parsed expression that may be tried in several ways, what it may do."""
    if isinstance(parsed, _parser.SubPattern | list):
        for one in parsed:
            yield from _choices(one, inside)
    elif isinstance(parsed, tuple) and len(parsed) == 2 and parsed[0] in REPEATS:
        least, most, below = parsed[1]
        if least != most:
            yield NESTED if inside else LACK if most == 1 else REPEAT if _narrow(below) else ANY
        yield from _choices(below, inside or most > 1)
    elif isinstance(parsed, tuple):
        if len(parsed) == 2 and parsed[0] is _constants.BRANCH:
            yield NESTED if inside else LACK
        for one in parsed:
            yield from _choices(one, inside)


def _narrow(below: Any) -> bool:
    """Whether what repeats is said character by character: most texts do not go on like that."""
    if len(below) != 1 or below[0][0] is not _constants.IN:
        return len(below) >= 1 and all(one[0] is _constants.LITERAL for one in below)
    said = below[0][1]
    digits = (_constants.CATEGORY, _constants.CATEGORY_DIGIT)
    kinds = (_constants.LITERAL, _constants.RANGE)
    return all(one[0] in kinds or one == digits for one in said)


def buckets(value: Any) -> tuple[float, ...] | None:
    """Seconds, each more than the one before."""
    if value is None or value == "":
        return None
    text_ = (
        f"expected 1 to {MOST_BUCKETS} numbers of seconds above 0, each more than the one before"
    )
    if isinstance(value, str):
        try:
            value = [float(one) for one in value.split(",")]
        except ValueError:
            raise v.Invalid(text_) from None
    numbers = isinstance(value, list) and all(type(one) in (int, float) for one in value)
    if not numbers or not 1 <= len(value) <= MOST_BUCKETS:
        raise v.Invalid(text_)
    found = tuple(float(one) for one in value)
    pairs = zip((0.0, *found), found, strict=False)
    if not all(math.isfinite(two) and one < two for one, two in pairs):
        raise v.Invalid(text_)
    return found


def names(value: Any) -> str | None:
    if value is not None and value not in NAMES:
        raise v.Invalid(f"expected one of {', '.join(NAMES)}")
    return None if value is None else str(value)


METRICS = (
    Setting(
        "metrics_names",
        names,
        None,
        'whose names metrics have: "ours" or "aisix", the original\'s; null: as `names`',
    ),
    Setting(
        "observability.metrics_series_bytes",
        maybe_integer(1 << 20, 1 << 30),
        None,
        "for the names of series, per worker; null: 4 MiB, for the original's metrics 16; read at "
        "the start alone",
    ),
    Setting(
        "observability.metrics.client_type_rules",
        kind_rules,
        (),
        "of the original's metrics: rules by which a User-Agent is of a kind of client, "
        "{pattern, client}",
    ),
    Setting(
        "observability.metrics.buckets.request_e2e_latency",
        buckets,
        None,
        "of the original's metrics: bounds of aisix_request_e2e_latency_seconds; null: its own",
    ),
    Setting(
        "observability.metrics.buckets.request_ttft",
        buckets,
        None,
        "of the original's metrics: bounds of aisix_request_ttft_seconds; null: its own",
    ),
)
