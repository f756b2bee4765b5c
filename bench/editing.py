"""How long one waits while editing tables: `python -m bench.editing`.

Checks as an operator runs them, each in a process of its own, and reloads of a gateway with two
workers. CPU seconds are what the operating system accounts to the process and hardly depend on what
else runs; the wall's are honest on a machine at rest only. Bounded: ROUNDS of each, some two
minutes. Nothing outside a temporary folder is written.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAIR = "openai-chat/anthropic-messages"
ROUNDS = 3
START_SECS = 60
ADMIN = "bench-admin-key-of-editing"

Figure = tuple[float, float]  # CPU seconds, wall seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    print(f"{'':44}{'CPU s':>8}{'wall s':>8}")
    with tempfile.TemporaryDirectory(prefix="aisix-editing-") as name:
        for title, figures in (*checks(Path(name), rounds), *reloads(Path(name), rounds)):
            cpu, wall = (statistics.median(column) for column in zip(*figures, strict=True))
            print(f"{title:44}{cpu:8.2f}{wall:8.2f}", flush=True)
    return 0


# ---------------------------------------------------------------- checks
def checks(home: Path, rounds: int) -> Iterator[tuple[str, list[Figure]]]:
    site, like, cache = home / "one", home / "like", home / "cache"

    def value(number: int) -> None:
        write(site / PAIR / "request.toml", f"[field.max_tokens]\ndefault = {5000 + number}\n")

    def check(*words: str) -> Figure:
        return timed([sys.executable, "-m", "aisix", "mappings", "check", *words], cache)

    def cold(_: int) -> Figure:
        shutil.rmtree(cache, ignore_errors=True)
        return check()

    def one(number: int) -> Figure:
        value(number)
        return check(str(site))

    def alike(number: int) -> Figure:
        text = f'format = 1\nlike = "anthropic-messages"\ntitle = "variant {number}"\n'
        write(like / "openai-chat/variant/mapping.toml", text)
        return check(str(like))

    yield "check of everything, nothing known", [cold(n) for n in range(min(rounds, 2))]
    yield "check of everything, once more", [check() for _ in range(rounds)]
    one(rounds)  # which cases reach what is found out once
    yield "check of one value, written anew", [one(n) for n in range(rounds)]
    yield "check of one value, once more", [check(str(site)) for _ in range(rounds)]
    yield "check of a `like` mapping", [alike(n) for n in range(rounds)]
    yield "check --all of one value", [check("--all", str(site))]


def timed(command: list[str], cache: Path) -> Figure:
    env = {**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONPATH": str(ROOT)}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=600)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


# ---------------------------------------------------------------- reloads
def reloads(home: Path, rounds: int) -> Iterator[tuple[str, list[Figure]]]:
    site, resources = home / "site", home / "resources.yaml"
    write(site / PAIR / "request.toml", "[field.max_tokens]\ndefault = 4000\n")
    resources.write_text("models: []\n")
    with gateway(home, site, resources) as (ask, spent):

        def reload(change: Callable[[], object] = lambda: None) -> Figure:
            change()
            before, began = spent(), time.perf_counter()
            told = ask()
            if not told["ok"]:
                raise SystemExit(f"the reload was refused: {told}")
            return spent() - before, time.perf_counter() - began

        def value(number: int) -> Callable[[], object]:
            text = f"[field.max_tokens]\ndefault = {5000 + number}\n"
            return lambda: write(site / PAIR / "request.toml", text)

        yield "first reload, nothing known", [reload()]
        yield "reload of unchanged tables", [reload() for _ in range(rounds)]
        yield "reload of one value, two workers", [reload(value(n)) for n in range(rounds)]
        text = "models: []\n"
        yield (
            "reload of a resources file alone",
            [reload(lambda n=n: resources.write_text(text + f"# {n}\n")) for n in range(rounds)],
        )


@contextmanager
def gateway(
    home: Path, site: Path, resources: Path
) -> Iterator[tuple[Callable[[], dict[str, object]], Callable[[], float]]]:
    """(ask for a reload, CPU seconds of the gateway and its children so far)"""
    proxy, admin = (free_port() for _ in range(2))
    config = {
        "data_dir": str(home / "data"),
        "mappings": [str(site)],
        "resources_file": str(resources),
        "workers": 2,
        "proxy": {"addr": f"127.0.0.1:{proxy}"},
        "admin": {"addr": f"127.0.0.1:{admin}", "admin_keys": [ADMIN]},
    }
    (home / "config.yaml").write_text(json.dumps(config))
    command = [sys.executable, "-m", "aisix", "serve", "--config", str(home / "config.yaml")]
    log = (home / "log").open("wb")
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=env, cwd=ROOT, stdout=log, stderr=log)

    def ask(method: str = "POST", path: str = "mappings/reload") -> dict[str, object]:
        line = http.client.HTTPConnection("127.0.0.1", admin, timeout=120)
        line.request(method, f"/admin/v1/{path}", headers={"Authorization": f"Bearer {ADMIN}"})
        return dict(json.loads(line.getresponse().read()))

    try:
        end = time.monotonic() + START_SECS
        while True:
            try:
                ask("GET", "status")
                break
            except OSError:
                if time.monotonic() > end or process.poll() is not None:
                    raise SystemExit((home / "log").read_text()) from None
                time.sleep(0.1)
        yield ask, lambda: cpu_of(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        log.close()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def cpu_of(root: int) -> float:
    """Of a process, those below it, and the ended ones they have waited for."""
    parents: dict[int, int] = {}
    used: dict[int, float] = {}
    tick = os.sysconf("SC_CLK_TCK")
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(entry.parent.name)
        parents[pid] = int(words[1])
        used[pid] = sum(map(int, words[11:15])) / tick
    mine = {root}
    while more := {pid for pid, parent in parents.items() if parent in mine} - mine:
        mine |= more
    return sum(used[pid] for pid in mine if pid in used)


if __name__ == "__main__":
    sys.exit(main())
