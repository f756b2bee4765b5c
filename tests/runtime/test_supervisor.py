"""The parent alone, with workers that do as the test says: real processes, no gateway in them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.running import ROOT, until

PROGRAM = """
import os, signal, sys, time
from aisix import log
from aisix.workers.scoreboard import READY, Scoreboard
from aisix.runtime.systemd import Notifier
from aisix.runtime.supervisor import Supervisor

class Plan:
    count, silence_secs, drain_secs = 2, 60, 1
    def __init__(self, how):
        self.how = how

def work(plan, slot, seat):
    if plan.how == "bad":
        return 3
    if plan.how == "slow":
        print("starts", flush=True)
        time.sleep(60)
    if plan.how == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda *told: os._exit(0))
    slot.state = READY
    os.kill(os.getppid(), signal.SIGUSR1)
    while True:
        slot.beat = time.monotonic()
        time.sleep(0.05)

told = []
def gone(number):
    # The second time, it can be done.
    told.append(number)
    print("gone", told.count(number), flush=True)
    return told.count(number) > 1

log.setup()
plans = [Plan(how) for how in sys.argv[1:]]
renew = lambda plan: plans[plans.index(plan) + 1] if plan is not plans[-1] else plan
sys.exit(Supervisor(
    plans[0], Scoreboard(9), work=work, renew=renew, again=lambda plan, pids: {},
    become=lambda plan, pids: None, settled=lambda plan: print("settled", plan.how, flush=True),
    stopping=lambda: None, gone=gone, notifier=Notifier({}),
).run())
"""


class Parent:
    def __init__(self, folder: Path, *plans: str) -> None:
        self.out = folder / "out"
        with open(self.out, "wb") as out:
            command = [sys.executable, "-c", PROGRAM, *plans]
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out)

    @property
    def said(self) -> str:
        return self.out.read_text()

    @property
    def children(self) -> set[str]:
        pid = self.process.pid
        return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


@pytest.fixture
def begun(tmp_path: Path) -> Iterator[Callable[..., Parent]]:
    """A parent whose workers begin so, one after the other; given when the first have settled."""
    made: list[Parent] = []

    def begin(*how: str) -> Parent:
        made.append(Parent(tmp_path, *how))
        until(lambda: f"settled {how[0]}" in made[-1].said)
        return made[-1]

    yield begin
    for parent in made:
        if parent.process.poll() is None:
            parent.process.send_signal(signal.SIGTERM)
            parent.process.send_signal(signal.SIGTERM)  # at once
            parent.process.wait(10)


def test_new_workers_that_cannot_start_leave_the_old_ones_in_place(
    begun: Callable[..., Parent],
) -> None:
    parent = begun("first", "bad", "bad", "good")
    before = parent.children
    for count in (1, 2):
        parent.process.send_signal(signal.SIGHUP)
        until(lambda count=count: parent.said.count("the old ones stay") == count)  # type: ignore[misc]
        until(lambda: parent.children == before)
    assert "settled bad" not in parent.said
    assert parent.said.count("exit code 3") == 2  # one was tried each time, not many
    parent.process.send_signal(signal.SIGTERM)
    assert parent.process.wait(10) == 0


def test_settings_that_follow_bad_ones_are_taken(begun: Callable[..., Parent]) -> None:
    parent = begun("first", "second", "third")
    before = parent.children
    for how in ("second", "third"):
        parent.process.send_signal(signal.SIGHUP)
        until(lambda how=how: f"settled {how}" in parent.said)  # type: ignore[misc]
    until(lambda: len(parent.children) == 2 and not parent.children & before)
    assert "crashed" not in parent.said


def test_what_a_dead_worker_held_is_given_back_before_another_begins(
    begun: Callable[..., Parent],
) -> None:
    parent = begun("first")
    before = parent.children
    os.kill(int(min(before)), signal.SIGKILL)
    until(lambda: "gone 2" in parent.said)
    assert len(parent.children) == 1, "it had to wait, having died young"
    until(lambda: len(parent.children - before) == 1)
    assert parent.said.count("gone") == 2


def test_a_worker_that_does_not_end_is_killed_when_told_again(begun: Callable[..., Parent]) -> None:
    parent = begun("deaf")
    parent.process.send_signal(signal.SIGTERM)
    parent.process.send_signal(signal.SIGINT)
    until(lambda: parent.process.poll() is not None)
    assert "ending 2 workers at once" in parent.said
    assert parent.process.returncode == 1


def test_workers_that_have_not_begun_may_be_ended_as_they_are(tmp_path: Path) -> None:
    parent = Parent(tmp_path, "slow")
    try:
        until(lambda: parent.said.count("starts") == 2)
    finally:
        parent.process.send_signal(signal.SIGTERM)
        code = parent.process.wait(30)
    assert code == 0
    assert "while it stopped" not in parent.said
