"""What runs beside the requests goes on whatever is raised, and everything is told."""

from __future__ import annotations

import asyncio

import pytest

from aisix.runtime import guarded
from aisix.runtime.guarded import FIRST_PAUSE, Guard
from aisix.telemetry.metrics import Metrics
from aisix.telemetry.page import page
from aisix.workers.scoreboard import Scoreboard

KEY = "sk-0123456789-never-told"


def made() -> tuple[Guard, Scoreboard]:
    scoreboard = Scoreboard(1)
    return Guard(Metrics(scoreboard.claim())), scoreboard


def counted(scoreboard: Scoreboard, task: str) -> float:
    wanted = f'aisix_task_failures_total{{task="{task}"}} '
    lines = page(scoreboard).decode().split("\n")
    return sum(float(line.removeprefix(wanted)) for line in lines if line.startswith(wanted))


def test_a_task_that_raises_is_told_counted_and_begun_anew(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(guarded, "FIRST_PAUSE", 0.0)
    guard, scoreboard = made()
    begun = []

    async def work() -> None:
        begun.append(1)
        if len(begun) < 4:
            raise ValueError(KEY)

    async def run() -> None:
        await guard.task("work", work)

    asyncio.run(run())
    assert len(begun) == 4
    assert counted(scoreboard, "work") == 3
    assert caplog.text.count("bug in the task work") == 3
    assert "ValueError at" in caplog.text and KEY not in caplog.text


def test_a_task_that_is_cancelled_ends() -> None:
    guard, scoreboard = made()

    async def run() -> None:
        task = guard.task("work", lambda: asyncio.sleep(3600))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert counted(scoreboard, "work") == 0


def test_each_failure_in_a_row_makes_it_wait_twice_as_long() -> None:
    guard, scoreboard = made()

    def step(error: Exception | None = None) -> None:
        if error is not None:
            raise error

    assert guard.step("parent", step) == 0.0
    pauses = [guard.step("parent", step, OSError()) for _ in range(20)]
    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert max(pauses) == guarded.LONGEST_PAUSE
    assert counted(scoreboard, "parent") == 20
    assert guard.failed("beat", OSError(), 1.0) == FIRST_PAUSE
    assert max(guard.failed("beat", OSError(), 1.0) for _ in range(20)) == 1.0


def test_what_the_loop_catches_is_counted_too(caplog: pytest.LogCaptureFixture) -> None:
    guard, scoreboard = made()

    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(guard.of_loop)
        loop.call_soon(lambda: {}["nothing"])
        await asyncio.sleep(0.01)

    asyncio.run(run())
    assert counted(scoreboard, "event loop") == 1
    assert "bug in the event loop" in caplog.text
