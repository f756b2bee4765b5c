"""Callers with a limited key, whose admissions are counted against its limit.

Each key has so many requests for a day, and no more: nothing comes back while it is used. What is
let through by Redis is told apart from what a gateway lets through by its own share.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass

from tests.chaos import callers
from tests.cluster.load import Line, Load, judged

LANES = 3
PACE = 0.04  # s between two requests of a lane
NODES = 3
MANY = 100_000


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

    @property
    def share(self) -> int:
        return -(-self.most // NODES)

    @property
    def fault(self) -> str:
        """Whether more was let through than is said."""
        if self.by_redis > self.most * self.lives:
            return f"{self.id}: Redis let {self.by_redis} through, of {self.most} x {self.lives}"
        if self.by_share > self.share * NODES:
            return f"{self.id}: {self.by_share} by shares, of {NODES} x {self.share}"
        return ""

    @property
    def used_up(self) -> bool:
        return self.refused > LANES


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
                else:
                    exchange.fault, exchange.wrong = judged(outcome, ask)
                    key.lost += bool(exchange.fault)
                    key.by_redis += not local and not exchange.fault
                    key.by_share += local and not exchange.fault
            self._load.ended(exchange)
        await line.leave()
