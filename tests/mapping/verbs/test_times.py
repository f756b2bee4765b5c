"""Waits as seconds, whatever form an upstream gives them; points in time as texts."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

import pytest

from aisix.mapping.verbs.conversions import VERBS
from aisix.mapping.verbs.times import again

NOW = 1_795_000_000  # 2026-11-18T11:06:40Z


class Call:
    now = NOW


def run(verb: str, value: Any, **options: Any) -> Any:
    declared = VERBS[verb]
    return declared.run(value, declared.read(options), Call())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5),
        (5.2, 6),
        (0, 0),
        (-3, 0),
        ("5", 5),
        ("0.5", 1),
        ("20s", 20),
        ("350ms", 1),
        ("1m26.4s", 87),
        ("1h0m5s", 3605),
        ("34.074824224s", 35),
        ("2 minutes", 120),
        ("1 minute, 5 seconds", 65),
        ("2d", 172_800),
        ("2026-11-18T11:07:40Z", 60),
        ("2026-11-18T11:07:40+00:00", 60),
        ("Wed, 18 Nov 2026 11:07:40 GMT", 60),
        ("2020-01-01T00:00:00Z", 0),
        ("soon", None),
        ("5 apples", None),
        ("5s and more", None),
        ("", None),
        ("9" * 100, None),
        ("1e9", None),
        ("nan", None),
        (float("inf"), None),
        (float("nan"), None),
        pytest.param(10**400, None, id="huge"),
        (True, None),
        (None, None),
        ([], None),
        ({"s": 1}, None),
    ],
)
def test_seconds(value: Any, expected: int | None) -> None:
    assert run("seconds", value) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "2026-11-18"),
        ({"format": "%A, %d %B %Y, %H:00"}, "Wednesday, 18 November 2026, 11:00"),
        ({"format": "%H:%M %Z", "zone": "UTC"}, "11:06 UTC"),  # which is known everywhere
    ],
)
def test_a_date(options: dict[str, str], expected: str) -> None:
    assert run("date", NOW, **options) == expected


@pytest.mark.skipif(not available_timezones(), reason="no time zones: install tzdata")
def test_a_date_elsewhere() -> None:
    assert run("date", NOW, format="%H:%M %Z", zone="Asia/Tokyo") == "20:06 JST"
    berlin = {"format": "%d.%m. (%j, %V) – 100 %%", "zone": "Europe/Berlin"}
    assert run("date", NOW, **berlin) == "18.11. (322, 47) – 100 %"


@pytest.mark.parametrize("odd", [True, "x", None, [], {}, 1e300, float("nan"), -(10**15), 10**30])
def test_what_is_no_moment_is_nothing(odd: Any) -> None:
    assert run("date", odd) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [("%Y-%m-%d", "day"), ("%H", "hour"), ("%H:%M", "minute"), ("%S %Y", "second"), ("%%H", "day")],
)
def test_how_often_it_is_another_text(text: str, expected: str) -> None:
    assert again({"format": text}) == expected


def test_what_a_number_counts() -> None:
    assert run("seconds", 1200, unit="ms") == 2
    assert run("seconds", "1200", unit="ms") == 2
    assert run("seconds", NOW + 90, unit="at") == 90
    assert run("seconds", "20s", unit="ms") == 20  # a text with its own unit
