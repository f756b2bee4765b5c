"""What a `Date` can tell of two clocks, and what it cannot."""

from __future__ import annotations

import time

import pytest

from aisix.store.etcd.server_clock import ServerClock

DATE = b"Date: Mon, 30 Nov 2026 08:00:00 GMT\r\n"
THEN = 1796025600.0


@pytest.mark.parametrize(
    ("sent", "came", "off"),
    [
        (THEN + 0.5, THEN + 0.6, 0.0),
        (THEN - 0.3, THEN + 1.4, 0.0),  # an answer that took its time says nothing
        (THEN + 6.5, THEN + 6.6, 5.5),  # it may have been 8:00:00.999 there
        (THEN - 6.5, THEN - 6.4, -6.4),
        (THEN - 9.0, THEN + 9.0, 0.0),
    ],
)
def test_only_what_is_beyond_doubt_is_told(
    monkeypatch: pytest.MonkeyPatch, sent: float, came: float, off: float
) -> None:
    theirs = ServerClock()
    assert theirs.off(sent) is None, "nothing was heard"
    monkeypatch.setattr(time, "time", lambda: came)
    for line in (b"HTTP/1.1 200 OK\r\n", b"Content-Length: 2\r\n", DATE, b"\r\n"):
        theirs.heard(line)
    found = theirs.off(sent)
    assert found is not None and abs(found - off) < 1e-6


def test_a_date_that_is_none_says_nothing() -> None:
    theirs = ServerClock()
    theirs.heard(b"date: yesterday\r\n")
    assert theirs.off(0.0) is None
