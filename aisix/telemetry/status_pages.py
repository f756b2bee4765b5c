"""What became of the configuration and how the models are, beside the metrics: /status/*.

    /status/config   JSON: what was read, what of it serves, what was refused
    /status/ready    200 `ok` once there has been a configuration, else 503
    /status/models   JSON: every alias, and whether it is healthy

No key is asked for, as with the metrics. Must never know: where any of it comes from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aisix.telemetry.metrics_listener import MetricsListenerHandler

NOT_READY = "no configuration available"
JSON, TEXT = "application/json", "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class StatusPages:
    """What is asked for each page, when somebody asks; config and models are JSON."""

    config: Callable[[], bytes]
    ready: Callable[[], bool]
    models: Callable[[], bytes]


class StatusPage(MetricsListenerHandler):
    """What the three share."""

    pages: StatusPages

    def initialize(self, **more: Any) -> None:
        self.pages = more.pop("pages")
        super().initialize(**more)

    def show(self, body: bytes, status: int = 200, kind: str = JSON) -> None:
        self.set_status(status)
        self.set_header("Content-Type", kind)
        self.set_header("Cache-Control", "no-store")
        self.finish(body)


class ConfigPage(StatusPage):
    def get(self) -> None:
        self.show(self.pages.config())

    head = get


class ReadyPage(StatusPage):
    def get(self) -> None:
        ready = self.pages.ready()
        text = b"ok" if ready else NOT_READY.encode()
        self.show(text, 200 if ready else 503, TEXT)

    head = get


class ModelsPage(StatusPage):
    def get(self) -> None:
        self.show(self.pages.models())

    head = get


STATUS_PAGES: dict[str, type[StatusPage]] = {
    "/status/config": ConfigPage,
    "/status/ready": ReadyPage,
    "/status/models": ModelsPage,
}
