"""The short form of the chaos run; `python -m tests.chaos.run` is the long one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.chaos.run import chaos


@pytest.mark.timeout(180)
def test_every_exchange_ends_rightly_and_nothing_is_left(tmp_path: Path) -> None:
    found = asyncio.run(chaos(tmp_path / "gateway", exchanges=600, at_once=40, seed=7, rest=0))
    assert found["wrong"] == []
    assert found["hung"] == []
    assert found["hung_inside"] == {}
    assert found["left"] == []
    assert found["alive"]
    assert found["bugs"] == []
    # It must have been chaos: every kind of end was seen.
    assert set(found["seen"]) >= {"200", "400", "413", "429", "500", "502", "503", "504", "left"}
