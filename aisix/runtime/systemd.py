"""What systemd is told of the service (`Type=notify`); without systemd every call does nothing.

    notifier = Notifier(os.environ); notifier.tell("READY=1")

The protocol is one datagram of lines to the socket named by NOTIFY_SOCKET (sd_notify(3)).

Must never know: what the service does.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping


class Notifier:
    """`watchdog_secs`: how often systemd wants to hear that we are not stuck; None: it does not."""

    def __init__(self, env: Mapping[str, str]) -> None:
        name = env.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self.watchdog_secs: float | None = None
        micro = env.get("WATCHDOG_USEC", "")
        ours = env.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        if self._address and ours and micro.isdigit() and int(micro):
            self.watchdog_secs = int(micro) / 1e6

    def tell(self, *lines: str) -> None:
        """Never raises: a systemd that does not listen is no reason to stop serving."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                out.connect(self._address)
                out.send("\n".join(lines).encode())
        except OSError:
            return  # nobody is there to be told

    def reloading(self) -> None:
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self.tell("RELOADING=1", f"MONOTONIC_USEC={now}", "STATUS=reloading")
