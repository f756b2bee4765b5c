"""The metrics listener: the metrics and /status/*, of the whole gateway, by any of its workers.

No key is asked for, so it listens where only the monitoring comes: 127.0.0.1 unless told otherwise.
What a page holds beside the counters (processes, versions) is looked up when it is asked for.

Must never know: what a request is.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tornado.web import Application

from aisix.listener.application import Handlers, ListenerApplication, ListenerHandler
from aisix.listener.hosts import Hosts
from aisix.telemetry.metrics_listener import MetricsListenerHandler
from aisix.telemetry.page import CONTENT_TYPE, page
from aisix.telemetry.status_pages import STATUS_PAGES, StatusPages
from aisix.workers.scoreboard import DRAINING, READY, STARTING, Scoreboard

STATES = {STARTING: "starting", READY: "ready", DRAINING: "draining"}
TICKS = os.sysconf("SC_CLK_TCK")
PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")

Made = dict[tuple[str, ...], float]
Facts = Callable[[], Mapping[tuple[str, ...], float]]
Shown = Callable[[Scoreboard, Mapping[tuple[str, ...], float]], bytes]


class MetricsHandler(MetricsListenerHandler):
    """The page."""

    def initialize(self, **more: Any) -> None:
        self.scoreboard: Scoreboard = more.pop("scoreboard")
        self.facts: Facts = more.pop("facts")
        self.shown: Shown = more.pop("shown")
        self.turn: asyncio.Lock = more.pop("turn")
        super().initialize(**more)

    async def get(self) -> None:
        self.set_header("Content-Type", CONTENT_TYPE)
        made = {**processes(self.scoreboard), **self.facts()}
        async with self.turn:  # a page may have tens of thousands of lines: one at a time
            text = await asyncio.to_thread(self.shown, self.scoreboard, made)
        if not self.left:
            self.finish(text)

    head = get


class NothingHandler(ListenerHandler):
    def initialize(self, path: str) -> None:
        self.path_of_metrics = path

    def prepare(self) -> None:
        self.set_status(404)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"The metrics are at {self.path_of_metrics}.\n")


def make_metrics_app(
    scoreboard: Scoreboard,
    facts: Facts = dict,
    hosts: Hosts | None = None,
    path: str = "/metrics",
    pages: StatusPages | None = None,
    shown: Shown = page,
) -> Application:
    """The Application; facts(): more values of now, by (name, *labels); hosts: under which names it
    answers (None: any); path: of the metrics; pages: what is beside them; shown:
    makes the page."""
    mine: dict[str, Any] = {"scoreboard": scoreboard, "facts": facts, "hosts": hosts}
    mine |= {"shown": shown, "turn": asyncio.Lock()}
    handlers: Handlers = {path: (MetricsHandler, mine)}
    for name, kind in STATUS_PAGES.items() if pages is not None else ():
        handlers[name] = (kind, {"pages": pages, "hosts": hosts})
    return ListenerApplication(
        handlers,
        [],
        default_handler_class=NothingHandler,
        default_handler_args={"path": path},
        log_function=lambda handler: None,
    )


def processes(scoreboard: Scoreboard) -> Made:
    """How many workers there are, and what each takes; where there is no /proc only the first."""
    made: Made = {("aisix_workers", state): 0.0 for state in STATES.values()}
    for slot in scoreboard.living():
        if slot.number == 0:
            continue
        made[("aisix_workers", STATES[slot.state])] += 1
        worker = str(slot.number)
        with suppress(OSError, ValueError, IndexError):  # it has ended since, or no /proc
            folder = Path(f"/proc/{slot.pid}")
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            made["aisix_process_cpu_seconds_total", worker] = (
                int(fields[11]) + int(fields[12])
            ) / TICKS
            made["aisix_process_memory_bytes", worker] = float(int(fields[21]) * PAGE_SIZE)
            made["aisix_process_open_files", worker] = float(len(os.listdir(folder / "fd")))
    return made
