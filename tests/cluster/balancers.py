"""HAProxy and nginx with the files of docs/balancers: of those, only addresses are replaced, and
nginx is told to keep its own files in a folder of the test.

    with HAProxy(tmp_path, [a.proxy_port, b.proxy_port]) as balancer:
        callers ask balancer.port
"""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.cluster.servers import Child, started
from tests.running import ROOT, free_port, send

FILES = ROOT / "docs" / "balancers"
GATEWAYS = ("10.0.0.11:3000", "10.0.0.12:3000", "10.0.0.13:3000")  # in the files


class Balancer(Child):
    """In front of gateways at `ports`, as many as the files name."""

    file = ""
    listens = ""  # the line of the file that says where, once
    name = ""

    def __init__(self, folder: Path, ports: Sequence[int]) -> None:
        super().__init__(folder / self.name, self.name)
        assert len(ports) == len(GATEWAYS)
        self._ports = ports
        self.port = 0

    def __enter__(self) -> Balancer:
        started(self._start)
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    def _start(self) -> None:
        self.port = free_port()
        text = (FILES / self.file).read_text()
        for named, port in zip(GATEWAYS, self._ports, strict=True):
            assert text.count(named) == 1
            text = text.replace(named, f"127.0.0.1:{port}")
        assert len(re.findall(self.listens, text)) == 1
        here = f"127.0.0.1:{self.port}"
        text = re.sub(self.listens, lambda found: found[1] + here + found[2], text)
        (self.folder / self.file).write_text(self.at_home(text))
        try:
            self.start()
        except BaseException:
            self.end()
            raise

    def at_home(self, text: str) -> str:
        return text

    def ready(self) -> bool:
        """It listens, and its gateways answer it."""
        with contextlib.suppress(OSError):
            return send(self.port, "GET", "/readyz", timeout=5).status == 200
        return False

    def end(self) -> None:
        """Its workers too: both end them on SIGTERM, and wait for none."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()


class HAProxy(Balancer):
    name, file = "haproxy", "haproxy.cfg"
    listens = r"(?m)(^    bind )\S+(.*)$"

    def arguments(self) -> Sequence[str]:
        return ["-db", "-f", str(self.folder / self.file)]


class Nginx(Balancer):
    name, file = "nginx", "nginx.conf"
    listens = r"(?m)(^        listen )\d+(;)"

    def arguments(self) -> Sequence[str]:
        where = ["-p", str(self.folder), "-e", str(self.log), "-c", str(self.folder / self.file)]
        return [*where, "-g", f"daemon off; pid nginx.pid; error_log {self.log} notice;"]

    def at_home(self, text: str) -> str:
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        lines = "".join(f"    {kind}_temp_path {kind};\n" for kind in kinds)
        return text.replace("http {\n", f"http {{\n{lines}", 1)
