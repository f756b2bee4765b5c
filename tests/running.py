"""A gateway as users run it: its own process, its own data directory, real sockets.

with Running(tmp_path) as gateway:
    gateway.admin("POST", "models", {...})
    gateway.call({"model": ..., "messages": [...]})
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import itertools
import json
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.leftovers import end_with_us

ADMIN_KEY = "admin-key-of-the-tests"
CALLER_KEY = "sk-caller-of-the-tests"
ROOT = Path(__file__).resolve().parent.parent
BUG = re.compile(r"\bbug in |^Traceback|^\w*(Error|Exception|Warning)\b|\w+Warning: ")


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        return dict(self.json["error"])


# Below those the system gives to whoever asks for any port: nothing else comes to take one between
# this look and the gateway's start. Each process of tests begins somewhere else.
FIRST_PORT, MANY_PORTS = 10_000, 22_000
_turns = itertools.count(random.SystemRandom().randrange(MANY_PORTS))


def free_port() -> int:
    """One that nobody listens on, given only once."""
    for turn in _turns:
        port = FIRST_PORT + turn % MANY_PORTS
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError


def until(holds: Callable[[], object], what: str = "it never came to hold") -> None:
    """Comes back as soon as it holds. The patience is many times what a stalled machine takes."""
    end = time.monotonic() + 40
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.01)  # between two looks


def send(
    port: int,
    method: str,
    path: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
    timeout: float = 60,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    if tls is not None:
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=timeout, context=tls)
    raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    try:
        connection.request(method, path, raw, headers or {})
        answer = connection.getresponse()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, named, answer.read())
    finally:
        connection.close()


@dataclass
class Running:
    """A gateway process. `more` is laid over the config; `env` over an environment without AISIX_*."""

    folder: Path
    more: dict[str, Any] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    workers: int = 1
    tls: ssl.SSLContext | None = None  # both listeners speak TLS, and this trusts them
    program: tuple[str, ...] = ("aisix",)  # the module that runs, and its first arguments

    def __enter__(self) -> Running:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.proxy_port, self.admin_port, self.metrics_port = free_port(), free_port(), free_port()
        try:
            self.start()
        except BaseException:  # then nobody else ends it
            self.stop(signal.SIGKILL)
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def write_config(self) -> None:
        """`more` of now, for the next start or SIGHUP."""
        config = {
            "proxy": {"addr": f"127.0.0.1:{self.proxy_port}"},
            "admin": {"addr": f"127.0.0.1:{self.admin_port}", "admin_keys": [ADMIN_KEY]},
            "observability": {"metrics_addr": f"127.0.0.1:{self.metrics_port}"},
            "data_dir": str(self.folder / "data"),
            "workers": self.workers,
        }
        for name, value in self.more.items():
            if isinstance(value, dict):
                value = {**dict(config.get(name) or {}), **value}  # type: ignore[call-overload]
            config[name] = value
        (self.folder / "config.yaml").write_text(json.dumps(config))  # JSON is YAML

    def start(self) -> None:
        self.write_config()
        env = {k: v for k, v in os.environ.items() if not k.startswith("AISIX_")} | self.env
        self.out = open(self.folder / "out.log", "ab")  # noqa: SIM115
        self.err = open(self.folder / "err.log", "ab")  # noqa: SIM115
        config_file = str(self.folder / "config.yaml")
        command = [sys.executable, "-m", *self.program, "serve", "--config", config_file]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=self.out, stderr=self.err, start_new_session=True
        )
        end_with_us(self.process.pid)
        end = time.monotonic() + 90  # on a machine that is busy with other things
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"the gateway did not start:\n{self.log}")
            try:
                if send(self.proxy_port, "GET", "/livez", tls=self.tls).status == 200:
                    return
            except OSError:
                time.sleep(0.02)
        raise AssertionError(f"the gateway did not answer:\n{self.log}")

    def stop(self, number: int = signal.SIGTERM, wait: float = 15) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(wait)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        self.out.close()
        self.err.close()
        return self.process.returncode

    def restart(self) -> None:
        self.stop()
        self.start()

    @property
    def worker_pids(self) -> list[int]:
        """The processes that serve; `process` is their parent."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in children]

    @property
    def admin_workers(self) -> list[str]:
        """The state of each."""
        return [one["state"] for one in self.admin("GET", "status").json["workers"]]

    @property
    def log(self) -> str:
        return (self.folder / "err.log").read_text()

    @property
    def bugs(self) -> list[str]:
        """What the log tells of mistakes of the gateway's own."""
        return [line for line in self.log.split("\n") if BUG.search(line)]

    @property
    def audits(self) -> list[dict[str, Any]]:
        return audits_in(self.log)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The access lines so far."""
        text = (self.folder / "out.log").read_text()
        return [json.loads(line) for line in text.split("\n")[:-1]]  # the last may be half written

    def line(self, answer: Answer) -> dict[str, Any]:
        """The access line of a request; it is written after the answer has left."""
        wanted = answer.headers["x-request-id"]
        end = time.monotonic() + 10
        while time.monotonic() < end:
            for line in reversed(self.lines):
                if line["request_id"] == wanted:
                    return line
            time.sleep(0.01)
        raise AssertionError(f"no access line of {wanted}")

    def lines_of(self, request_id: str) -> list[dict[str, Any]]:
        """Every access line with this id, once there is one."""
        until(lambda: any(line["request_id"] == request_id for line in self.lines))
        return [line for line in self.lines if line["request_id"] == request_id]

    @property
    def memory(self) -> int:
        """Resident MiB of all workers."""
        pages = [Path(f"/proc/{pid}/statm").read_text().split()[1] for pid in self.worker_pids]
        assert pages, "no worker"
        return sum(map(int, pages)) * os.sysconf("SC_PAGE_SIZE") >> 20

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.proxy_port}/v1"

    def metrics(self) -> dict[str, float]:
        """The page of now: {'aisix_requests_total{route="models",...}': 1.0}."""
        text = send(self.metrics_port, "GET", "/metrics").body.decode()
        lines = [line for line in text.split("\n") if line and line[0] != "#"]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    # ------------------------------------------------------------------ admin
    def admin(
        self, method: str, path: str, body: Any = None, key: str = ADMIN_KEY, **headers: str
    ) -> Answer:
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers |= {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        return send(self.admin_port, method, f"/admin/v1/{path}", body, headers, tls=self.tls)

    def create(self, kind: str, body: dict[str, Any]) -> str:
        answer = self.admin("POST", kind, body)
        assert answer.status == 201, answer.body
        return str(answer.json["id"])

    def empty(self) -> None:
        """All that was created is deleted."""
        for kind in ("apikeys", "models", "provider_keys"):
            while items := self.admin("GET", kind).json["items"]:
                for item in items:
                    assert self.admin("DELETE", f"{kind}/{item['id']}").status == 200

    def set_up(self, upstream: str, models: dict[str, dict[str, Any]], **key: Any) -> str:
        """One provider key, some aliases, and the caller's key for all of them."""
        if self.workers > 1:  # one that begins later has not read what is there before
            until(lambda: self.admin_workers.count("ready") == self.workers, "not all are ready")
        provider = {"provider": "anthropic", "adapter": "anthropic"}
        secret = {"secret": "sk-ant-the-secret-of-the-provider", "api_base": upstream}
        names = {"display_name": key.pop("display_name", "anthropic-prod")}
        key_id = self.create("provider_keys", {**names, **provider, **secret, **key})
        for alias, model in models.items():
            more = {"display_name": alias, "provider": "anthropic", "provider_key_id": key_id}
            self.create("models", {**more, **model})
        return key_id

    def allow(self, *names: str, key: str = CALLER_KEY, **more: Any) -> str:
        digest = hashlib.sha256(key.encode()).hexdigest()
        return self.create("apikeys", {"key_hash": digest, "allowed_models": list(names), **more})

    # ------------------------------------------------------------------ callers
    def call(self, body: Any, key: str | None = CALLER_KEY, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named.setdefault("Content-Type", "application/json")
        if key is not None:
            named["Authorization"] = f"Bearer {key}"
        return send(self.proxy_port, "POST", "/v1/chat/completions", body, named, tls=self.tls)

    @contextlib.contextmanager
    def streaming(
        self, text: str, alias: str = "claude-prod", key: str = CALLER_KEY, **headers: str
    ) -> Iterator[http.client.HTTPResponse]:
        """The answer to one user turn, whose first bytes are there; at the end the caller leaves."""
        words = [{"role": "user", "content": text}]
        body = json.dumps({"model": alias, "stream": True, "messages": words})
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named |= {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy_port, timeout=30)
        connection.request("POST", "/v1/chat/completions", body, named)
        answer = connection.getresponse()
        try:
            assert answer.status == 200 and answer.peek(1)
            yield answer
        finally:
            answer.close()
            connection.close()

    def ask(self, text: str, alias: str = "claude-prod", **more: Any) -> Answer:
        """One user turn."""
        return self.call({"model": alias, "messages": [{"role": "user", "content": text}], **more})


def audits_in(text: str) -> list[dict[str, Any]]:
    """What a log tells of writes; its last line may be half written."""
    lines = [line.partition(" audit ")[2] for line in text.split("\n")[:-1]]
    return [json.loads(line) for line in lines if line]


def chunks(stream: bytes) -> Iterator[Any]:
    """The data of each frame; "[DONE]" as itself."""
    for frame in stream.decode().split("\n\n"):
        if frame.startswith("data: "):
            data = frame.removeprefix("data: ")
            yield data if data == "[DONE]" else json.loads(data)
