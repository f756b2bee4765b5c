"""The date in requests: not frozen in a compiled form, the same in both, told by explain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import pytest

from aisix.mapping.exchange import Exchange, ResolvedModel
from aisix.mapping.grammar import kinds
from aisix.mapping.mappings import Mapping, load_mappings
from aisix.mapping.verify import cases
from aisix.mapping.verify.explain import explain_request
from tests.mapping.laid import NAME, SHIPPED, laid, said

pytestmark = pytest.mark.skipif(not available_timezones(), reason="no time zones: install tzdata")

DAY = 1_795_000_000  # 2026-11-18T11:06:40Z, 20:06 in Tokyo
TABLES = """
[let.today]
from = "$now"
as = "today"
[let.night]
value = true
when = { "$now" = "> 1795040000" }
[convert.today]
verb = "date"
format = "%A, %d %B %Y, %H:00"
zone = "Asia/Tokyo"
[field.x_today]
from = "$let.today"
[field.x_raw]
from = "$now"
[field.x_night]
from = "$let.night"
[field.x_turns]
from = "messages"
each = "x_turn"
[shape.x_turn]
day = { from = "$now", as = "date" }
[adjust.x]
verb = "set"
fields = { x_set = "$now" }
[header.x-hour]
hour = { from = "$now", as = "date" }
"""


def load(tmp_path: Path, text: str = TABLES, name: str = NAME) -> Mapping:
    return load_mappings([SHIPPED, laid(tmp_path, {"request.toml": text}, name)]).mappings[name]


def exchange(mapping: Mapping, now: int, compiled: bool = True) -> Exchange:
    tables = mapping.effective(mapping.example())
    target = ResolvedModel("a", mapping.example())
    return Exchange(tables, mapping.caller, target, now=now, new_id=str, compiled=compiled)


BODY = {"model": "a", "max_tokens": 9, "messages": [{"role": "user", "content": "q"}]}


@pytest.mark.parametrize(
    "name",
    ["openai-chat/anthropic-messages", "anthropic-messages/openai-chat",
     "anthropic-messages/anthropic-messages", "openai-chat/openai-chat"],
)  # fmt: skip
def test_the_time_is_that_of_each_request_in_both_forms(tmp_path: Path, name: str) -> None:
    mapping = load(tmp_path, name=name)
    for now, hour, day, night in (
        (DAY, "Wednesday, 18 November 2026, 20:00", "2026-11-18", None),
        (DAY + 3600, "Wednesday, 18 November 2026, 21:00", "2026-11-18", None),
        (DAY + 86400, "Thursday, 19 November 2026, 20:00", "2026-11-19", True),
    ):
        made: list[Any] = []
        for compiled in (True, False):
            talk = exchange(mapping, now, compiled)
            sent = talk.request(BODY)
            forms = {one.reason for one in talk.take_fallbacks()}
            assert forms <= (set() if name == NAME else {"cannot_compile"})
            made.append((json.loads(sent.body), sent.headers["x-hour"]))
        assert made[0] == made[1]
        body, header = made[0]
        assert (body["x_today"], header, body.get("x_night")) == (hour, day, night)
        assert body["x_raw"] == body["x_set"] == now
        assert body["x_turns"] == [{"day": day}]


def test_bytes_stay_the_same_for_as_long_as_the_format_says(tmp_path: Path) -> None:
    text = TABLES.partition("[field.x_raw]")[0]
    mapping = load(tmp_path, text)
    sent = [exchange(mapping, DAY + n).request(BODY).body for n in (0, 1, 3000, 3600)]
    assert sent[0] == sent[1] == sent[2] != sent[3]


def test_explain_says_how_often_they_change(tmp_path: Path) -> None:
    report = explain_request(exchange(load(tmp_path), DAY), BODY, {})
    told = {line.where.rpartition(":")[2]: line for line in report.entries if "$now" in line.target}
    whys = sorted(line.why.partition(":")[0] for line in told.values())
    assert whys == ["another each day", "another each hour", "another each second"]
    hour = next(line for line in told.values() if "hour" in line.why)
    assert hour.value == "Wednesday, 18 November 2026, 20:00"
    assert "cache" in hour.why and "request.toml" in hour.where


def test_a_case_fixes_the_clock(tmp_path: Path) -> None:
    about = {"reason": "r", "now": DAY}
    files = {
        "caller-request.json": json.dumps(BODY).encode(),
        "upstream-request.json": exchange(load(tmp_path), DAY).request(BODY).body,
    }
    case = cases.Case("a-day", tmp_path, about, files)
    mapping = load(tmp_path)
    about["model"] = mapping.example()
    assert cases.run(case, mapping) == []
    about["now"] = DAY + 1
    assert any("x_raw" in line for line in cases.run(case, mapping))


def test_a_machine_without_time_zones_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "ZoneInfo", lambda _: {}["no such file"])
    monkeypatch.setattr(kinds, "available_timezones", set)
    tables = TABLES.replace("Asia/Tokyo", "Europe/Berlin")
    (found,) = said(laid(tmp_path, {"request.toml": tables}))
    assert "request.toml:" in found and "no database of them; install the package tzdata" in found
    there = load(tmp_path, TABLES.replace("Asia/Tokyo", "UTC"))  # which needs none
    sent = json.loads(exchange(there, DAY).request(dict(BODY)).body)
    assert sent["x_today"] == "Wednesday, 18 November 2026, 11:00"


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('zone = "Asia/Tokyo"', 'zone = "Asia/Tokio"', 'did you mean "Asia/Tokyo"?'),
        ('zone = "Asia/Tokyo"', 'zone = "../../etc/passwd"', "no time zone"),
        ('zone = "Asia/Tokyo"', 'zone = "/etc/passwd"', "no time zone"),
        ("%A, ", "%Q, ", 'no "%Q" in a format of a date'),
        ("%H:00", "%", 'no "%" in a format'),
        ('format = "%A, %d %B %Y, %H:00"', 'format = ""', "expected format of a date"),
        ('format = "%A, %d %B %Y, %H:00"', "format = 3", "expected text"),
        ('from = "$now"\nas = "today"', 'from = "$nwo"\nas = "today"', 'did you mean "$now"?'),
    ],
)
def test_complaints(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    assert old in TABLES
    found = said(laid(tmp_path, {"request.toml": TABLES.replace(old, new)}))
    assert any(complaint in one and "request.toml:" in one for one in found), found
