"""Tests that fork, each in a process of its own: what another thread holds when a process forks, its
child would hold for ever, and the process of all tests has threads.

    @alone
    def test_...() -> None: ...
"""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Callable

from tests.running import ROOT

WARNING = "error:This process:DeprecationWarning"  # since 3.12: that it has several threads


def alone(test: Callable[[], None]) -> Callable[[], None]:
    """The test, without fixtures, run by a fresh interpreter."""

    @functools.wraps(test)
    def run() -> None:
        code = f"import {test.__module__} as tests; tests.{test.__name__}.__wrapped__()"
        done = subprocess.run(
            [sys.executable, "-W", WARNING, "-c", code],
            cwd=ROOT, capture_output=True, text=True, timeout=100,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    return run
