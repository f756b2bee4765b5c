"""The real servers, as children of a test: etcd and Redis, each with a folder and ports of its own.

    with Etcd(tmp_path) as etcd:                    # members=3, tls=Authority(...), auth=True
        etcd.put("/aisix/models/a", b"{}")
        etcd.members[0].stop()                      # SIGSTOP; kill(), cont(), restart()
    with Redis(tmp_path, password="...") as redis:
        redis.call("PING")

They come with Debian: INSTALL. Without them a test is skipped, and with AISIX_REQUIRE_SERVERS=1,
which CI sets, it fails.
"""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.authority import Authority
from tests.leftovers import end_with_us
from tests.running import free_port, send

INSTALL = (
    "apt-get install -y --no-install-recommends etcd-server etcd-client redis-server haproxy nginx"
)
SYSTEM = "/usr/local/sbin:/usr/sbin:/sbin"  # not in everybody's PATH
READY_SECONDS = 40.0  # many times what a stalled machine takes
STARTS = 5  # a port may be taken between the look and the start
ROOT_PASSWORD = "root-of-the-tests"
USER, PASSWORD = "aisix", "p-of:the tests"


def program(name: str) -> str:
    """Where a server is; the test is skipped without it, or fails where it must not be."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), SYSTEM]))
    if found is None:
        text = f"{name} is not installed: {INSTALL}"
        if os.environ.get("AISIX_REQUIRE_SERVERS") == "1":
            pytest.fail(text)
        pytest.skip(text)
    return found


class Child:
    """One server process. `command(port)` names its arguments; `ready()` whether it answers.

    The port stays the same from start to start, once it was had.
    """

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.log = folder / "out.log"
        self._program = program(name)
        self._process: subprocess.Popen[bytes] | None = None

    def arguments(self) -> Sequence[str]:
        raise NotImplementedError

    def ready(self) -> bool:
        raise NotImplementedError

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, *, wait: bool = True) -> None:
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                [self._program, *self.arguments()],
                cwd=self.folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                start_new_session=True,
                env={k: v for k, v in os.environ.items() if not k.startswith("ETCD_")},
            )  # fmt: skip
        end_with_us(self._process.pid)
        if wait:
            self.wait()

    def wait(self) -> None:
        """Comes back when it answers; ClashError when it ended instead, as on a taken port."""
        end = time.monotonic() + READY_SECONDS
        while not self.ready():
            if not self.alive:
                raise ClashError(self.log.read_text(errors="replace")[-2000:])
            assert time.monotonic() < end, self.log.read_text(errors="replace")[-2000:]
            time.sleep(0.01)

    def kill(self) -> None:
        """kill -9; comes back when it is gone."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def stop(self) -> None:
        """SIGSTOP: connections stay open, nobody answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def cont(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def restart(self, *, wait: bool = True) -> None:
        """Killed, if it is still there, and started with what it has on its disk."""
        self.kill()
        self.start(wait=wait)


class ClashError(Exception):
    """A server ended instead of starting."""


def started(make: Callable[[], Any]) -> Any:
    """What `make` starts, tried again when another program was faster on a port."""
    for _ in range(STARTS - 1):
        with contextlib.suppress(ClashError):
            return make()
    return make()


class Member(Child):
    """One etcd process of a cluster; `url` is what a client is told."""

    def __init__(self, folder: Path, name: str, tls: Authority | None) -> None:
        super().__init__(folder, "etcd")
        self.name = name
        self.port, self.peer_port = free_port(), free_port()
        self.tls = tls
        self.context = tls.trusted() if tls else None
        self._tls = self._certified(tls) if tls else []
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.peer_url = f"http://127.0.0.1:{self.peer_port}"
        self.cluster = ""  # of all: "m0=http://...,m1=..."
        self.more: tuple[str, ...] = ()

    def _certified(self, tls: Authority) -> list[str]:
        """With a certificate that shows who we are too, where etcd asks for that."""
        cert = tls.folder / "etcd.pem"
        if not cert.exists():
            tls.sign("etcd", common_name=False)
        key = cert.with_suffix(".key")
        assert self.context is not None
        self.context.load_cert_chain(cert, key)
        return [f"--cert-file={cert}", f"--key-file={key}"]

    def arguments(self) -> Sequence[str]:
        return [
            *(f"--name={self.name}", f"--data-dir={self.folder / 'data'}"),
            *(f"--listen-client-urls={self.url}", f"--advertise-client-urls={self.url}"),
            f"--listen-peer-urls={self.peer_url}",
            f"--initial-advertise-peer-urls={self.peer_url}",
            *(f"--initial-cluster={self.cluster}", "--initial-cluster-state=new"),
            *("--heartbeat-interval=20", "--election-timeout=200", "--logger=zap"),
            *(*self._tls, *self.more),
        ]

    def ready(self) -> bool:
        with contextlib.suppress(OSError, ValueError):
            answer = send(self.port, "GET", "/health", tls=self.context, timeout=2)
            return answer.json.get("health") in ("true", True)
        return False

    def post(
        self, path: str, body: dict[str, Any], token: str | None = None, timeout: float = 60
    ) -> Any:
        """One call of the gateway; AssertionError with its words when it is refused."""
        headers = {"Authorization": token} if token else {}
        answer = send(self.port, "POST", path, body, headers, timeout, tls=self.context)
        assert answer.status == 200, f"{path}: {answer.status} {answer.body!r}"
        return answer.json


class Etcd:
    """A cluster of one or three members. auth: root, and USER with PASSWORD, who may do all under
    the prefixes a test uses. more: further arguments of each member."""

    def __init__(
        self,
        folder: Path,
        members: int = 1,
        tls: Authority | None = None,
        auth: bool = False,
        more: tuple[str, ...] = (),
    ) -> None:
        program("etcd")
        self._folder, self._count, self._tls, self._auth = folder, members, tls, auth
        self._more = more
        self._tries = 0
        self.members: list[Member] = []
        self.token: str | None = None

    def __enter__(self) -> Etcd:
        started(self._start)
        if self._auth:
            self._ask_for_names()
        return self

    def __exit__(self, *error: object) -> None:
        for member in self.members:
            if member.alive:
                member.cont()
            member.kill()

    def _start(self) -> None:
        self._tries += 1
        at = self._folder / f"etcd-{self._tries}"
        self.members = [Member(at / f"m{n}", f"m{n}", self._tls) for n in range(self._count)]
        cluster = ",".join(f"{one.name}={one.peer_url}" for one in self.members)
        try:
            for one in self.members:
                one.cluster, one.more = cluster, self._more
                one.start(wait=False)
            for one in self.members:
                one.wait()
        except BaseException:
            self.__exit__()
            raise

    def _ask_for_names(self) -> None:
        first = self.members[0]
        for name, password in (("root", ROOT_PASSWORD), (USER, PASSWORD)):
            first.post("/v3/auth/user/add", {"name": name, "password": password})
        for role in ("root", USER):
            first.post("/v3/auth/role/add", {"name": role})
        first.post("/v3/auth/user/grant", {"user": "root", "role": "root"})
        first.post("/v3/auth/user/grant", {"user": USER, "role": USER})
        for root in ("/aisix", "/x"):
            perm = {"permType": 2, "key": b64(root), "range_end": b64(after(root))}
            first.post("/v3/auth/role/grant", {"name": USER, "perm": perm})
        first.post("/v3/auth/enable", {})
        self.token = self.authenticate("root", ROOT_PASSWORD)

    def authenticate(self, name: str, password: str) -> str:
        body = {"name": name, "password": password}
        return str(self.members[0].post("/v3/auth/authenticate", body)["token"])

    @property
    def endpoints(self) -> list[str]:
        return [member.url for member in self.members]

    def leader(self) -> Member:
        """The member that leads now."""
        for member in self.members:
            with contextlib.suppress(OSError, AssertionError):
                told = member.post("/v3/maintenance/status", {}, self.token)
                if told.get("leader") == told["header"]["member_id"]:
                    return member
        raise AssertionError("no leader")

    def call(self, path: str, body: dict[str, Any]) -> Any:
        """One call at the first member that runs, as root."""
        member = next(one for one in self.members if one.alive)
        return member.post(path, body, self.token)

    def put(self, key: str, value: bytes) -> int:
        """Somebody else's write; the revision after it."""
        answer = self.call("/v3/kv/put", {"key": b64(key), "value": b64(value)})
        return int(answer["header"]["revision"])

    def get(self, key: str) -> bytes | None:
        found = self.call("/v3/kv/range", {"key": b64(key)}).get("kvs")
        return base64.b64decode(found[0].get("value", "")) if found else None

    def delete(self, key: str) -> int:
        """How many went."""
        return int(self.call("/v3/kv/deleterange", {"key": b64(key)}).get("deleted", "0"))

    def delete_all(self, prefix: str) -> int:
        body = {"key": b64(prefix), "range_end": b64(after(prefix))}
        return int(self.call("/v3/kv/deleterange", body).get("deleted", "0"))

    def all(self, prefix: str) -> dict[str, bytes]:
        """Every key that begins so."""
        body = {"key": b64(prefix), "range_end": b64(after(prefix))}
        found = self.call("/v3/kv/range", body).get("kvs", [])
        texts = ((base64.b64decode(kv["key"]), kv.get("value", "")) for kv in found)
        return {key.decode(): base64.b64decode(value) for key, value in texts}

    def revision(self) -> int:
        return int(self.call("/v3/kv/range", {"key": b64("x")})["header"]["revision"])

    def compact(self, revision: int) -> None:
        self.call("/v3/kv/compaction", {"revision": str(revision)})


def b64(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def after(prefix: str) -> bytes:
    """The end of the range of what begins so."""
    raw = prefix.encode()
    return raw[:-1] + bytes([raw[-1] + 1])


class Redis(Child):
    """One Redis, which keeps nothing on its disk. more: further arguments (`"--port", "0"`)."""

    def __init__(
        self, folder: Path, password: str | None = None, more: tuple[str, ...] = ()
    ) -> None:
        super().__init__(folder / "redis", "redis-server")
        self.password = password
        self.more = more
        self.port = 0

    def __enter__(self) -> Redis:
        started(self._start)
        return self

    def __exit__(self, *error: object) -> None:
        if self.alive:
            self.cont()
        self.kill()

    def _start(self) -> None:
        self.port = free_port()
        try:
            self.start()
        except BaseException:
            self.kill()
            raise

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def arguments(self) -> Sequence[str]:
        secret = ["--requirepass", self.password] if self.password else []
        return [
            *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)),
            *("--save", "", "--appendonly", "no", *secret, *self.more),
        ]

    def ready(self) -> bool:
        with contextlib.suppress(OSError, RuntimeError):
            return self.call("PING", timeout=2) == "PONG"
        return False

    def call(self, *words: str | bytes | int, timeout: float = 20) -> Any:
        """One command on a connection of its own; RuntimeError with what Redis says."""
        at = ("127.0.0.1", self.port)
        with socket.create_connection(at, timeout) as opened, opened.makefile("rb") as answers:
            if self.password:
                opened.sendall(_command("AUTH", self.password))
                _reply(answers)
            opened.sendall(_command(*words))
            return _reply(answers)


def _command(*words: str | bytes | int) -> bytes:
    raw = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(raw) + b"".join(b"$%d\r\n%s\r\n" % (len(one), one) for one in raw)


def _reply(answers: Any) -> Any:
    line = answers.readline()
    if not line:
        raise ConnectionError("Redis closed the connection")
    sign, text = line[:1], line[1:-2].decode()
    if sign == b"-":
        raise RuntimeError(text)
    if sign == b":":
        return int(text)
    if sign == b"$":
        return None if text == "-1" else answers.read(int(text) + 2)[:-2]
    if sign == b"*":
        return None if text == "-1" else [_reply(answers) for _ in range(int(text))]
    return text
