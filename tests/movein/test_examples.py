"""Example configurations of the original's operators: each starts, serves and says what it ignores."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import string
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aisix.standin.server import Standin
from tests.cluster.servers import Etcd
from tests.leftovers import end_with_us
from tests.running import ROOT, free_port, send, until
from tests.test_docs import WRITE

EXAMPLES = Path(__file__).parent / "examples"
CALLER = "caller-of-the-examples"
KEYS = {"ANTHROPIC_KEY": "sk-ant-1", "OPENAI_KEY": "sk-1", "CALLER_KEY": CALLER}
ASK = {"messages": [{"role": "user", "content": "hi"}]}
ALIASES = {  # that must answer
    "file": ("small",),
    "groups": ("small", "turns", "least-busy", "quickest", "cheapest", "same-place", "tiers"),
}


class Example:
    """One of them, filled in and placed in a folder of its own."""

    def __init__(self, name: str, folder: Path, etcd: Etcd, standin: Standin) -> None:
        self.name, self.folder, self.place = name, folder, EXAMPLES / name
        self.proxy, self.admin, self.metrics = free_port(), free_port(), free_port()
        prefix = f"/{folder.name}"
        self.values = {
            "HERE": str(folder),
            "EXAMPLES": str(EXAMPLES),
            "ETCD": etcd.endpoints[0],
            "PREFIX": prefix,
            "PROXY_PORT": str(self.proxy),
            "ADMIN_PORT": str(self.admin),
            "METRICS_PORT": str(self.metrics),
            "UPSTREAM": standin.url,
            "CALLER_HASH": hashlib.sha256(CALLER.encode()).hexdigest(),
        }
        self.env = {**KEYS, "UPSTREAM": standin.url}
        variables = self.place / "environment.json"
        if variables.exists():
            self.env |= json.loads(self.filled(variables))
        (folder / "config.yaml").write_text(self.filled(self.place / "config.yaml"))
        resources = self.place / "resources.yaml"
        if resources.exists():  # whose variables the gateway fills in
            (folder / "resources.yaml").write_text(resources.read_text())
        elif "etcd" in (folder / "config.yaml").read_text():
            documents = json.loads(self.filled(EXAMPLES / "etcd" / "documents.json"))
            for key, document in documents.items():
                etcd.put(f"{prefix}/{key}", json.dumps(document).encode())

    def filled(self, file: Path) -> str:
        return string.Template(file.read_text()).safe_substitute(self.values)

    @contextmanager
    def started(self) -> Iterator[None]:
        command = [sys.executable, "-m", "aisix", "--config", "config.yaml"]
        env = {k: v for k, v in os.environ.items() if not k.startswith("AISIX_")}
        env |= {"PYTHONPATH": str(ROOT), **self.env}
        with (self.folder / "log").open("wb") as out:
            process = subprocess.Popen(command, cwd=self.folder, env=env, stdout=out, stderr=out)
        end_with_us(process.pid)
        try:
            until(self.serves, (self.folder / "log").read_text)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0

    def serves(self) -> bool:
        try:
            return all(self.ask(alias) == 200 for alias in ALIASES.get(self.name, ("small",)))
        except OSError:
            return False

    def ask(self, alias: str) -> int:
        headers = {"authorization": f"Bearer {CALLER}"}
        body = {"model": alias, **ASK}
        return send(self.proxy, "POST", "/v1/chat/completions", body, headers).status

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = send(self.metrics, "GET", "/status/config").json
        return found


@pytest.mark.parametrize("name", sorted(one.name for one in EXAMPLES.iterdir() if one.is_dir()))
def test_it_starts_serves_and_reports(
    name: str, etcd: Etcd, standin: Standin, tmp_path: Path
) -> None:
    example = Example(name, tmp_path, etcd, standin)
    with example.started():
        status = example.status()
        if name == "file":
            assert (example.ask("later"), example.ask("nowhere")) == (503, 400)
        page = send(example.metrics, "GET", "/prom" if name == "everything" else "/metrics")
    said = {
        "state": status["state"],
        "moved_in": status["moved_in"],
        "partially_compatible": status["partially_compatible"],
        "rejected": [one["resource_id"] for one in status["rejected"]],
        "resource_counts": status["applied"]["resource_counts"],
    }
    assert b"aisix_proxy_requests_total" in page.body
    file = EXAMPLES / name / "expected.json"
    if WRITE:
        file.write_text(json.dumps(said, indent=2) + "\n")
    assert said == json.loads(file.read_text())
    log = (tmp_path / "log").read_text()
    assert not [secret for secret in (*KEYS.values(), "sk-ant-of-the-example") if secret in log]
