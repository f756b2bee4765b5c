"""config.yaml and environment of the original AISIX -> settings of ours, and what became of each.

    moved = moved_settings({"proxy": {"tls": {"cert_file": "c.pem"}}}, {}, where)
    moved.flat       {"proxy.tls_cert": "c.pem", "upstream.retries": 2, ...}   for our own checks
    moved.said       one row for each setting that was given
    moved.wrong      complaints: refused here, or given twice

A name that the original does not have is left as it is: our settings may stand in its file too, and
what neither has our own loader refuses. The environment beats the file, as there.

Must never know: which settings we have, what a value of ours may be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aisix.errors import Complaint
from aisix.movein.declared import (
    DIFFERENT,
    NO_DEFAULT,
    REFUSED,
    RENAMED,
    SAME,
    TheirRow,
    TheirSaid,
    leaves,
    row_of,
    settings,
)
from aisix.movein.turns import NOTHING, turned

PREFIX = "AISIX_"
LOG_VARIABLE, LOG_SETTING = "RUST_LOG", "observability.log_level"
LINES = "observability.access_log"
FINE = ("info", "debug")  # levels that let access lines appear there, whatever LINES says


@dataclass(slots=True)
class MovedSettings:
    """flat: dotted names of ours and their values; places: where each was given, for complaints."""

    flat: dict[str, Any] = field(default_factory=dict, repr=False)
    places: dict[str, str] = field(default_factory=dict)
    said: list[TheirSaid] = field(default_factory=list)
    wrong: list[Complaint] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict, repr=False)  # what is left of it


def variable(name: str) -> str:
    """
    >>> variable("proxy.real_ip.header")
    'AISIX_PROXY__REAL_IP__HEADER'
    """
    return PREFIX + name.upper().replace(".", "__")


def moved_settings(
    given: Mapping[str, Any], env: Mapping[str, str], where: Callable[[str], str]
) -> MovedSettings:
    """What a start in the original's form has; `where(name)`: a setting's place in the file."""
    moved = MovedSettings(env=dict(env))
    rows = settings()
    found: dict[str, tuple[str, Any]] = {
        name: (where(name), value) for name, value in leaves(given, rows)
    }
    for one, text in env.items():
        name = one.removeprefix(PREFIX).lower().replace("__", ".")
        row = row_of(rows, name) if one.startswith(PREFIX) else None
        if row is not None:
            found[name] = (one, text)
            del moved.env[one]
    if env.get(LOG_VARIABLE):
        found[LOG_SETTING] = (LOG_VARIABLE, env[LOG_VARIABLE])
        if turned("log_level", env[LOG_VARIABLE], {})[0] in FINE:
            found[LINES] = (LOG_VARIABLE, True)
    values = {name: value for name, (_, value) in found.items()}
    for name, row in rows.items():
        if row.default is not NO_DEFAULT and row.ours not in values:
            values.setdefault(name, row.default)
    for name, (place, value) in found.items():
        _take(moved, row_of(rows, name), name, place, value, values)
    _defaults(moved, rows, found, values)
    return moved


def _take(
    moved: MovedSettings,
    row: TheirRow | None,
    name: str,
    place: str,
    value: Any,
    values: Mapping[str, Any],
) -> None:
    """One setting that was given."""
    if row is None or (row.name.endswith(".*") and row.outcome == SAME):
        _set(moved, name, place, value)  # ours, or nobody's: our loader says so
        return
    if value is None:
        return
    nothing = any(value == one or str(value).lower() == str(one).lower() for one in row.nothing)
    if row.outcome == REFUSED and not nothing:
        moved.wrong.append(Complaint(place, name, row.why))
        moved.said.append(TheirSaid(place, name, REFUSED, "", row.why, row.add))
        return
    if nothing:
        moved.said.append(TheirSaid(place, name, SAME))
        return
    told = ""
    if row.ours:
        fresh, told = turned(row.turn, value, values)
        if fresh is not NOTHING:
            _set(moved, row.ours, place, fresh, name)
    outcome = DIFFERENT if told and row.outcome == SAME else row.outcome
    ours = row.ours if outcome == RENAMED else ""
    moved.said.append(TheirSaid(place, name, outcome, ours, told or row.why, row.add))


def _set(moved: MovedSettings, name: str, place: str, value: Any, there: str = "") -> None:
    if moved.flat.get(name) is not None and value is not None:
        text = f"is another name of {name}: give one of them"
        moved.wrong.append(Complaint(place, there or name, text))
    elif name not in moved.flat or moved.flat[name] is not None:
        moved.flat[name] = value
        moved.places[name] = place


def _defaults(
    moved: MovedSettings,
    rows: Mapping[str, TheirRow],
    found: Mapping[str, Any],
    values: Mapping[str, Any],
) -> None:
    """The original's, for what nobody gave under either name."""
    for name, row in rows.items():
        if row.default is NO_DEFAULT or name in found or row.ours in moved.flat:
            continue
        fresh, _ = turned(row.turn, row.default, values)
        if fresh is not NOTHING:
            moved.flat[row.ours] = fresh
            moved.places[row.ours] = "the original's default"
