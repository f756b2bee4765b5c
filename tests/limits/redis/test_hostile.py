"""Whoever answers in the place of Redis: errors, nonsense, silence. Callers get a verdict, each time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from aisix.limits.redis.limiter import probed
from aisix.limits.redis.scripts import ADMIT, PROBE, SETTLE, sha
from aisix.limits.redis.topology import Unreachable
from aisix.limits.redis.where import RedisWhere
from tests.limits.counting import PATIENT, granted, holder, in_redis, until

OK = b"+OK\r\n"
MARK = b"*2\r\n$1\r\nm\r\n$1\r\n1\r\n"


@asynccontextmanager
async def peer(answer: Callable[[list[bytes]], bytes]) -> AsyncIterator[str]:
    """URL of somebody who speaks its protocol; `answer` says what, to each call."""
    writers: list[asyncio.StreamWriter] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        try:
            while head := await reader.readline():
                words = []
                for _ in range(int(head[1:])):
                    size = int((await reader.readline())[1:])
                    words.append((await reader.readexactly(size + 2))[:-2])
                writer.write(answer(words))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in writers:
            writer.close()


def welcome(words: list[bytes]) -> bytes:
    """As Redis answers to what is said before any request."""
    if words[0] == b"PING":
        return b"+PONG\r\n"
    return MARK if words[:2] == [b"EVAL", PROBE.encode()] else OK


def admits(reply: bytes) -> Callable[[list[bytes]], bytes]:
    def answer(words: list[bytes]) -> bytes:
        asked = words[:2] == [b"EVALSHA", sha(ADMIT)] or words[:2] == [b"EVAL", ADMIT.encode()]
        return reply if asked else welcome(words)

    return answer


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (b"-OOM command not allowed when used memory > 'maxmemory'.\r\n", "OOM command"),
        (b"-READONLY You can't write against a read only replica.\r\n", "READONLY You"),
        (b"-LOADING Redis is loading the dataset in memory\r\n", "LOADING Redis"),
        (b"-MISCONF Redis is configured to save RDB snapshots\r\n", "MISCONF Redis"),
        (b"-NOAUTH Authentication required.\r\n", "NOAUTH Auth"),
        (b"-WRONGPASS invalid username-password pair\r\n", "WRONGPASS invalid"),
        (b"-NOPERM this user has no permissions\r\n", "NOPERM this"),
        (b"-ERR what is that\r\n", "ERR what is that"),
        (b"-MOVED nowhere\r\n", "nonsense"),
        (b"-ASK\r\n", "nonsense"),
        (b"-ASK 1 nowhere\r\n", "nonsense"),
        (b"-ASK 1 :99999999\r\n", "nonsense"),
        (b"-ASK 1 %b:6379\r\n" % (b"x" * 64), "nonsense"),
        (
            b"-ASK 1 127.0.0.1:1\r\n",
            "sends calls to 127.0.0.1:1 while a slot moves: 127.0.0.1:1: c",
        ),
        (b"-MOVED 1 127.0.0.1:0\r\n", "nonsense"),
        (b"-NOSCRIPT No matching script.\r\n", "NOSCRIPT No"),
        (OK, "nonsense"),
        (b":7\r\n", "nonsense"),
        (b"$-1\r\n", "nonsense"),
        (b"*0\r\n", "nonsense"),
        (b"*2\r\n:1\r\n:1\r\n", "nonsense"),
        (b"*7\r\n:1\r\n+a\r\n+b\r\n+c\r\n+d\r\n+e\r\n+f\r\n", "nonsense"),
        (b"*7\r\n:0\r\n:9\r\n:9\r\n:1\r\n:1\r\n:1\r\n:1\r\n", "nonsense"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "nonsense"),
        (b"$1900000\r\n" + b"x" * 1_900_000, "nonsense"),
    ],
)
def test_a_request_has_a_verdict_whatever_is_answered_to_it(
    reply: bytes, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    import logging

    logging.getLogger("aisix").propagate = True

    async def work() -> None:
        async with peer(admits(reply)) as url, in_redis(url, nodes=lambda: 3) as limits:
            async with asyncio.timeout(PATIENT):
                found = await granted(limits, [holder(rpm=6)])
            assert found.local

    with caplog.at_level("INFO", "aisix"):
        asyncio.run(work())
    assert told in " ".join(record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("asked", [b"+OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"", b"again"])
def test_who_is_asked_beside_may_be_anybody(asked: bytes) -> None:
    """Nonsense, silence, and who says that it is to be asked: verdicts come, and nothing goes in
    rounds."""
    port = [b""]
    rounds = 0

    def beside(words: list[bytes]) -> bytes:
        nonlocal rounds
        if words[0] == b"EVAL" and words[1] == ADMIT.encode():
            rounds += 1
            return b"-ASK 1 127.0.0.1:%b\r\n" % port[0] if asked == b"again" else asked
        return welcome(words)

    async def work() -> None:
        async with peer(beside) as other:
            port[0] = other.rpartition(":")[2].encode()
            away = admits(b"-ASK 1 127.0.0.1:%b\r\n" % port[0])
            async with peer(away) as url, in_redis(url, timeout=0.05) as limits:

                async def reached() -> bool:
                    found = await granted(limits, [holder(rpm=10**6)])
                    assert found.local
                    return rounds > 0

                await until(reached)
                for _ in range(9):
                    assert await reached()
                assert rounds <= 20 and len(limits.link._beside) <= 1

    asyncio.run(work())


@pytest.mark.parametrize("reply", [OK, b"*0\r\n", b"*2\r\n+a\r\n+b\r\n", b"$-1\r\n"])
def test_nonsense_to_a_booking_harms_no_request(reply: bytes) -> None:
    def answer(words: list[bytes]) -> bytes:
        if words[:2] == [b"EVALSHA", sha(SETTLE)]:
            return reply
        return admits(b"*7\r\n:1\r\n:0\r\n:0\r\n:0\r\n:5\r\n:9\r\n:5\r\n")(words)

    async def work() -> None:
        async with peer(answer) as url, in_redis(url) as limits:
            grant = await granted(limits, [holder(tpm=100)], 9)
            limits.book(grant, 20, 0.0)
            limits.settle(grant, 30, 0.0)
            # hung up on, or what was used is kept for later, and the limiter lives
            await until(lambda: limits.link.connection is not None)
            assert (await granted(limits, [holder(tpm=100)], 9)).levels

    asyncio.run(work())


@pytest.mark.parametrize("reply", [OK, b":1\r\n", b"*1\r\n+PONG\r\n", b"$-1\r\n"])
def test_who_says_the_same_to_everything_is_no_redis(reply: bytes) -> None:
    async def work() -> None:
        async with peer(lambda _: reply) as url:
            with pytest.raises(Unreachable, match="answers, but not as redis") as caught:
                await probed(RedisWhere.of("single", url), PATIENT)
            assert caught.value.operator

    asyncio.run(work())


def test_who_takes_calls_and_never_answers_costs_a_moment_only() -> None:
    async def work() -> None:
        async with peer(admits(b"")) as url, in_redis(url, timeout=0.05) as limits:
            found = [await granted(limits, [holder(rpm=60)]) for _ in range(6)]
            assert all(one.local for one in found)

    asyncio.run(work())
