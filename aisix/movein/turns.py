"""How single values of the original become ours, by the name a row gives (`turn`).

    turned("log_level", "info,aisix_proxy=debug", {})   ("info", "of a filter ...")

Each takes the value and what was given beside it, and answers with ours and what is to be told of
that ("": nothing). NOTHING: there is nothing of ours to set. A value that a setting of ours would
refuse comes out as it is: our own check says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_network
from typing import Any

NOTHING = object()
MOST_RETRIES = 10
LEVELS = {"warn": "warning", "trace": "debug", "off": "error"}
OUR_LEVELS = ("debug", "info", "warning", "error")
LONGEST_LABEL = 255  # characters
MOST_OF_BODIES = 1 << 30  # bytes; the bodies of all requests together, unless it is set

Turned = tuple[Any, str]


def whole(value: Any) -> int | None:
    """A whole number from 0, from a file or from the environment; None: it is none."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        return int(value)
    return value if type(value) is int and value >= 0 else None


def _nothing(value: Any, beside: Mapping[str, Any]) -> Turned:
    return NOTHING, ""


def _log_level(value: Any, beside: Mapping[str, Any]) -> Turned:
    """
    >>> _log_level("warn", {}), _log_level("info,aisix_proxy=debug", {})[0]
    (('warning', ''), 'info')
    """
    if value is False:  # `off`, as YAML reads it
        value = "off"
    if not isinstance(value, str):
        return value, ""
    words = [word.strip().lower() for word in value.split(",") if word.strip()]
    bare = [plain for word in words if (plain := LEVELS.get(word, word)) in OUR_LEVELS]
    if len(words) == 1 and (bare or not set("=[:") & set(words[0])):
        return (bare or words)[0], ""
    plain = bare[-1] if bare else "info"
    return plain, f"of a filter the bare word counts: {plain}"


def _no_limit_of_bodies(value: Any, beside: Mapping[str, Any]) -> Turned:
    if whole(value) != 0:
        return value, ""
    most = whole(beside.get("proxy.bodies_limit_bytes")) or MOST_OF_BODIES
    return value, f"no limit of one body; all bodies together: {most} bytes"


def _longest_ms(value: Any, beside: Mapping[str, Any]) -> Turned:
    return (60_000, "0 counts as 60 s") if whole(value) == 0 else (value, "")


def _ms_of_secs(value: Any, beside: Mapping[str, Any]) -> Turned:
    number = whole(value)
    return (value, "") if number is None else (1000 * number, "")


def _retries(value: Any, beside: Mapping[str, Any]) -> Turned:
    """
    >>> _retries(12, {}), _retries(3, {})
    ((10, 'above 10 counts as 10'), (3, ''))
    """
    number = whole(value)
    if number is not None and number > MOST_RETRIES:
        return MOST_RETRIES, f"above {MOST_RETRIES} counts as {MOST_RETRIES}"
    return value, ""


def _metrics_enabled(value: Any, beside: Mapping[str, Any]) -> Turned:
    """What is neither yes nor no comes out as it is: no address.

    >>> _metrics_enabled("no", {}), _metrics_enabled(True, {})[0] is NOTHING
    ((None, ''), True)
    """
    word = str(value).lower()
    if word in ("false", "no", "0"):
        return None, ""
    return (NOTHING if word in ("true", "yes", "1") else value), ""


def _networks(value: Any, beside: Mapping[str, Any]) -> Turned:
    """What is no network in CIDR is passed over; a list of nothing else lets nobody in.

    >>> _networks(["10.0.0.0/8", "10.0.0.1"], {})[0]
    ['10.0.0.0/8']
    """
    if not isinstance(value, list):
        return value, ""
    kept = [one for one in value if isinstance(one, str) and _is_network(one)]
    if len(kept) == len(value):
        return value, ""
    if not kept:
        return value, "holds no network in CIDR: nobody is let in"
    return kept, "left out: entries that are no network in CIDR"


def _is_network(text: str) -> bool:
    try:
        return "/" in text and ip_network(text, strict=False) is not None
    except ValueError:
        return False


def _patterns(value: Any, beside: Mapping[str, Any]) -> Turned:
    """A name with two `*` matches nothing there."""
    if not isinstance(value, list):
        return value, ""
    kept = [one for one in value if not (isinstance(one, str) and one.count("*") > 1)]
    told = "left out: names with two `*`, which never match"
    return kept, told if len(kept) < len(value) else ""


def _label(value: Any, beside: Mapping[str, Any]) -> Turned:
    """A text that only labels a metric keeps no document from serving: it is cut and cleaned.

    >>> _label("Ann\\n", {}), _label(" ", {})[0] is NOTHING
    (('Ann', ''), True)
    """
    if not isinstance(value, str):
        return value, ""
    kept = "".join(one if one.isprintable() else " " for one in value)[:LONGEST_LABEL].strip()
    return kept or NOTHING, ""


def _group(value: Any, beside: Mapping[str, Any]) -> Turned:
    """`weighted` was an earlier name of round_robin; there is no end to retries there.

    >>> _group({"strategy": "weighted", "retries": 12}, {})[0]
    {'strategy': 'round_robin', 'retries': 10}
    """
    if not isinstance(value, Mapping):
        return value, ""
    group, told = dict(value), []
    if group.get("strategy") == "weighted":
        group["strategy"] = "round_robin"
        told.append("the strategy weighted is round_robin")
    group["retries"], more = _retries(group.get("retries"), beside)
    if more:
        told.append(f"retries: {more}")
    if group["retries"] is None:
        del group["retries"]
    return group, "; ".join(told)


_TURNS: dict[str, Callable[[Any, Mapping[str, Any]], Turned]] = {
    "nothing": _nothing,
    "log_level": _log_level,
    "no_limit_of_bodies": _no_limit_of_bodies,
    "longest_ms": _longest_ms,
    "ms_of_secs": _ms_of_secs,
    "retries": _retries,
    "metrics_enabled": _metrics_enabled,
    "networks": _networks,
    "patterns": _patterns,
    "label": _label,
    "group": _group,
}


def turned(turn: str, value: Any, beside: Mapping[str, Any]) -> Turned:
    """A value as ours, and what is to be told of that; `turn` "": as it is."""
    return _TURNS[turn](value, beside) if turn else (value, "")
