"""Callers with a limited key, whose admissions are counted against its limit.

Each key has so many requests for a day, and no more: nothing comes back while it is used. What is
let through by Redis is told apart from what a gateway lets through by its own share, and that says
of how many nodes it is a share: `LiveNodes` asks etcd how many there were.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import threading
import time
from dataclasses import dataclass, field

from tests.chaos import callers
from tests.cluster.load import Line, Load, judged
from tests.cluster.servers import Etcd, after, b64

LANES = 3
PACE = 0.04  # s between two requests of a lane
NODES = 3
MANY = 100_000
LOOK_SECS = 0.2


@dataclass
class LimitedKey:
    """One of them. lives: how often Redis began anew, while it was used, with what it has not."""

    id: str
    most: int  # requests a day
    places: int = MANY  # at one time
    lives: int = 1
    by_redis: int = 0
    by_share: int = 0
    refused: int = 0  # 429
    refused_by_share: int = 0
    lost: int = 0  # nobody knows whether they were let through
    nodes: set[int] = field(default_factory=lambda: {NODES})  # live ones, while it was used
    told: set[int] = field(default_factory=set)  # limits, in answers by shares

    @property
    def text(self) -> str:
        return f"sk-limited-{self.id}"

    @property
    def body(self) -> dict[str, object]:
        return {
            "display_name": self.id,
            "key_hash": hashlib.sha256(self.text.encode()).hexdigest(),
            "allowed_models": ["*"],
            "rate_limit": {"rpd": self.most, "concurrency": self.places},
        }

    def share(self, nodes: int) -> int:
        return -(-self.most // nodes)

    @property
    def fault(self) -> str:
        """Whether more was let through than is said. All gateways let through their shares, the
        largest there was; one that has none of them, none."""
        if self.by_redis > self.most * self.lives:
            return f"{self.id}: Redis let {self.by_redis} through, of {self.most} x {self.lives}"
        shares = {self.share(nodes) for nodes in self.nodes}
        if self.by_share > max(shares) * NODES:
            return f"{self.id}: {self.by_share} by shares, of {NODES} x {max(shares)}"
        if not self.told <= shares:
            return f"{self.id}: shares of {self.told}, not {shares}, of {self.nodes} live nodes"
        return ""

    @property
    def used_up(self) -> bool:
        return self.refused > LANES


class LiveNodes(threading.Thread):
    """How many nodes have an entry in etcd, as etcd says itself; while it says nothing, as last."""

    def __init__(self, etcd: Etcd, entries: str) -> None:
        super().__init__(daemon=True)
        self._etcd, self._entries = etcd, entries
        self.over = threading.Event()
        self._counts = [(time.monotonic(), NODES)]

    def run(self) -> None:
        body = {"key": b64(self._entries), "range_end": b64(after(self._entries))}
        asked = {**body, "count_only": True, "serializable": True}
        while not self.over.wait(LOOK_SECS):
            found = []
            for member in self._etcd.members:
                with contextlib.suppress(OSError, AssertionError, ValueError):
                    found.append(member.post("/v3/kv/range", asked, timeout=1))
            if found:
                newest = max(found, key=lambda one: int(one["header"]["revision"]))
                count = int(newest.get("count", 0))
                if count != self._counts[-1][1]:
                    self._counts.append((time.monotonic(), count))

    def since(self, begin: float) -> set[int]:
        """All counts there were since then, and the one that was."""
        counts = self._counts
        first = max(at for at, (when, _) in enumerate(counts) if not at or when <= begin)
        return {max(1, count) for _, count in counts[first:]}


class LimitedCallers:
    def __init__(self, load: Load) -> None:
        self._load = load
        self.key: LimitedKey | None = None
        for _ in range(LANES):
            load.add(self._lane)

    async def _lane(self) -> None:
        line = Line(self._load)
        while not self._load.over:
            await asyncio.sleep(PACE)
            key = self.key
            if not self._load.running or key is None:
                continue
            exchange = self._load.beginning(f"limited {key.id}")
            ask = callers.Ask(self._load.port, exchange.number, "good", False, 1)
            outcome = await line.asked(ask, exchange, key.text)
            if outcome is None:
                key.lost += 1
            else:
                local = "x-aisix-limits" in outcome.headers
                if outcome.status == 429:
                    key.refused += not local
                    key.refused_by_share += local
                    key.told |= limits_in(outcome.headers) if local else set()
                else:
                    exchange.fault, exchange.wrong = judged(outcome, ask)
                    key.lost += bool(exchange.fault)
                    key.by_redis += not local and not exchange.fault
                    key.by_share += local and not exchange.fault
                    key.told |= limits_in(outcome.headers) if local else set()
            self._load.ended(exchange)
        await line.leave()


def limits_in(headers: dict[str, str]) -> set[int]:
    told = headers.get("x-ratelimit-limit-requests")
    return {int(told)} if told else set()
