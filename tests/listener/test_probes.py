"""What is said of whether it lives and is ready, in the original AISIX's words."""

from __future__ import annotations

import pytest

from aisix.listener.probes import live, ready

PASSED = b"[+]ping ok\n[+]shutdown ok\nlivez check passed\n"
STOPS = b"[+]ping ok\n[-]shutdown failed: reason withheld\nlivez check failed"


def test_it_lives_until_it_stops_and_says_which_check_failed() -> None:
    assert live(draining=False) == (200, b"ok")
    assert live(draining=False, verbose=True) == (200, PASSED)
    assert live(draining=True) == live(draining=True, verbose=True) == (503, STOPS)


@pytest.mark.parametrize(
    ("draining", "applied", "told"),
    [
        (False, True, "[+]shutdown ok\n[+]config ok\nreadyz check passed\n"),
        (True, True, "[-]shutdown failed: draining\n[+]config ok\nreadyz check failed"),
        (False, False, "[+]shutdown ok\n[-]config failed: not ready\nreadyz check failed"),
        (
            True,
            False,
            "[-]shutdown failed: draining\n[-]config failed: not ready\nreadyz check failed",
        ),
    ],
)
def test_it_is_ready_while_something_is_applied(draining: bool, applied: bool, told: str) -> None:
    good = applied and not draining
    assert ready(draining, applied, verbose=True) == (200 if good else 503, told.encode())
    assert ready(draining, applied) == ((200, b"ok") if good else (503, told.encode()))
