"""Steady callers of a cluster, plain and streamed, each of whose answers is checked.

    with Load(callers=8) as load:       # its upstream is at load.url
        load.run(balancer.port)         # from now on; pause() ends what is under way
        ...
    load.wrong, load.failed, load.done

It runs on a thread and loop of its own, the misbehaving upstream of tests/chaos beside it, which
behaves here. A caller keeps its connection, as clients do, and now and then makes a new one.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.chaos import callers, upstream
from tests.chaos.run import NUMBER, fault_of
from tests.running import CALLER_KEY, until

PATIENCE = 60.0  # s; an exchange that takes longer hangs
PAUSE = 0.01  # s between two exchanges of one caller
STALL = 300.0  # s of an upstream that is silent: longer than any test waits
MOST = 500_000  # exchanges of one load
FRESH = 10  # one exchange in so many begins with a connection of its own


async def lasting(reply: upstream.Reply) -> None:
    """Over a second and a half: longer than a gateway takes to begin its end."""
    await reply.head("200 OK", reply.kind, "transfer-encoding: chunked")
    body = reply.body
    size = len(body) // 6 + 1
    for at in range(0, len(body), size):
        await reply.send(upstream.chunk(body[at : at + size]))
        await asyncio.sleep(0.25)
    await reply.send(b"0\r\n\r\n")


upstream.BEHAVIOURS[lasting.__name__] = lasting
BEHAVIOURS = (*(3 * (upstream.good,)), *upstream.RIGHT, lasting)


@dataclass
class Exchange:
    """`fault`: what was not right, "" when all was. `wrong`: not only failed, but a wrong answer."""

    number: str
    what: str
    began: float  # time.monotonic()
    ended: float = 0.0
    fault: str = ""
    wrong: bool = False


class Load:
    """`done`: exchanges that have ended; `kinds` of them, by route and form."""

    def __init__(self, callers: int = 8, seed: int = 1) -> None:
        self._count, self._seed = callers, seed
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._all(),))
        self._ready, self.running, self.over = threading.Event(), False, False
        self._numbers = iter(range(MOST))
        self.port = 0
        self.done = 0
        self.kinds: Counter[str] = Counter()
        self.under_way: dict[str, Exchange] = {}
        self.faults: list[Exchange] = []
        self.bugs: list[str] = []

    def __enter__(self) -> Load:
        self._thread.start()
        assert self._ready.wait(40)
        return self

    def __exit__(self, *error: object) -> None:
        self.over = True
        self._thread.join(2 * PATIENCE)
        assert not self._thread.is_alive(), "callers hang"
        self._loop.close()

    @property
    def url(self) -> str:
        return self._upstream.url

    @property
    def open(self) -> int:
        """Requests that the upstream is answering."""
        return self._upstream.open

    @property
    def failed(self) -> list[Exchange]:
        return [one for one in self.faults if not one.wrong]

    @property
    def wrong(self) -> list[Exchange]:
        return [one for one in self.faults if one.wrong]

    def run(self, port: int) -> None:
        self.port, self.running = port, True

    def pause(self) -> None:
        """Comes back when nothing is under way."""
        self.running = False
        until(lambda: not self.under_way, "exchanges do not end")

    def more(self, count: int) -> None:
        """Comes back when so many have ended from now on."""
        enough = self.done + count
        until(lambda: self.done >= enough or self.bugs, "callers stand still")
        assert self.bugs == []

    def add(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """One more lane, which ends when `over`."""
        self._loop.call_soon_threadsafe(lambda: self._group.create_task(work()))

    def beginning(self, what: str) -> Exchange:
        number = f"{next(self._numbers):06d}"
        exchange = self.under_way[number] = Exchange(number, what, time.monotonic())
        return exchange

    def ended(self, exchange: Exchange) -> None:
        exchange.ended = time.monotonic()
        del self.under_way[exchange.number]
        if exchange.fault:
            self.faults.append(exchange)
        self.done += 1

    # ------------------------------------------------------------------ on the loop
    async def _all(self) -> None:
        async with upstream.Upstream(self._seed, stall=STALL) as self._upstream:
            try:
                async with asyncio.TaskGroup() as self._group:
                    self._ready.set()
                    for lane in range(self._count):
                        self._group.create_task(self._caller(Random(f"{self._seed}-{lane}")))
            except BaseExceptionGroup as error:
                self.bugs.append(repr(error.exceptions))
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()  # answers that nobody waits for

    async def _caller(self, random: Random) -> None:
        line = Line(self)
        while not self.over:
            if not self.running:
                await asyncio.sleep(PAUSE)
                continue
            if not random.randrange(FRESH):
                await line.leave()
            behaviour, streamed = random.choice(BEHAVIOURS).__name__, random.random() < 0.5
            path = random.choice((callers.CHAT, callers.MESSAGES))
            exchange = self.beginning(f"{path} {behaviour} {streamed=}")
            ask = callers.Ask(self.port, exchange.number, behaviour, streamed, self._seed, path)
            outcome = await line.asked(ask, exchange)
            if outcome is not None:
                exchange.fault, exchange.wrong = judged(outcome, ask)
            self.kinds[f"{path}, {'streamed' if streamed else 'plain'}"] += 1
            self.ended(exchange)
            await asyncio.sleep(PAUSE)
        await line.leave()


class Line:
    """A caller's connection, kept from exchange to exchange as long as it holds."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._kept: callers.Connection | None = None

    async def asked(
        self, ask: callers.Ask, exchange: Exchange, key: str = CALLER_KEY
    ) -> callers.Outcome | None:
        """The answer; None when there was none, which `exchange.fault` tells."""
        body = ask.body()
        length = f"content-length: {len(body)}"
        request = ask.request(body, key, length, f"x-request-id: load-{ask.number}")
        outcome = None
        try:
            async with asyncio.timeout(PATIENCE):
                if self._kept is None or self._kept.reader.at_eof():
                    await self.leave()  # closed between two exchanges, as any server may
                    self._kept = await callers.Connection(ask.port).__aenter__()
                self._kept.writer.write(request)
                outcome = await self._kept.answer()
        except TimeoutError:
            exchange.fault, exchange.wrong = "hangs", True
        except (OSError, asyncio.IncompleteReadError) as error:
            exchange.fault = f"no answer: {type(error).__name__} {error}"
        closes = outcome is None or outcome.headers.get("connection", "").lower() == "close"
        if closes or (outcome is not None and not outcome.whole):
            await self.leave()
        return outcome

    async def leave(self) -> None:
        if self._kept is not None:
            await self._kept.__aexit__()
            self._kept = None


def judged(outcome: callers.Outcome, ask: callers.Ask) -> tuple[str, bool]:
    """What is not right with it, and whether it is wrong: neither right nor plainly failed."""
    if outcome.status in (502, 503, 504) and b"answer" not in outcome.body:
        return f"{outcome.status} {outcome.body[:300]!r}", False
    if not outcome.whole:  # seen to be cut, by its HTTP
        mixed = any(found.decode() != ask.number for found in NUMBER.findall(outcome.body))
        return f"cut: {outcome.body[-200:]!r}", mixed
    fault = fault_of(outcome, ask, set())
    return fault, bool(fault) and not told(outcome)


def told(outcome: callers.Outcome) -> bool:
    """A stream that ends with an error object."""
    if outcome.status != 200:
        return False
    last = outcome.body.strip().rpartition(b"data: ")[2]
    try:
        return "error" in json.loads(last)
    except ValueError:
        return False
