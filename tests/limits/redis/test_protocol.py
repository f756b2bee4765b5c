"""A connection: calls in one write, answers in order however they are cut, late and lost ones."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import hiredis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisix.limits.redis.plan import command
from aisix.limits.redis.protocol import (
    MOST_CALLS,
    RedisConnection,
    ReplyRefused,
    as_source,
)
from aisix.limits.redis.scripts import ADMIT, sha
from tests.limits.counting import until

REPLIES = (
    b"+PONG\r\n*5\r\n:1\r\n:0\r\n:0\r\n:0\r\n:17\r\n-READONLY no\r\n$-1\r\n$3\r\na\r\n\r\n:-5\r\n"
)


class Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def abort(self) -> None:
        self.aborted = True


class Heard:
    def __init__(self, data: bytes = b"x") -> None:
        self.data, self.sent, self.given_up = data, 0.0, False
        self.replies: list[Any] = []
        self.was_late = self.was_lost = 0

    def answered(self, reply: Any) -> None:
        self.replies.append(reply)

    def late(self) -> None:
        self.was_late += 1

    def lost(self) -> None:
        self.was_lost += 1


def opened(secs: float = 60.0) -> tuple[RedisConnection, Wire, list[str]]:
    told: list[str] = []
    connection = RedisConnection(secs, lambda _: told.append("slow"), lambda _: told.append("lost"))
    wire = Wire()
    connection.connection_made(wire)
    return connection, wire, told


@given(st.lists(st.integers(0, len(REPLIES)), max_size=8))
def test_answers_come_in_order_wherever_they_are_cut(cuts: list[int]) -> None:
    async def go() -> None:
        connection, wire, _ = opened()
        calls = [Heard(b"%d." % n) for n in range(6)]
        for call in calls:
            connection.send(call)
        await asyncio.sleep(0)
        assert wire.written == [b"0.1.2.3.4.5."], "one write of all calls of a turn"
        ends = sorted({0, *cuts, len(REPLIES)})
        for begin, end in itertools.pairwise(ends):
            connection.data_received(REPLIES[begin:end])
        got = [call.replies for call in calls]
        assert isinstance(got[2][0], hiredis.ReplyError) and str(got[2][0]) == "READONLY no"
        assert [*got[:2], *got[3:]] == [[b"PONG"], [[1, 0, 0, 0, 17]], [None], [b"a\r\n"], [-5]]
        connection.abort()

    asyncio.run(go())


def test_who_waits_too_long_is_told_once_and_may_be_answered_yet() -> None:
    async def go() -> None:
        connection, _, told = opened(0.01)
        calls = [Heard(), Heard()]
        for call in calls:
            connection.send(call)
        await until(lambda: calls[1].was_late)
        assert told and connection.late == 1, "one turn of the loop"
        assert not calls[0].was_lost
        connection.data_received(b"+OK\r\n")
        assert calls[0].replies == [b"OK"] and connection.late == 1, (
            "that one was late all the same"
        )
        third = Heard()
        connection.send(third)
        await asyncio.sleep(0)
        connection.data_received(b"+OK\r\n+OK\r\n")
        assert (third.replies, connection.late) == ([b"OK"], 0)
        assert [call.was_late for call in calls] == [1, 1]
        connection.abort()

    asyncio.run(go())


def test_late_answers_are_counted_by_turns_of_the_loop() -> None:
    async def go() -> None:
        connection, _, told = opened(0.005)
        for turn in range(1, 4):
            calls = [Heard() for _ in range(20)]
            for call in calls:
                connection.send(call)
            await until(lambda calls=calls: all(call.was_late for call in calls))  # type: ignore[misc]
            assert connection.late == turn and told
        connection.abort()

    asyncio.run(go())


def test_a_loop_that_slept_is_no_late_answer() -> None:
    async def go() -> None:
        connection, _, told = opened(0.01)
        call = Heard()
        connection.send(call)
        await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        end = loop.time() + 0.03
        while loop.time() < end:  # we are busy; the answer has come meanwhile
            pass
        loop.call_soon(connection.data_received, b"+OK\r\n")
        await until(lambda: call.replies)
        assert (call.was_late, told) == (0, [])
        connection.abort()

    asyncio.run(go())


def test_what_had_no_answer_when_it_ended_is_lost() -> None:
    async def go() -> None:
        connection, wire, told = opened()
        calls = [Heard(), Heard()]
        connection.send(calls[0])
        await asyncio.sleep(0)
        connection.send(calls[1])  # has not left yet
        connection.connection_lost(None)
        await asyncio.sleep(0)
        assert [call.was_lost for call in calls] == [1, 1] and told == ["lost"]
        with pytest.raises(ConnectionError):
            await connection.ask(b"PING")
        assert not wire.aborted

    asyncio.run(go())


@pytest.mark.parametrize("nonsense", [b"HTTP/1.1 400 Bad Request\r\n", b"+OK\r\n+OK\r\n"])
def test_who_does_not_speak_as_redis_is_hung_up_on(nonsense: bytes) -> None:
    async def go() -> None:
        connection, wire, told = opened()
        call = Heard()
        connection.send(call)
        await asyncio.sleep(0)
        connection.data_received(nonsense)
        assert wire.aborted and told == ["lost"]
        assert bool(call.was_lost) != bool(call.replies)

    asyncio.run(go())


@pytest.mark.parametrize("leave", [True, False])
def test_calls_without_an_answer_have_a_most(leave: bool) -> None:
    """Also those of one turn of the loop, that have not left."""

    async def go() -> None:
        connection, wire, _ = opened()
        for _ in range(MOST_CALLS):
            assert not connection.full
            connection.send(Heard())
            if leave:
                await asyncio.sleep(0)
        assert connection.full and bool(wire.written) is leave
        connection.abort()
        await asyncio.sleep(0)

    asyncio.run(go())


def test_an_error_is_raised_to_who_awaits_it() -> None:
    async def go() -> None:
        connection, _, _ = opened()
        asked = asyncio.ensure_future(connection.ask(b"GET", b"x"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        connection.data_received(b"-NOPERM no permissions\r\n")
        with pytest.raises(ReplyRefused) as caught:
            await asked
        assert caught.value.word == "NOPERM"
        connection.abort()

    asyncio.run(go())


def test_who_asks_for_a_timely_reply_waits_no_longer_than_a_request() -> None:
    async def go() -> None:
        connection, _, _ = opened(0.01)
        patient = asyncio.ensure_future(connection.ask(b"PING"))
        with pytest.raises(TimeoutError):
            await connection.ask(b"PING", timely=True)
        connection.data_received(b"+PONG\r\n+PONG\r\n")
        assert await patient == b"PONG"
        connection.abort()

    asyncio.run(go())


def test_a_call_by_name_becomes_one_that_brings_the_script() -> None:
    named = command(b"EVALSHA", sha(ADMIT), b"1", b"key", b"more")
    assert as_source(named) == command(b"EVAL", ADMIT.encode(), b"1", b"key", b"more")
    assert as_source(command(b"PING")) == command(b"PING")


def test_what_nobody_waits_for_leaves_with_the_next_call_or_soon_after() -> None:
    async def go() -> None:
        connection, wire, _ = opened()
        connection.send(Heard(b"told."), soon=False)
        await asyncio.sleep(0)
        assert wire.written == [] and connection.busy
        connection.send(Heard(b"asked."))
        await asyncio.sleep(0)
        assert wire.written == [b"told.asked."]
        connection.send(Heard(b"alone."), soon=False)
        await until(lambda: wire.written[1:] == [b"alone."])
        connection.send(Heard(b"again."), soon=False)  # its timer is wound up anew
        await until(lambda: wire.written[2:] == [b"again."])
        connection.abort()

    asyncio.run(go())
