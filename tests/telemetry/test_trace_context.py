"""W3C trace context: continued, handed on, and not believed when it is odd."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aisix.standin.server import Standin
from aisix.telemetry.trace_context import TraceContext
from tests.running import Running
from tests.telemetry.asking import MODELS, PARENT, told


@pytest.fixture(scope="module")
def gateway(standin: Standin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    more = {"observability": {"trace_upstream": True}}
    with Running(tmp_path_factory.mktemp("traces"), more) as running:
        running.set_up(standin.url, MODELS)
        running.allow("*")
        yield running


def test_a_trace_is_continued_and_handed_on(gateway: Running, standin: Standin) -> None:
    line = told(gateway, traceparent=PARENT, tracestate="vendor=1")
    assert line["trace_id"] == "ab" * 16
    assert line["span_id"] != "cd" * 8
    sent = {name.lower(): value for name, value in standin.received[-1].headers.items()}
    assert sent["traceparent"] == f"00-{'ab' * 16}-{line['span_id']}-01"
    assert sent["tracestate"] == "vendor=1"


def test_without_the_setting_the_upstream_is_sent_no_trace(
    tmp_path: Path, standin: Standin
) -> None:
    with Running(tmp_path / "gateway") as other:
        other.set_up(standin.url, MODELS)
        other.allow("*")
        for headers in ({"traceparent": PARENT}, {}):
            line = told(other, **headers)
            assert ("trace_id" in line) == bool(headers)
            sent = {name.lower() for name in standin.received[-1].headers}
            assert "x-api-key" in sent and "traceparent" not in sent


@pytest.mark.parametrize(
    "odd",
    [
        "",
        "00-" + "0" * 32 + "-" + "cd" * 8 + "-01",
        "00-" + "ab" * 16 + "-" + "0" * 16 + "-01",
        "ff-" + "ab" * 16 + "-" + "cd" * 8 + "-01",
        "00-" + "AB" * 16 + "-" + "cd" * 8 + "-01",
        "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01-more",
        PARENT + "\n",
        "00-" + "ab" * 16,
    ],
)
def test_what_is_no_traceparent_is_not_believed(odd: str) -> None:
    trace = TraceContext.continued(odd, "vendor=1", lambda n: b"\x01" * n)
    assert (trace.trace_id, trace.parent, trace.state) == ("01" * 16, "", "")


def test_a_later_version_of_traceparent_is_read_as_far_as_it_is_known() -> None:
    later = "01-" + "ab" * 16 + "-" + "cd" * 8 + "-03-more"
    trace = TraceContext.continued(later, None, lambda n: b"\x02" * n)
    assert trace.header == "00-" + "ab" * 16 + "-" + "02" * 8 + "-01"
