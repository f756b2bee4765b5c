"""A child process beside the workers, that the parent keeps alive: the follower of etcd.

    companion = Companion(lambda: follow(settings))
    companion.tend(now); companion.ended(pid, status); companion.restart(); companion.stop()

It is started again when it ends, after a pause that doubles while it dies young.

Must never know: what the child does.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Collection

from aisix import log
from aisix.errors import OperatorError

YOUNG, FIRST_PAUSE, LONGEST_PAUSE = 10.0, 0.5, 30.0  # seconds
SUCCEEDED = signal.SIGUSR1  # tells a child to end and leave what its successor takes over
STOP_SECS = 3.0  # to end by itself when told


class Companion:
    """`work`: the child's whole life; its exit code. about: what it was made for, to
    be compared; `name` is for the log."""

    def __init__(
        self, work: Callable[[], int], about: object = None, name: str = "follower of etcd"
    ) -> None:
        self.work, self.about = work, about
        self._name = name
        self.pid: int | None = None
        self._began = self._not_before = 0.0
        self._young = 0
        self._wanted_end = False

    def tend(self, now: float, signals: Collection[int]) -> None:
        """Start it if it is not there; `signals`: those the parent blocks."""
        if self.pid is not None or now < self._not_before:
            return
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            pid = os.fork()
        except OSError as error:
            self._not_before = now + LONGEST_PAUSE
            log.error("the system lets us start no %s (%s)", self._name, error.strerror)
            return
        if not pid:
            self._be(signals)
        self.pid, self._began, self._wanted_end = pid, now, False

    def _be(self, signals: Collection[int]) -> None:
        code = 1
        try:
            for number in signals:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
            code = self.work()
        except OperatorError as error:
            for complaint in error.complaints:
                log.error("%s cannot start: %s", self._name, complaint)
        except BaseException as error:
            log.bug("-", error)
        finally:
            os._exit(code)

    def ended(self, pid: int, status: int) -> bool:
        """Whether this was ours; it is started again in a moment."""
        if pid != self.pid:
            return False
        self.pid, now = None, time.monotonic()
        if self._wanted_end:
            self._not_before = 0.0
            return True
        self._young = self._young + 1 if now - self._began < YOUNG else 0
        pause = min(FIRST_PAUSE * 2 ** (self._young - 1), LONGEST_PAUSE) if self._young else 0.0
        self._not_before = now + pause
        log.error("the %s ended (status %d); starting another in %g s", self._name, status, pause)
        return True

    def restart(self, succeeded: bool = True) -> None:
        """With what `work` is now. succeeded: it takes over what the one of now leaves."""
        self._wanted_end = True
        self._signal(SUCCEEDED if succeeded else signal.SIGTERM)

    def stop(self, succeeded: bool = False) -> None:
        """Comes back when it is gone. succeeded: another of its kind comes after it."""
        if self.pid is None:
            return
        self._wanted_end = True
        self._signal(SUCCEEDED if succeeded else signal.SIGTERM)
        end = time.monotonic() + STOP_SECS
        while True:
            try:
                pid, _ = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                break
            if pid:
                break
            if time.monotonic() > end:
                self._signal(signal.SIGKILL)
            time.sleep(0.01)
        self.pid = None

    def _signal(self, number: int) -> None:
        if self.pid is not None:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return
