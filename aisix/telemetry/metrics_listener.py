"""What the pages of the metrics listener share: under which names they answer.

Must never know: what is on a page.
"""

from __future__ import annotations

from typing import Any

from aisix.listener.application import ListenerHandler
from aisix.listener.hosts import Hosts


class MetricsListenerHandler(ListenerHandler):
    """hosts: under which names it is asked; None: any."""

    hosts: Hosts | None = None

    def initialize(self, **more: Any) -> None:
        self.hosts = more.pop("hosts")

    def prepare(self) -> None:
        # Bound beyond loopback it is open to who can reach it, under whatever name.
        hosts = self.hosts
        if hosts and not hosts.beyond and not hosts.allows(self.request.headers.get("Host")):
            self.set_status(421)
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.finish("Not under this Host: ask by the address, or see admin.allowed_hosts.\n")
