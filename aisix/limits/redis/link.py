"""The connection of now, and the breaker: none while Redis cannot be asked, and looked for anew.

link = RedisLink(topology, secs, up=..., down=...)
link.connection              # None: nobody waits for it
await link.run()             # for ever
link.broken("late")          # by who was answered that it is no good
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress

from aisix import log
from aisix.limits.redis.plan import command
from aisix.limits.redis.protocol import (
    MISSHAPEN,
    AwaitedCall,
    RedisCall,
    RedisConnection,
    as_source,
)
from aisix.limits.redis.topology import MOVED, RedisTopology, Unreachable
from aisix.limits.redis.where import Address, show

LATE = 3  # turns in a row whose answers are not in time: then nobody waits any more
PROBE_SECS = 0.25  # between two tries
OPERATOR_SECS = 5.0  # when somebody must put something right first
MOST_BESIDE = 4  # nodes our slot moves to, at one time
IDLE_SECS = 5.0  # without an answer: then one is asked for
START, LOST, TIMEOUT, REFUSED = "start", "lost", "timeout", "refused"
# Errors that say: not here, or not now. Somebody else may take writes meanwhile.
OUTAGE = {"READONLY", "MASTERDOWN", "LOADING", "CLUSTERDOWN", "OOM", "BUSY", "MISCONF"}
OUTAGE |= {"NOREPLICAS", "UNKILLABLE", "MOVED"}
RIGHTS = {"NOAUTH", "WRONGPASS", "NOPERM"}
UNKNOWN, ASK, TRY_AGAIN = "NOSCRIPT", "ASK", "TRYAGAIN"


class RedisLink:
    """`up()` and `down(why, text)` are told of each change; `down` also at first, when Redis
    cannot be reached at the start. `why` is one of the words above."""

    def __init__(
        self,
        topology: RedisTopology,
        secs: float,
        up: Callable[[], None],
        down: Callable[[str, str, bool], None],
    ) -> None:
        self.topology = topology
        self.connection: RedisConnection | None = None
        self._secs = secs
        self._up, self._down = up, down
        self._beside: dict[
            Address, RedisConnection | None
        ] = {}  # to nodes our slot moves to; None: soon
        self._tasks: set[asyncio.Task[None]] = set()
        self._gone = asyncio.Event()
        self._came = asyncio.Event()
        self._told = ""  # what was told of the outage under way

    async def reached(self, secs: float) -> None:
        """Wait for the first try to have an end, so long at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(secs):
                await self._came.wait()

    async def run(self) -> None:
        try:
            while True:
                connection = self.connection
                if connection is None:
                    pause = await self._try()
                    self._came.set()
                    if pause:
                        await asyncio.sleep(pause)
                    continue
                # No wait_for: in 3.11 it forgets that it was cancelled, at the moment it goes.
                with suppress(TimeoutError):
                    async with asyncio.timeout(IDLE_SECS):
                        await self._gone.wait()
                if connection is self.connection and connection.open:
                    now = asyncio.get_running_loop().time()
                    if now - connection.heard >= IDLE_SECS:
                        connection.send(_Unheeded(command(b"PING")))
        finally:
            self.close()

    def close(self) -> None:
        connection, self.connection = self.connection, None
        for one in (connection, *self._beside.values()):
            if one is not None:
                one.abort()
        self._beside.clear()

    async def _try(self) -> float:
        """Seconds until the next; 0: there is a connection."""
        try:
            connection = await self.topology.reach(self._make)
        except Unreachable as error:
            text = str(error)
            if text != self._told:
                self._told = text
                self._down(REFUSED if error.operator else START, text, error.operator)
            pause = OPERATOR_SECS if error.operator else PROBE_SECS
            return pause * random.uniform(0.8, 1.2)  # not all workers of all nodes at one time
        if not connection.open:
            return PROBE_SECS
        self._gone.clear()
        self._beside.clear()
        self._told = ""
        self.connection = connection
        self._up()
        return 0.0

    def _make(self) -> RedisConnection:
        return RedisConnection(self._secs, self._slow, self._lost)

    def _slow(self, connection: RedisConnection) -> None:
        if connection.late < LATE:
            return
        if connection is self.connection:
            self.broken(TIMEOUT, "no answer in time")
        elif connection.open:  # one beside it
            connection.abort()

    def _lost(self, connection: RedisConnection) -> None:
        if connection is self.connection:
            self.broken(LOST, "the connection was lost")

    def broken(self, why: str, text: str, operator: bool = False) -> None:
        """Nobody waits for it from now on. Only the first who says so counts."""
        connection, self.connection = self.connection, None
        if connection is None:
            return
        self._told = text
        self._down(why, text, operator)
        self._gone.set()
        connection.abort()

    # ------------------------------------------------------------------ errors
    def refused(self, call: RedisCall, text: str) -> bool | None:
        """What an error to a call says: None, it was sent again and its answer will come; True, it
        may be told later; False, it would be the same again."""
        word = text.partition(" ")[0]
        connection = self.connection
        again = as_source(call.data)
        new = again != call.data  # else it was sent again already: nothing goes in rounds
        if word == UNKNOWN and connection is not None and new:
            call.data = again
            connection.send(call)
            return None
        if word == ASK:
            return self._asked_over(call, again if new else b"", text.split(" ")[2])
        if word in RIGHTS:
            self.broken(REFUSED, text[:200], operator=True)
        elif word in OUTAGE:
            if word == MOVED:
                self.topology.moved(text)
            self.broken(REFUSED, text[:200])
        elif word != TRY_AGAIN:
            log.often("limits", "limits: redis answered: %s", text[:200], level=log.ERROR)
            return False
        return True

    def _asked_over(self, call: RedisCall, again: bytes, text: str) -> bool | None:
        """Our slot is being moved: this once, the other node is to be asked. ValueError for what is
        no address."""
        address = self.topology.named(text)
        there = self._beside.get(address)
        if there is not None and there.open:
            if there.full or not again:
                return True
            call.data = again
            there.send(_Unheeded(command(b"ASKING")))
            there.send(call)
            return None
        if there is not None or (address not in self._beside and len(self._beside) < MOST_BESIDE):
            self._beside[address] = None
            task = asyncio.ensure_future(self._reach_beside(address))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return True

    async def _reach_beside(self, address: Address) -> None:
        try:
            self._beside[address] = await self.topology.beside(address, self._make)
        except (Unreachable, *MISSHAPEN) as error:
            self._beside.pop(address, None)
            why = error if isinstance(error, Unreachable) else "it answers, but not as redis"
            told = "limits: redis sends calls to %s while a slot moves: %s"
            log.often("limits beside", told, show(address), why, level=log.ERROR)


class _Unheeded(AwaitedCall):
    """A call whose answer says nothing but that there is one."""

    __slots__ = ()

    def lost(self) -> None:
        pass
