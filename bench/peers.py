"""Whom we are measured against, how each is installed by name, and how it is started.

    for peer in PEERS: why = peer.install(folder)     # "" when it is there, else why it cannot be
    running = peer.start(folder, upstream_port)       # a Running: pid, port, path, headers, model

Each peer has a folder of its own below `bench/.peers`. It gets a caller key and the provider's key,
one worker, and no database; whatever would slow it down without need (rate limits, debug logs) is
off. Versions are pinned: a figure is about one version.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench.scenarios import ALIAS

ROOT = Path(__file__).resolve().parent.parent
CALLER_KEY = "sk-bench-caller-key-0001"
ADMIN_KEY = "bench-admin-key-0001"
PROVIDER_KEY = "sk-ant-bench-0001"
BEARER = {"authorization": f"Bearer {CALLER_KEY}"}
CORE = 0  # where gateways run; the load and the stand-in have the other one

LITELLM, FERROGW, PORTKEY = "1.109.1", "1.5.10", "1.15.2"
NODE_SERVER = "1.13.8"  # Portkey's own range resolves to a version its streams fail with


@dataclass
class Running:
    """A gateway under way."""

    process: subprocess.Popen[bytes]
    port: int
    path: str = "/v1/chat/completions"
    headers: dict[str, str] = field(default_factory=lambda: dict(BEARER))
    model: str = ALIAS
    cold_start: float = 0.0  # seconds from the start to the first right answer
    also: list[int] = field(default_factory=list)

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass(frozen=True)
class Peer:
    name: str
    version: str
    install: Callable[[Path], str]
    start: Callable[[Path, int], Running]
    translates: bool = True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def spawn(
    command: list[str], folder: Path, env: dict[str, str] | None = None, core: int = CORE
) -> subprocess.Popen[bytes]:
    """The command on one core, its output in `folder`/log."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8"}
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env={**kept, "PYTHONPATH": str(ROOT), **(env or {})},
            stdout=log,
            stderr=log,
            preexec_fn=lambda: os.sched_setaffinity(0, {core % (os.cpu_count() or 1)}),
        )


def ready(running: Running, began: float, limit: float = 90) -> Running:
    """Asks until there is a right answer, and says how long that took from the start."""
    body = {"model": running.model, "max_tokens": 10}
    body["messages"] = [{"role": "user", "content": "bench:json"}]
    said: object = None
    while time.perf_counter() - began < limit:
        if running.process.poll() is not None:
            raise RuntimeError(f"ended with {running.process.returncode}")
        try:
            connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
            headers = {"content-type": "application/json", **running.headers}
            connection.request("POST", running.path, json.dumps(body), headers)
            answer = connection.getresponse()
            said = answer.status, answer.read()[:300]
            connection.close()
            if answer.status == 200:
                running.cold_start = time.perf_counter() - began
                return running
        except OSError as error:
            said = error
        time.sleep(0.005)
    running.stop()
    raise RuntimeError(f"no answer in {limit} s: {said!r}")


def run(command: list[str], log: Path) -> int:
    with log.open("ab") as out:
        return subprocess.run(command, stdout=out, stderr=out, check=False, timeout=900).returncode


# ---------------------------------------------------------------- aisix
def on_python(python: str) -> Peer:
    """aisix again, run by another interpreter: one that has its libraries."""
    code = "import sys, aisix.cli.main; print(sys.version.split()[0])"
    command = [python, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{python} cannot run aisix: {done.stderr.strip()[-300:]}")
    name = f"aisix, Python {done.stdout.strip()}"
    return Peer(name, "", nothing, partial(start_aisix, python=python))


def start_aisix(
    folder: Path,
    upstream: int,
    more: str = "",
    python: str = sys.executable,
    of_key: Mapping[str, int] | None = None,
    of_model: Mapping[str, int] | None = None,
) -> Running:
    """As an operator would: a settings file, then the three admin calls. One worker. `of_key`,
    `of_model`: rate limits."""
    shutil.rmtree(folder / "data", ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    port, admin = free_port(), free_port()
    config = folder / "config.yaml"
    config.write_text(
        f'proxy:\n  addr: "127.0.0.1:{port}"\nadmin:\n  addr: "127.0.0.1:{admin}"\n'
        f'  admin_keys: ["{ADMIN_KEY}"]\ndata_dir: "{folder / "data"}"\nworkers: 1\n{more}'
    )
    began = time.perf_counter()
    process = spawn([python, "-m", "aisix", "serve", "--config", str(config)], folder)
    running = Running(process, port)
    _admin(admin, "provider_keys", {
        "display_name": "bench", "provider": "anthropic", "adapter": "anthropic",
        "secret": PROVIDER_KEY, "api_base": f"http://127.0.0.1:{upstream}",
    }, process)  # fmt: skip
    model = {"display_name": ALIAS, "provider": "anthropic", "model_name": ALIAS}
    limits = {"rate_limit": dict(of_model)} if of_model else {}
    _admin(admin, "models", {**model, "provider_key": "bench", **limits}, process)
    digest = hashlib.sha256(CALLER_KEY.encode()).hexdigest()
    limits = {"rate_limit": dict(of_key)} if of_key else {}
    _admin(admin, "apikeys", {"key_hash": digest, "allowed_models": [ALIAS], **limits}, process)
    return ready(running, began)


def _admin(port: int, kind: str, body: dict[str, object], process: subprocess.Popen[bytes]) -> None:
    for _ in range(2000):
        if process.poll() is not None:
            raise RuntimeError(f"ended with {process.returncode}")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            headers = {"authorization": f"Bearer {ADMIN_KEY}"}
            connection.request("POST", f"/admin/v1/{kind}", json.dumps(body), headers)
            answer = connection.getresponse()
            if answer.status != 201:
                raise RuntimeError(f"{kind}: {answer.status} {answer.read()!r}")
            return
        except OSError:
            time.sleep(0.005)
        finally:
            connection.close()
    raise RuntimeError("the admin API did not come up")


# ---------------------------------------------------------------- the floor
def start_floor(kind: str) -> Callable[[Path, int], Running]:
    def start(folder: Path, upstream: int) -> Running:
        port = free_port()
        began = time.perf_counter()
        target = f"http://127.0.0.1:{upstream}"
        command = [sys.executable, "-m", "bench.floor", kind, str(port), target]
        return ready(Running(spawn(command, folder), port, "/v1/messages"), began)

    return start


# ---------------------------------------------------------------- LiteLLM
def install_litellm(folder: Path) -> str:
    """Where two exact pins of `litellm[proxy]` cannot be had, those two are loosened."""
    if (folder / "bin/litellm").exists():
        return ""
    pip, log = [str(folder / "bin/pip"), "install", "--quiet"], folder / "install.log"
    if run([sys.executable, "-m", "venv", str(folder)], folder.with_suffix(".log")):
        return "no virtual environment"
    if not run([*pip, f"litellm[proxy]=={LITELLM}"], log):
        return ""
    script = (
        "from importlib.metadata import requires\n"
        "from pip._vendor.packaging.requirements import Requirement as R\n"
        "for r in map(R, requires('litellm')):\n"
        "    if r.marker is None or r.marker.evaluate({'extra': 'proxy'}):\n"
        "        pin = '' if r.name in ('litellm-proxy-extras', 'certifi') else str(r.specifier)\n"
        "        print(r.name + (f\"[{','.join(r.extras)}]\" if r.extras else '') + pin)\n"
    )
    if run([*pip, "--no-deps", f"litellm=={LITELLM}"], log):
        return f"pip could not install litellm {LITELLM}"
    wanted = subprocess.run(
        [str(folder / "bin/python"), "-c", script], capture_output=True, text=True, check=True
    ).stdout
    (folder / "wanted.txt").write_text(wanted)
    if run([*pip, "-r", str(folder / "wanted.txt")], log):
        return "pip could not install what litellm[proxy] needs"
    return ""


def start_litellm(folder: Path, upstream: int) -> Running:
    port = free_port()
    config = folder / "config.yaml"
    config.write_text(
        f"model_list:\n  - model_name: {ALIAS}\n    litellm_params:\n"
        f"      model: anthropic/{ALIAS}\n      api_base: http://127.0.0.1:{upstream}\n"
        f"      api_key: {PROVIDER_KEY}\n"
        f"general_settings:\n  master_key: {CALLER_KEY}\n"
        "litellm_settings:\n  telemetry: false\n"
    )
    command = [str(folder / "bin/litellm"), "--config", str(config), "--host", "127.0.0.1"]
    began = time.perf_counter()
    env = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "PYTHONPATH": ""}
    process = spawn([*command, "--port", str(port), "--num_workers", "1"], folder, env)
    return ready(Running(process, port), began, 150)


# ---------------------------------------------------------------- ferrogw
def install_ferrogw(folder: Path) -> str:
    if (folder / "bin/ferrogw").exists():
        return ""
    if run([sys.executable, "-m", "venv", str(folder)], folder.with_suffix(".log")):
        return "no virtual environment"
    pip = [str(folder / "bin/pip"), "install", "--quiet", f"ferrogw=={FERROGW}"]
    return f"pip could not install ferrogw {FERROGW}" if run(pip, folder / "install.log") else ""


def start_ferrogw(folder: Path, upstream: int) -> Running:
    port = free_port()
    config = folder / "config.yaml"
    config.write_text("strategy:\n  mode: fallback\ntargets:\n  - virtual_key: anthropic\n")
    env = {
        "GATEWAY_CONFIG": str(config),
        "MASTER_KEY": CALLER_KEY,
        "ANTHROPIC_API_KEY": PROVIDER_KEY,
        "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{upstream}",
        "PORT": str(port),
        "RATE_LIMIT_RPS": "1000000",
        "RATE_LIMIT_BURST": "1000000",
        "LOG_LEVEL": "error",
        "GOMAXPROCS": "1",  # it has one core, like the others
    }
    began = time.perf_counter()
    return ready(Running(spawn([str(folder / "bin/ferrogw"), "serve"], folder, env), port), began)


# ---------------------------------------------------------------- Portkey
def install_portkey(folder: Path) -> str:
    server = folder / "node_modules/@portkey-ai/gateway/build/start-server.js"
    if server.exists():
        return ""
    if shutil.which("npm") is None:
        return "npm is not installed"
    folder.mkdir(parents=True, exist_ok=True)
    package = {
        "dependencies": {"@portkey-ai/gateway": PORTKEY},
        "overrides": {"@hono/node-server": NODE_SERVER},
    }
    (folder / "package.json").write_text(json.dumps(package))
    npm = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--silent"]
    failed = run(npm, folder / "install.log") or not server.exists()
    return f"npm could not install @portkey-ai/gateway {PORTKEY}" if failed else ""


def start_portkey(folder: Path, upstream: int) -> Running:
    port = free_port()
    server = folder / "node_modules/@portkey-ai/gateway/build/start-server.js"
    began = time.perf_counter()
    env = {"TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost", "NODE_ENV": "production"}
    process = spawn(["node", str(server), f"--port={port}", "--headless"], folder, env)
    headers = {
        "authorization": f"Bearer {PROVIDER_KEY}",
        "x-portkey-provider": "anthropic",
        "x-portkey-custom-host": f"http://127.0.0.1:{upstream}/v1",
    }
    return ready(Running(process, port, headers=headers), began)


def nothing(folder: Path) -> str:
    return ""


PEERS = (
    Peer("aisix", "", nothing, start_aisix),
    Peer("floor (tornado)", "", nothing, start_floor("tornado"), translates=False),
    Peer("floor (driver)", "", nothing, start_floor("driver"), translates=False),
    Peer("ferrogw", FERROGW, install_ferrogw, start_ferrogw),
    Peer("LiteLLM", LITELLM, install_litellm, start_litellm),
    Peer("Portkey", PORTKEY, install_portkey, start_portkey),
)
