"""Thousands of exchanges in random order, each checked, and the gateway looked at afterwards.

    python -m tests.chaos.run --exchanges 5000 [--at-once 40] [--seed 1] [--rest 600] [--http tornado] [--slow 4]

Every exchange must end in a right answer or a right error; no answer may hold another's number;
afterwards nothing may be left: requests under way, upstream transfers, file descriptors, memory.
Prints its figures as JSON and ends with 1 when anything is wrong. The same seed, the same exchanges.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from tests.chaos import callers, odd, upstream
from tests.running import Running

NUMBER = re.compile(rb"answer (\d+)")
ENVELOPE = {
    callers.CHAT: {"message", "type", "param", "code"},
    callers.MESSAGES: {"message", "type"},
}
SECRETS = (b"sk-ant-the-secret", b"127.0.0.1", b"10.0.0.7", b"curl", b"Traceback", b"location")
PLANTED = "tests/chaos/faulty.py"  # in the place of a mistake that was one of the run's own
CAP = 1 << 20
PATIENCE_MS = 2500  # many times what a stalled machine takes from an upstream that is well


def settings(slow: float, places: int, http: str) -> dict[str, Any]:
    """Of the gateway; `slow`: its limits are so many times longer, for a machine that is busy. So
    few places that those which are not given back are soon missed."""
    return {
        "proxy": {
            "body_timeout_secs": int(15 * slow),
            "idle_timeout_secs": int(5 * slow),
            "request_body_limit_bytes": callers.LARGEST,
            "max_in_flight": places,
            "http": http,
        },
        "upstream": {
            "timeout_ms": int(PATIENCE_MS * slow),
            "stream_timeout_ms": int(PATIENCE_MS * slow),
            "retries": 1,
            "retry_after_limit_secs": 1,
            "response_body_limit_bytes": CAP,
            "stream_event_limit_bytes": CAP,
            "idle_secs": 2,
        },
    }


def fault_of(outcome: callers.Outcome, ask: callers.Ask, allowed: set[int]) -> str:
    """What is wrong with an answer; "" when it is right."""
    for secret in SECRETS:
        if secret in outcome.body or any(secret.decode() in v for v in outcome.headers.values()):
            return f"shows {secret!r}"
    if "x-request-id" not in outcome.headers:
        return "no request id"
    for found in NUMBER.findall(outcome.body):
        if found.decode() != ask.number:
            return f"holds the answer of {found!r}"
    if outcome.status != 200:
        if outcome.status not in allowed:
            return f"status {outcome.status}, expected {sorted(allowed)}: {outcome.body[:200]!r}"
        return "" if outcome.whole else "an error that is cut off"
    if not ask.streamed:
        return _plain(outcome, ask, allowed)
    return _streamed(outcome, ask, allowed)


def _plain(outcome: callers.Outcome, ask: callers.Ask, allowed: set[int]) -> str:
    if allowed:
        return "a right answer to a broken one"
    try:
        body = json.loads(outcome.body)
    except ValueError:
        return f"no JSON: {outcome.body[:200]!r}"
    if ask.path == callers.MESSAGES:
        text = "".join(part["text"] for part in body["content"] if part["type"] == "text")
    else:
        text = body["choices"][0]["message"]["content"]
    return "" if text == f"answer {ask.number} whole" else f"content {text!r}"


def _streamed(outcome: callers.Outcome, ask: callers.Ask, allowed: set[int]) -> str:
    frames = [f for f in outcome.body.split(b"\n\n") if f and not f.startswith(b":")]
    named = ask.path == callers.MESSAGES
    data = [frame.partition(b"\n")[2] if named else frame for frame in frames]
    if not frames or any(not frame.startswith(b"data: ") for frame in data):
        return f"frames {frames[:2]!r}"
    data = [frame.removeprefix(b"data: ") for frame in data]
    done = data[-1] == (b'{"type":"message_stop"}' if named else b"[DONE]")
    events = [json.loads(each) for each in (data[:-1] if done else data)]
    failed = "error" in events[-1] if events else False
    if allowed:
        if done or not failed:
            return f"a broken stream ends with {data[-1][:200]!r}"
        if 200 not in allowed:
            return f"an error in a stream, expected {sorted(allowed)}"
        fault = set(events[-1]["error"]) != ENVELOPE[ask.path]
        return f"error {events[-1]}" if fault else ""
    if not done or not outcome.whole:
        return f"not whole: {data[-1][:200]!r}"
    if named:
        text = "".join(e.get("delta", {}).get("text") or "" for e in events)
    else:
        text = "".join(e["choices"][0]["delta"].get("content") or "" for e in events)
    return "" if text == f"answer {ask.number} whole" else f"content {text!r}"


def envelope_fault(outcome: callers.Outcome, path: str) -> str:
    try:
        error = json.loads(outcome.body)["error"]
        return "" if set(error) == ENVELOPE[path] else f"error keys {sorted(error)}"
    except (ValueError, KeyError, TypeError):
        return f"no error envelope: {outcome.body[:200]!r}"


class Chaos:
    """One run against a gateway that is up."""

    def __init__(
        self, gateway: Running, exchanges: int, at_once: int, seed: int, slow: float
    ) -> None:
        self.gateway = gateway
        self.exchanges = exchanges
        self.at_once = at_once
        self.seed = seed
        self.slow = slow
        self.wrong: list[str] = []
        self.hung: list[str] = []
        self.seen: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()

    async def run(self, peer: upstream.Upstream) -> None:
        gate = asyncio.Semaphore(self.at_once)
        async with asyncio.TaskGroup() as group:
            for number in range(self.exchanges):
                await gate.acquire()
                task = group.create_task(self._one(f"{number:06d}"))
                task.add_done_callback(lambda _: gate.release())

    async def _one(self, number: str) -> None:
        random = Random(f"{self.seed}-{number}")
        behaviour = random.choice([*(2 * odd.RIGHT), *odd.WRONG])
        how = random.choice([*(4 * callers.STAY), *callers.LEAVE, *callers.REFUSED])
        streamed = random.random() < 0.5
        path = random.choice((callers.CHAT, callers.MESSAGES))
        port = self.gateway.proxy_port
        ask = callers.Ask(port, number, behaviour.__name__, streamed, self.seed, path)
        what = f"{how.__name__} x {behaviour.__name__}{' (stream)' if streamed else ''} {path}"
        self.kinds[f"caller {how.__name__}"] += 1
        self.kinds[f"upstream {behaviour.__name__}"] += 1
        try:
            outcome = await asyncio.wait_for(how(ask), callers.PATIENCE * self.slow)
        except TimeoutError:
            self.hung.append(f"{number} {what}")
            return
        except (OSError, asyncio.IncompleteReadError, AssertionError) as error:
            self.wrong.append(f"{number} {what}: {type(error).__name__} {error}")
            return
        self.seen["left" if outcome is None else str(outcome.status)] += 1
        if outcome is None:
            return
        refused = callers.REFUSED.get(how)
        if refused is not None:
            fault = "" if outcome.status in refused else f"status {outcome.status}"
        else:
            allowed = odd.WRONG.get(behaviour, set())
            if path == callers.MESSAGES and 503 in allowed:
                allowed = allowed | {529}  # its own status for that
            fault = fault_of(outcome, ask, allowed)
            if fault and behaviour in odd.PERHAPS:
                fault = fault_of(outcome, ask, set())
        if not fault and outcome.status != 200:
            fault = envelope_fault(outcome, path)
        if fault:
            self.wrong.append(f"{number} {what}: {fault}")


# ---------------------------------------------------------------- what may not be left
def descriptors(pid: int, peer: upstream.Upstream) -> int:
    """Open files of the gateway but for idle connections kept for the next request upstream."""
    return len(os.listdir(f"/proc/{pid}/fd")) - peer.connections


def memory(pid: int) -> float:
    """Resident MiB."""
    text = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", text)
    return round(int(found[1]) / 1024, 1) if found else 0.0


async def settled(gateway: Running, peer: upstream.Upstream, files: int, secs: float) -> list[str]:
    """Waits until nothing is under way; what is still left after `secs`."""
    end = time.monotonic() + secs
    while True:
        status = await asyncio.to_thread(lambda: gateway.admin("GET", "status").json)
        left = []
        if status["in_flight"]:
            left.append(f"{status['in_flight']} requests under way")
        if peer.open:
            left.append(f"{peer.open} upstream transfers")
        open_files = descriptors(gateway.worker_pids[0], peer)
        if open_files > files + 4:
            left.append(f"{open_files} descriptors, {files} before")
        if not left or time.monotonic() > end:
            return left
        await asyncio.sleep(0.1)


async def chaos(
    folder: Path,
    exchanges: int,
    at_once: int,
    seed: int,
    rest: float,
    http: str = "fast",
    slow: float = 1,
) -> dict[str, Any]:
    """A whole run; the figures. `wrong` and `left` must be empty."""
    async with upstream.Upstream(seed, stall=PATIENCE_MS / 1000 * slow + 3) as peer:
        program = ("tests.chaos.faulty",)
        gateway = Running(folder, settings(slow, 4 * at_once, http), program=program)
        await asyncio.to_thread(gateway.__enter__)
        try:
            models = {callers.ALIAS: {"model_name": "claude-opus-5-5"}}
            await asyncio.to_thread(gateway.set_up, peer.url, models)
            await asyncio.to_thread(
                gateway.allow, callers.ALIAS, rate_limit={"concurrency": 4 * at_once}
            )
            pid = gateway.worker_pids[0]
            warm = Chaos(gateway, min(200, exchanges), at_once, seed + 1, slow)
            await warm.run(peer)
            await settled(gateway, peer, 0, 6 * slow)
            files, before = descriptors(pid, peer), memory(pid)
            began = time.monotonic()
            run = Chaos(gateway, exchanges, at_once, seed, slow)
            await run.run(peer)
            took, under = time.monotonic() - began, memory(pid)
            left = await settled(gateway, peer, files, 15 * slow)
            await asyncio.sleep(rest)
            return {
                "exchanges": exchanges,
                "seconds": round(took, 1),
                "seen": dict(sorted(run.seen.items())),
                "kinds": dict(sorted(run.kinds.items())),
                "hung": warm.hung + run.hung,
                "hung_inside": {k: v for k, v in gateway.metrics().items() if "_hung_" in k},
                "wrong": warm.wrong + run.wrong,
                "left": left,
                "memory_mib": {"before": before, "under": under, "after": memory(pid)},
                "descriptors": {"before": files, "after": descriptors(pid, peer)},
                "idle_upstream_connections": peer.connections,
                "alive": gateway.process.poll() is None,
                "bugs": [line for line in gateway.bugs if PLANTED not in line],
            }
        finally:
            await asyncio.to_thread(gateway.stop)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.run", description=__doc__)
    parser.add_argument("--exchanges", type=int, default=5000)
    parser.add_argument("--at-once", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rest", type=float, default=5, help="s before the last look at memory")
    parser.add_argument("--http", default="fast", choices=("fast", "tornado"))
    parser.add_argument("--slow", type=float, default=1, help="limits so many times longer")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(
            chaos(
                Path(folder),
                given.exchanges,
                given.at_once,
                given.seed,
                given.rest,
                given.http,
                given.slow,
            )
        )
    print(json.dumps(found, indent=1))
    bad = ("hung", "hung_inside", "wrong", "left", "bugs")
    return 1 if any(found[name] for name in bad) or not found["alive"] else 0


if __name__ == "__main__":
    sys.exit(main())
