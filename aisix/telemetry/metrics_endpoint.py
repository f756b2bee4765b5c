"""The metrics listener's Application: GET /metrics, for the whole gateway, from any worker.

No key is asked for, so it listens where only the monitoring comes: 127.0.0.1 unless told otherwise.
What a page holds beside the counters (processes, versions) is looked up when it is asked for.

Must never know: what a request is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tornado.web import Application

from aisix.listener.application import ListenerApplication, ListenerHandler
from aisix.listener.hosts import Hosts
from aisix.telemetry.metrics import CONTENT_TYPE, page
from aisix.workers.scoreboard import DRAINING, READY, STARTING, Scoreboard

STATES = {STARTING: "starting", READY: "ready", DRAINING: "draining"}
TICKS = os.sysconf("SC_CLK_TCK")
PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")

Made = dict[tuple[str, ...], float]


class MetricsHandler(ListenerHandler):
    """The page."""

    def initialize(
        self,
        scoreboard: Scoreboard,
        facts: Callable[[], Mapping[tuple[str, ...], float]],
        hosts: Hosts | None,
    ) -> None:
        self.scoreboard = scoreboard
        self.facts = facts
        self.hosts = hosts

    def prepare(self) -> None:
        # Bound beyond loopback it is open to who can reach it, under whatever name.
        hosts = self.hosts
        if hosts and not hosts.beyond and not hosts.allows(self.request.headers.get("Host")):
            self.set_status(421)
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.finish("Not under this Host: ask by the address, or see admin.allowed_hosts.\n")

    def get(self) -> None:
        self.set_header("Content-Type", CONTENT_TYPE)
        self.finish(page(self.scoreboard, {**processes(self.scoreboard), **self.facts()}))

    head = get


class NothingHandler(ListenerHandler):
    def prepare(self) -> None:
        self.set_status(404)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish("The metrics are at /metrics.\n")


def make_metrics_app(
    scoreboard: Scoreboard,
    facts: Callable[[], Mapping[tuple[str, ...], float]] = dict,
    hosts: Hosts | None = None,
) -> Application:
    """The Application; facts(): more values of now, by (name, *labels); hosts: under which names it
    answers (None: any)."""
    mine: dict[str, Any] = {"scoreboard": scoreboard, "facts": facts, "hosts": hosts}
    return ListenerApplication(
        {"/metrics": (MetricsHandler, mine)},
        [],
        default_handler_class=NothingHandler,
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
