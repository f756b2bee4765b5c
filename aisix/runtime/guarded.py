"""What runs beside the requests, and goes on whatever happens to it.

    guard = Guard(metrics)
    guard.task("store.poll", poll)       a task of the loop: poll() is begun anew when it raises
    guard.step("supervisor", tend)       one step of a loop of our own

Whatever is raised is a mistake of ours: it is logged as one, with its place, counted in
`aisix_task_failures_total`, and what raised goes on after a pause. The pause is doubled with each
failure in a row; so nothing dies silently, and nothing that cannot work fills the log.

Must never know: what the tasks do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aisix import log
from aisix.telemetry.metrics import Metrics

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # s
WELL_SECS = 60.0  # what has run so long without failing begins with the first pause again


class Guard:
    """One per process; `metrics` is where failures are counted."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._in_a_row: dict[str, tuple[int, float]] = {}

    def task(
        self, name: str, run: Callable[[], Awaitable[None]], longest: float = LONGEST_PAUSE
    ) -> asyncio.Task[None]:
        """Run it on the loop until it returns or is cancelled; at most `longest` s are paused."""
        return asyncio.get_running_loop().create_task(self._run(name, run, longest))

    async def _run(self, name: str, run: Callable[[], Awaitable[None]], longest: float) -> None:
        while True:
            try:
                return await run()
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                pause = self.failed(name, error, longest)  # a stray one: nobody wants us to end
            except Exception as error:
                pause = self.failed(name, error, longest)
            await asyncio.sleep(pause)

    def step(self, name: str, run: Callable[..., None], *args: Any) -> float:
        """Do it now; 0.0, or when it raised the seconds to wait before it is done again."""
        try:
            run(*args)
        except Exception as error:
            return self.failed(name, error, LONGEST_PAUSE)
        return 0.0

    def failed(self, name: str, error: BaseException, longest: float = LONGEST_PAUSE) -> float:
        """Tell of it; the pause that is due now."""
        now = time.monotonic()
        count, last = self._in_a_row.get(name, (0, 0.0))
        count = count + 1 if now - last < WELL_SECS else 1
        self._in_a_row[name] = count, now
        pause = min(FIRST_PAUSE * 2.0 ** min(count - 1, 16), longest)
        self._metrics.add("aisix_task_failures_total", name)
        log.error("bug in the task %s, which goes on in %g s: %s", name, pause, log.place(error))
        return pause

    def of_loop(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """The loop's exception handler: what was raised where nobody could catch it."""
        self._metrics.add("aisix_task_failures_total", "event loop")
        log.of_loop(loop, context)
