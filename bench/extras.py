"""Beside the load: cold start, memory, installed size, and what happens when callers leave."""

from __future__ import annotations

import asyncio
import http.client
import json
import statistics
import time
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from bench import procs
from bench.peers import PEERS, Running
from bench.run import Bench

STARTS = 3
OPEN_STREAMS = 400
LEAVERS = 10
RUN_TIME = (
    *("aisix", "tornado", "pycurl", "msgspec", "voluptuous", "toml", "tabulate", "PyYAML"),
    *("PyNaCl", "cffi", "pycparser", "httptools"),
)


def measure(bench: Bench, settle: int) -> dict[str, dict[str, Any]]:
    """Figures by peer. `settle`: seconds between a burst of bodies and the look at memory."""
    out: dict[str, dict[str, Any]] = {}
    for peer in PEERS:
        running = bench.running.get(peer.name)
        if running is None:
            continue
        running.stop()
        starts = []
        for number in range(STARTS if peer.name != "LiteLLM" else 1):
            if number:
                running.stop()
            running = bench.running[peer.name] = peer.start(bench.folder(peer), bench.upstream)
            starts.append(running.cold_start)
        found = out[peer.name] = {"cold_start_s": round(statistics.median(starts), 3)}
        time.sleep(0.5)
        found["idle_mib"] = mib(procs.memory(running.pid))
        found["kib_per_open_stream"] = per_stream(running, bench.upstream)
        found["left_upstream_ended"] = leave(running, bench.upstream)
        found |= burst_of_bodies(running, settle)
    if "aisix" in out:
        out["aisix"] |= installed()
    return out


def mib(size: float) -> float:
    return round(size / (1 << 20), 1)


def ask(
    running: Running, kind: str, words: int = 1, stream: bool = True
) -> tuple[bytes, dict[str, str]]:
    text = f"bench:{kind} " + "word " * words
    body: dict[str, Any] = {"model": running.model, "max_tokens": 100, "stream": stream}
    body["messages"] = [{"role": "user", "content": text}]
    headers = {"content-type": "application/json", **running.headers}
    return json.dumps(body, separators=(",", ":")).encode(), headers


def per_stream(running: Running, upstream: int) -> float | None:
    """Memory of streams that are open and say nothing."""
    return asyncio.run(_per_stream(running))


async def _open(running: Running, kind: str) -> asyncio.StreamWriter | None:
    body, headers = ask(running, kind)
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST {running.path} HTTP/1.1\r\nhost: b\r\n{lines}content-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    try:
        first = await asyncio.wait_for(reader.read(4096), 20)
    except (TimeoutError, OSError):
        first = b""
    if b" 200 " in first[:20]:
        return writer
    writer.close()
    return None


async def _per_stream(running: Running) -> float | None:
    before = procs.memory(running.pid)
    writers: list[asyncio.StreamWriter] = []
    for _ in range(OPEN_STREAMS // 20):
        batch = await asyncio.gather(*[_open(running, "paced-2-60000") for _ in range(20)])
        writers += [writer for writer in batch if writer is not None]
    await asyncio.sleep(1)
    after = procs.memory(running.pid)
    for writer in writers:
        writer.close()
    await asyncio.sleep(1)
    return round((after - before) / 1024 / len(writers), 1) if writers else None


def leave(running: Running, upstream: int) -> str:
    """How many upstream transfers ended within a second of their callers' leaving."""
    before = stats(upstream)
    asyncio.run(_leave(running))
    time.sleep(1)
    after = stats(upstream)
    ended = min(LEAVERS, LEAVERS - (after["open"] - before["open"]))
    return f"{max(0, ended)} of {LEAVERS}"


async def _leave(running: Running) -> None:
    writers = await asyncio.gather(*[_open(running, "paced-600-100") for _ in range(LEAVERS)])
    await asyncio.sleep(0.3)
    for writer in writers:
        if writer is not None:
            writer.transport.abort()


def stats(upstream: int) -> dict[str, int]:
    connection = http.client.HTTPConnection("127.0.0.1", upstream, timeout=10)
    try:
        connection.request("GET", "/stats")
        found: dict[str, int] = json.loads(connection.getresponse().read())
        return found
    finally:
        connection.close()


def burst_of_bodies(running: Running, settle: int) -> dict[str, float]:
    """Memory before, and `settle` seconds after, 200 bodies of 120 KiB."""
    before = procs.memory(running.pid)
    body, headers = ask(running, "json", words=24000, stream=False)
    connections = [
        http.client.HTTPConnection("127.0.0.1", running.port, timeout=30) for _ in range(8)
    ]
    for _ in range(25):
        for connection in connections:
            connection.request("POST", running.path, body, headers)
        for connection in connections:
            connection.getresponse().read()
    for connection in connections:
        connection.close()
    time.sleep(settle)
    after = procs.memory(running.pid)
    return {
        "after_burst_mib": mib(after),
        "burst_growth_percent": round((after / before - 1) * 100, 1),
    }


def installed() -> dict[str, Any]:
    """Size and number of what runs in production; our own files counted from the checkout.

    Python's caches are left out: whether, and how many times, they are written is the machine's.
    """
    size, count = 0, 0
    for name in RUN_TIME:
        if name == "aisix":
            root = Path(__file__).resolve().parent.parent
            files = [*(root / "aisix").rglob("*.py"), *(root / "mappings").rglob("*.*")]
            size += sum(file.stat().st_size for file in files if file.is_file())
            count += 1
            continue
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        count += 1
        for file in found.files or ():
            path = Path(str(found.locate_file(file)))
            size += path.stat().st_size if path.is_file() and path.suffix != ".pyc" else 0
    return {"installed_mib": mib(size), "packages": count}
