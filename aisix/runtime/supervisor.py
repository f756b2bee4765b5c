"""The parent of the workers: starts them, replaces who dies or hangs, rolls from old to new.

    Supervisor(plan, scoreboard, work, renew).run()      until SIGTERM; the exit code

    SIGTERM, SIGINT  every worker drains; a second one ends them at once
    SIGHUP           the settings are read again. The same: workers read tables and certificates
                     again, in place. Others: workers are replaced one by one, each old one told to
                     drain when its successor is ready; if the first of the new ones cannot start,
                     the old ones stay
    SIGUSR2          this process becomes the newly installed program (exec), then the same roll

Listening sockets are made before the fork and shared, so that nobody is refused meanwhile: what an
old worker no longer accepts, a new one does. Signals are blocked and taken one by one, so that no
code here runs inside a handler.

Must never know: what a worker does, HTTP.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from aisix import log
from aisix.errors import OperatorError
from aisix.runtime.companion import Companion
from aisix.runtime.guarded import Guard
from aisix.runtime.systemd import Notifier
from aisix.telemetry.metrics import Metrics
from aisix.workers.scoreboard import DEAD, READY, STARTING, Scoreboard, ScoreboardFull, Slot

YOUNG = 10.0  # s; a worker that dies sooner makes the next one wait
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # s, doubled with each that died young
TURN = 1.0  # s between looks at the workers when nothing happens
SOON = 0.05  # s, while a dead one's places are to be given back
ABORT_SECS = 2.0  # for a stuck worker to say where it is
SAME_STOP = 1.0  # s; `timeout` and shells tell the process and then its group
STOP_SECS = 15.0  # beyond the drain, until a worker that does not end is killed
SIGNALS = {
    *(signal.SIGTERM, signal.SIGINT, signal.SIGHUP),
    *(signal.SIGUSR1, signal.SIGUSR2, signal.SIGCHLD),  # USR1: a worker is ready
}
CANNOT_START = 2  # exit code of a worker whose settings or tables cannot be used


class Plan(Protocol):
    """What workers are started with."""

    @property
    def count(self) -> int: ...
    @property
    def silence_secs(self) -> float: ...
    @property
    def drain_secs(self) -> float: ...


P = TypeVar("P", bound=Plan)


@dataclass(slots=True)
class Worker:
    pid: int
    generation: int
    began: float
    seat: int  # 0 .. count - 1; a successor of the same generation takes it over
    slot: Slot | None  # None: it was started by the program before this one
    end_by: float | None = None  # told to stop: when it must have ended
    aborted: float | None = None

    @property
    def ready(self) -> bool:
        return self.slot is None or self.slot.state == READY

    @property
    def starting(self) -> bool:
        return self.slot is not None and self.slot.state == STARTING


class Supervisor(Generic[P]):
    """Starts as many workers as the plan says, replaces those that die or hang, ends them.

    work(plan, slot, seat): a worker's whole life, in the child; its exit code.
    renew(plan): the plan of now, the same object if nothing changed; raises OperatorError.
    again(plan, pids): nothing changed: have the workers read again what is read from files;
        {what: whether it could be used}.
    settled(plan): every worker has this plan now.
    gone(number): the worker of this slot is dead: what it held is free. False: ask again soon.
    companion: a process beside the workers, kept alive until the last of them has gone.
    become(plan, pids): replace this process by the newly installed program; returns if it cannot.
    """

    def __init__(
        self,
        plan: P,
        scoreboard: Scoreboard,
        work: Callable[[P, Slot, int], int],
        renew: Callable[[P], P],
        again: Callable[[P, list[int]], dict[str, bool]],
        become: Callable[[P, list[int]], None],
        settled: Callable[[P], None],
        stopping: Callable[[], None],
        gone: Callable[[int], bool],
        notifier: Notifier,
        inherited: list[int] | None = None,
        companion: Companion | None = None,
    ) -> None:
        self._plan, self._before = plan, plan
        self._work, self._renew, self._again, self._become = work, renew, again, become
        self._settled, self._on_stop, self._gone = settled, stopping, gone
        self._held: set[int] = set()  # slots of dead workers that hold something yet
        self._scoreboard, self._companion = scoreboard, companion
        slot = scoreboard.claim()
        slot.pid, slot.state = os.getpid(), READY
        self._metrics = Metrics(slot)
        self._guard = Guard(self._metrics)
        self._notifier = notifier
        self._generation = self._newest = 1
        now = time.monotonic()
        self._workers = {pid: Worker(pid, 0, now, 0, None) for pid in inherited or ()}
        self._rolling = bool(self._workers)
        self._stopping = False
        self._told_stop = 0  # by which signal; the same one again is no second one until then:
        self._same_until = 0.0
        self._told = 0.0  # when systemd last heard of us
        self._young = 0  # how many died young in a row
        self._not_before = 0.0
        self._announced = False
        self._code = 0

    def run(self) -> int:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        step = self._guard.step
        while True:
            pause = step("workers", self._tend)
            if not self._workers and self._stopping:
                if self._companion is not None:
                    self._companion.stop()
                return self._code
            taken = signal.sigtimedwait(SIGNALS, pause or self._turn())
            if taken is not None:
                step("signals", self._act, taken.si_signo)
            step("workers that ended", self._reap)

    # ------------------------------------------------------------------ signals
    def _act(self, number: int) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            self._stop(number)
        elif number == signal.SIGHUP and not self._stopping:
            self._reload()
        elif number == signal.SIGUSR2 and not self._stopping:
            log.info("SIGUSR2: becoming the program that is installed now")
            self._become(self._plan, list(self._workers))

    def _stop(self, number: int) -> None:
        if self._stopping:
            if self._told_stop == number and time.monotonic() < self._same_until:
                return
            log.warning("told to stop again: ending %d workers at once", len(self._workers))
            for worker in self._workers.values():
                self._signal(worker, signal.SIGKILL)
            return
        self._stopping = True
        self._told_stop, self._same_until = number, time.monotonic() + SAME_STOP
        self._notifier.tell("STOPPING=1", "STATUS=draining")
        self._on_stop()
        for worker in self._workers.values():
            self._end(worker)

    def _reload(self) -> None:
        self._notifier.reloading()
        try:
            plan = self._renew(self._plan)
        except OperatorError as error:
            self._metrics.add("aisix_reloads_total", "settings", "failed")
            for complaint in error.complaints:
                log.error("not reloaded: %s", complaint)
            self._ready()
            return
        self._metrics.add("aisix_reloads_total", "settings", "ok")
        if plan is self._plan:
            pids = [worker.pid for worker in self._workers.values() if worker.ready]
            for what, good in self._again(plan, pids).items():
                self._metrics.add("aisix_reloads_total", what, "ok" if good else "failed")
            self._ready()
            return
        log.info("settings changed: replacing the workers one by one")
        if not self._rolling:
            self._before = self._plan
        self._plan = plan
        self._newest += 1
        self._generation = self._newest
        self._rolling = True
        self._not_before = 0.0

    # ------------------------------------------------------------------ workers
    def _tend(self) -> None:
        """Start who is due, stop who has a successor, end who hangs."""
        now = time.monotonic()
        if self._companion is not None and not self._stopping:
            self._companion.tend(now, SIGNALS)
        self._held = {number for number in self._held if not self._gone(number)}
        fresh = [w for w in self._workers.values() if self._is_fresh(w)]
        old = [w for w in self._workers.values() if w.generation != self._generation]
        ready = sum(worker.ready for worker in fresh)
        if not self._stopping:
            one_by_one = self._rolling and any(worker.starting for worker in fresh)
            while len(fresh) < self._plan.count and now >= self._not_before and not one_by_one:
                worker = self._start(now)
                if worker is None:
                    break
                fresh.append(worker)
                one_by_one = self._rolling
            serving = [worker for worker in old if worker.end_by is None]
            for worker in serving[max(0, self._plan.count - ready) :]:
                self._end(worker)
            if ready >= self._plan.count and (self._rolling or not self._announced):
                self._rolling, self._announced = False, True
                self._before = self._plan
                self._settled(self._plan)
                self._ready()
        for worker in list(self._workers.values()):
            self._look(worker, now)
        self._comfort(now)

    def _is_fresh(self, worker: Worker) -> bool:
        return worker.generation == self._generation and worker.end_by is None

    def _start(self, now: float) -> Worker | None:
        try:
            slot = self._scoreboard.claim()
        except ScoreboardFull:
            return None  # old ones are still draining
        slot.beat = now
        self._held.discard(slot.number)  # whoever takes its place gives that back
        taken = {w.seat for w in self._workers.values() if w.generation == self._generation}
        seat = min(set(range(self._plan.count)) - taken, default=0)
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            pid = os.fork()
        except OSError as error:
            slot.state = DEAD
            self._not_before = now + LONGEST_PAUSE
            text = "the system lets us start no worker (%s); trying again in %g s"
            log.error(text, error.strerror, LONGEST_PAUSE)
            return None
        if not pid:
            self._be_a_worker(slot, seat)
        slot.pid = pid
        worker = self._workers[pid] = Worker(pid, self._generation, now, seat, slot)
        return worker

    def _be_a_worker(self, slot: Slot, seat: int) -> None:
        code = 1
        try:
            slot.pid = os.getpid()
            for number in SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            faulthandler.enable()
            code = self._work(self._plan, slot, seat)
        except OperatorError as error:
            code = CANNOT_START
            for complaint in error.complaints:
                log.error("worker cannot start: %s", complaint)
        except BaseException as error:
            log.bug("-", error)
        finally:
            os._exit(code)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if self._companion is not None and self._companion.ended(pid, status):
                continue
            worker = self._workers.pop(pid, None)
            if worker is not None:
                if worker.slot is not None:
                    was_starting = worker.starting
                    worker.slot.state = DEAD
                    self._held.add(worker.slot.number)
                    self._ended(worker, status, was_starting)
                elif worker.end_by is None:
                    self._ended(worker, status, False)

    def _ended(self, worker: Worker, status: int, was_starting: bool) -> None:
        if worker.end_by is not None or self._stopping:
            told = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGTERM
            if status and not (
                was_starting and told
            ):  # it cannot catch a signal before it is ready
                log.error("worker %d ended with %s while it stopped", worker.pid, _how(status))
                self._code = 1
            return
        how = _how(status)
        self._metrics.add("aisix_worker_exits_total", how)
        now = time.monotonic()
        failed = was_starting and self._rolling and worker.generation == self._generation
        if failed and self._give_up_roll(how):
            return
        self._young = self._young + 1 if now - worker.began < YOUNG else 0
        pause = min(FIRST_PAUSE * 2 ** (self._young - 1), LONGEST_PAUSE) if self._young else 0.0
        self._not_before = now + pause
        then = f"starting another in {pause:g} s" if pause else "starting another"
        log.error("worker %d crashed (%s); %s", worker.pid, how, then)

    def _give_up_roll(self, how: str) -> bool:
        """Whether the old workers stay, because no new one works."""
        olds = [w for w in self._workers.values() if w.generation != self._generation]
        news = [w for w in self._workers.values() if w.generation == self._generation]
        serving = [worker for worker in olds if worker.end_by is None and worker.slot is not None]
        if not serving or any(worker.ready for worker in news):
            return False
        log.error("a worker with the new settings ended (%s): the old ones stay", how)
        self._metrics.add("aisix_reloads_total", "settings", "failed")
        for worker in news:
            self._end(worker)
        self._plan = self._before
        self._generation = max(worker.generation for worker in serving)
        self._rolling = False
        self._ready()
        return True

    def _look(self, worker: Worker, now: float) -> None:
        if worker.end_by is not None and now > worker.end_by:
            log.error("worker %d does not end: killing it", worker.pid)
            worker.end_by = now + STOP_SECS
            self._signal(worker, signal.SIGKILL)
        if worker.slot is None:
            return
        silent = now - worker.slot.beat
        if worker.aborted is not None:
            if now - worker.aborted > ABORT_SECS:
                self._signal(worker, signal.SIGKILL)
        elif silent > self._plan.silence_secs:
            log.error("worker %d has been stuck for %d s: ending it", worker.pid, silent)
            worker.aborted = now
            self._signal(worker, signal.SIGABRT)  # faulthandler writes down where it is

    def _end(self, worker: Worker) -> None:
        if worker.end_by is None:
            worker.end_by = time.monotonic() + self._plan.drain_secs + STOP_SECS
            self._signal(worker, signal.SIGTERM)

    def _signal(self, worker: Worker, number: int) -> None:
        try:
            os.kill(worker.pid, number)
        except ProcessLookupError:
            return  # it has ended; _reap will tell

    # ------------------------------------------------------------------ systemd
    def _ready(self) -> None:
        self._notifier.tell("READY=1", f"STATUS=serving with {self._plan.count} workers")

    def _comfort(self, now: float) -> None:
        every = self._notifier.watchdog_secs
        if every is None or now - self._told < every / 3:
            return
        slots = [w.slot for w in self._workers.values() if w.slot is not None]
        if not slots or any(now - slot.beat < every for slot in slots):
            self._told = now
            self._notifier.tell("WATCHDOG=1")

    def _turn(self) -> float:
        wait = SOON if self._held else TURN
        if self._notifier.watchdog_secs is not None:
            wait = min(wait, self._notifier.watchdog_secs / 3)
        if not self._stopping:
            left = self._not_before - time.monotonic()
            if left > 0:
                wait = min(wait, left)
        return max(wait, 0.01)


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
