"""Who takes writes now: Redis alone, the master the sentinels name, or the node of a cluster that
has our slot.

    topology = RedisTopology(where, env)
    connection = await topology.reach(make)     # ready for calls: it has our scripts, and writes
    topology.moved((host, port))                # the cluster says: over there

A connection that is there proves nothing, a stopped Redis takes it as well: it must answer a PING
and take a write in time.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable

from aisix.limits.redis.plan import keys_of
from aisix.limits.redis.protocol import MISSHAPEN, RedisConnection, ReplyRefused
from aisix.limits.redis.scripts import PROBE, SCRIPTS
from aisix.limits.redis.where import CLUSTER, SENTINEL, Address, Login, RedisWhere, show

CONNECT_SECS = 1.0  # for a connection, TLS and the words of welcome, together
MOST_MOVES = 5  # to other nodes, in one try
MOST_HOST = 253  # characters of a host's name, as DNS has it
OPERATOR = {"NOAUTH", "WRONGPASS", "NOPERM", "ERR", "NOPROTO"}  # said to our words of welcome
MOVED = "MOVED"


class Unreachable(Exception):
    """Nobody takes writes; why, for people. `operator`: settings or rights must be put right."""

    def __init__(self, why: str, operator: bool = False) -> None:
        super().__init__(why)
        self.operator = operator


class RedisTopology:
    """`env`: the tag of our keys. Within which time an answer must come is the connection's."""

    def __init__(self, where: RedisWhere, env: str) -> None:
        self._where = where
        self._probe = keys_of(env, "probe")[0]
        self._known: Address | None = None  # the node of the cluster that had our slot
        self._mark = b""  # what stands in Redis since it was empty last; b"": it was never asked
        self.emptied = False  # it had lost all, at the last reach
        self.address: Address = where.seeds[0].address  # whom we reached last

    def moved(self, text: str) -> None:
        """What a node of the cluster answered: MOVED 3999 host:port."""
        self._known = self.named(text.split(" ")[2])

    def named(self, text: str) -> Address:
        """An address as nodes of a cluster say it; without a host it is the one we asked.
        ValueError for what is none."""
        host, _, port = text.rpartition(":")
        host, number = host or self.address[0], int(port)
        host.encode("idna")  # as who looks it up would say: nothing that is no name of a host
        if not 0 < number < 1 << 16 or len(host) > MOST_HOST:
            raise ValueError("no address")
        return host, number

    async def reach(self, make: Callable[[], RedisConnection]) -> RedisConnection:
        """Unreachable, with the words of the last who was asked."""
        try:
            return await self._reach(make)
        except MISSHAPEN:  # a reply, but not to what was asked
            raise Unreachable(f"{show(self.address)}: it answers, but not as redis", True) from None

    async def _reach(self, make: Callable[[], RedisConnection]) -> RedisConnection:
        where = self._where
        if where.mode == SENTINEL:
            return await self._at(await self._master(), where.login, make)
        seeds = [(seed.address, where.login if any(where.login) else seed.login)
                 for seed in where.seeds]  # fmt: skip
        if self._known is not None:
            seeds.insert(0, (self._known, where.login))
        trouble = Unreachable("no address")
        for address, login in seeds:
            try:
                return await self._at(address, login, make)
            except Unreachable as error:
                trouble = error
        self._known = None
        raise trouble

    async def beside(
        self, address: Address, make: Callable[[], RedisConnection]
    ) -> RedisConnection:
        """A node our slot is being moved to; it takes no writes of ours yet but asked for each."""
        login = self._where.login
        connection = None
        try:
            connection = await self._connected(address, self._where.tls, make)
            async with asyncio.timeout(CONNECT_SECS):
                await self._welcome(connection, login)
        except BaseException as error:
            if connection is not None:
                connection.abort()
            if isinstance(error, OSError | TimeoutError | ReplyRefused):
                raise _unreachable(address, error) from None
            raise
        return connection

    async def _at(self, address: Address, login: Login, make: Callable[[], RedisConnection],
                  moves: int = 0) -> RedisConnection:  # fmt: skip
        self.address = address
        try:
            connection = await self._connected(address, self._where.tls, make)
        except (OSError, TimeoutError) as error:
            raise _unreachable(address, error) from None
        try:
            async with asyncio.timeout(CONNECT_SECS):
                await self._welcome(connection, login)
            await self._answers(connection)
        except ReplyRefused as error:
            connection.abort()
            if error.word == MOVED and self._where.mode == CLUSTER and moves < MOST_MOVES:
                self.moved(str(error))
                assert self._known is not None
                return await self._at(self._known, login, make, moves + 1)
            text = _without(str(error), login)
            if error.word == MOVED:
                text += " (it is a cluster: ratelimit.redis.mode)"
            operator = error.word in OPERATOR or error.word == MOVED
            raise Unreachable(f"{show(address)}: {text}", operator) from None
        except (OSError, TimeoutError) as error:
            connection.abort()
            raise _unreachable(address, error) from None
        except BaseException:
            connection.abort()
            raise
        return connection

    async def _connected(
        self, address: Address, tls: ssl.SSLContext | None, make: Callable[[], RedisConnection]
    ) -> RedisConnection:
        loop, (host, port) = asyncio.get_running_loop(), address
        async with asyncio.timeout(CONNECT_SECS):
            if port:
                name = host if tls is not None else None
                _, made = await loop.create_connection(
                    make, host, port, ssl=tls, server_hostname=name
                )
            else:
                _, made = await loop.create_unix_connection(make, host)
        return made

    async def _welcome(self, connection: RedisConnection, login: Login) -> None:
        """Who we are, and what we will run."""
        user, word = login
        if user or word:
            await connection.ask(b"AUTH", *(one.encode() for one in (user, word) if one))
        if self._where.database:
            await connection.ask(b"SELECT", b"%d" % self._where.database)
        asked = [connection.ask(b"SCRIPT", b"LOAD", script.encode()) for script in SCRIPTS]
        await asyncio.gather(*asked)  # by one write

    async def _answers(self, connection: RedisConnection) -> None:
        """TimeoutError unless it answers, and takes a write, in time: by the same look as for
        requests, which knows when our own loop slept. A clock here would not, and a worker whose
        turns are long would never come back to Redis."""
        fresh = os.urandom(8).hex().encode()
        asked = (b"PING",), (b"EVAL", PROBE.encode(), b"1", self._probe, fresh)
        replies = []
        async with asyncio.timeout(CONNECT_SECS):
            for words in asked:
                replies.append(await connection.ask(*words, timely=True))
        pong, (mark, *_) = replies
        if pong != b"PONG" or not isinstance(mark, bytes):
            raise ValueError("no reply of redis")
        self.emptied = bool(self._mark) and mark != self._mark
        self._mark = mark

    async def _master(self) -> Address:
        """Whom the first sentinel that answers names."""
        where, trouble = self._where, Unreachable("no sentinel")
        for seed in where.seeds:
            connection = None
            try:
                connection = await self._connected(seed.address, where.tls_of_seeds, _plain)
                async with asyncio.timeout(CONNECT_SECS):
                    if any(seed.login):
                        await connection.ask(b"AUTH", *(w.encode() for w in seed.login if w))
                    name = where.master_name.encode()
                    found = await connection.ask(b"SENTINEL", b"get-master-addr-by-name", name)
                if found is None:
                    text = f"sentinel {show(seed.address)} knows no master {where.master_name!r}"
                    trouble = Unreachable(text, operator=True)
                    continue
                return found[0].decode(), int(found[1])
            except ReplyRefused as error:
                text = f"sentinel {show(seed.address)}: {_without(str(error), seed.login)}"
                trouble = Unreachable(text, error.word in OPERATOR)
            except (OSError, TimeoutError) as error:
                trouble = _unreachable(seed.address, error)
            finally:
                if connection is not None:
                    connection.abort()
        raise trouble


def _plain() -> RedisConnection:
    """For a few questions: whoever asks has a limit of time."""
    return RedisConnection(CONNECT_SECS, lambda _: None, lambda _: None)


def _unreachable(address: Address, error: BaseException) -> Unreachable:
    if isinstance(error, TimeoutError):
        return Unreachable(f"{show(address)}: no answer in time")
    if isinstance(error, ssl.SSLError):
        reason = getattr(error, "verify_message", None) or error.reason or "failed"
        return Unreachable(f"{show(address)}: TLS: {reason}", operator=True)
    if isinstance(error, ConnectionError):
        return Unreachable(f"{show(address)}: connection refused or lost")
    return Unreachable(f"{show(address)}: {getattr(error, 'strerror', None) or 'unreachable'}")


def _without(text: str, login: Login) -> str:
    """What it said, short, without a password: old ones quote what they do not know."""
    for word in login:
        if word:
            text = text.replace(word, "****")
    return text[:200]
