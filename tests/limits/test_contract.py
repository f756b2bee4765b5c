"""What every limiter holds to, in memory and in Redis: the same expectations of both."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from aisix.limits import Grant, Holder, LimitRule, RateLimiter, SharedRateLimiter, clock
from tests.limits.counting import ask, granted, holder, in_redis, refused, until

Work = Callable[[RateLimiter], Awaitable[None]]
Run = Callable[[Work], None]
SHORT = 1  # s of a window that a test sees the end of


@pytest.fixture(params=["memory", "redis"])
def run(request: pytest.FixtureRequest) -> Run:
    """Does the work with a limiter that nobody else counts in."""

    @asynccontextmanager
    async def made() -> AsyncIterator[RateLimiter]:
        if request.param == "memory":
            yield SharedRateLimiter(places=2, rows=16)
        else:
            redis = request.getfixturevalue("redis")
            async with in_redis(redis, env=uuid.uuid4().hex) as limits:
                yield limits

    def run(work: Work) -> None:
        async def go() -> None:
            async with asyncio.timeout(100), made() as limits:
                await work(limits)

        asyncio.run(go())

    return run


def test_a_window_begins_with_its_first_request_and_forgets_all_at_its_end(run: Run) -> None:
    async def work(limits: RateLimiter) -> None:
        key = [holder(rps=2)]
        first = await granted(limits, key)
        assert [(one.counts, one.most, one.left) for one in first.levels] == [("requests", 2, 1)]
        second = await ask(limits, key)
        if isinstance(second, Grant) and second.levels[0].left == 0:  # else the second has gone by
            found = await ask(limits, key)
            if not isinstance(found, Grant):
                assert found.rule.name == "rps" and 0 < found.wait <= 1
                assert 0 < found.levels[0].reset <= 1

        async def anew() -> bool:
            found = await ask(limits, key)
            return isinstance(found, Grant) and found.levels[0].left == 1

        await until(anew)

    run(work)


@pytest.mark.parametrize(("name", "seconds"), [("rpm", 60), ("rph", 3600), ("rpd", 86400)])
def test_each_kind_of_request_limit_has_its_own_window(run: Run, name: str, seconds: int) -> None:
    async def work(limits: RateLimiter) -> None:
        key = [holder(**{name: 1})]
        assert (await granted(limits, key)).levels[0].reset == pytest.approx(seconds, abs=1)
        found = await refused(limits, key)
        assert found.rule.name == name and seconds - 40 < found.wait <= seconds

    run(work)


def test_what_one_limit_refuses_counts_under_no_other(run: Run) -> None:
    async def work(limits: RateLimiter) -> None:
        both = [holder(rpm=100), holder("model:1", rpm=1)]
        await granted(limits, both)
        for _ in range(5):
            found = await refused(limits, both)
            assert (found.holder.ident, found.rule.most) == ("model:1", 1)
        alone = await granted(limits, [both[0]])
        assert [(level.most, level.left) for level in alone.levels] == [(100, 98)]

    run(work)


def test_the_longest_wait_of_all_that_refuse_is_told(run: Run) -> None:
    async def work(limits: RateLimiter) -> None:
        key = [holder(rpm=1, rpd=1, concurrency=1)]
        await granted(limits, key)
        assert (await refused(limits, key)).rule.name == "rpd"

    run(work)


def test_tokens_are_booked_at_the_end_and_close_the_window_from_then_on(run: Run) -> None:
    async def work(limits: RateLimiter) -> None:
        key = [holder(tpm=1000)]
        first, second = await granted(limits, key), await granted(limits, key)
        limits.settle(first, 1500, clock())
        limits.settle(second, 0, clock())
        found = await refused(limits, key)
        assert found.rule.name == "tpm" and 20 < found.wait <= 60
        assert [(level.counts, level.left) for level in found.levels] == [("tokens", 0)]

    run(work)


def test_a_place_is_held_until_it_is_settled(run: Run) -> None:
    async def work(limits: RateLimiter) -> None:
        key = [holder(concurrency=2), holder("model:1", concurrency=9)]
        first = await granted(limits, key)
        await granted(limits, key)
        found = await refused(limits, key)
        assert (found.rule.name, found.wait) == ("concurrency", 1.0)
        assert {level.counts for level in found.levels} <= {"concurrency"}
        limits.settle(first, 10, clock())
        limits.settle(first, 10, clock())
        await granted(limits, key)
        await refused(limits, key)

    run(work)


def test_zero_lets_nothing_through(run: Run) -> None:
    async def work(limits: RateLimiter) -> None:
        for name in ("rps", "rpd", "tpm", "concurrency"):
            assert (await refused(limits, [holder(**{name: 0})])).rule.name == name

    run(work)


def test_without_rules_nothing_is_counted_and_nobody_waits(run: Run) -> None:
    async def work(limits: RateLimiter) -> None:
        found = limits.admit([holder(), holder("model:1")], clock())
        assert isinstance(found, Grant)
        assert (found.holders, found.levels) == ((), ())
        limits.settle(found, 5, clock())

    run(work)


def test_tokens_are_booked_at_once_and_put_right_while_it_runs_and_at_its_end(run: Run) -> None:
    async def work(limits: RateLimiter) -> None:
        key = [holder(tpm=100)]

        async def left() -> int:
            found = await ask(limits, key)
            if isinstance(found, Grant):
                limits.settle(found, 0, clock())
            return found.levels[0].left

        first = await granted(limits, key, 30)
        assert first.levels[0].left == 100, "what was left before it"
        assert await left() == 70
        limits.book(first, 20, clock())
        assert await left() == 80
        limits.book(first, 95, clock())
        limits.book(first, 95, clock())
        assert await left() == 5
        second = await granted(limits, key, 30)
        assert (await refused(limits, key)).rule.name == "tpm"
        limits.settle(second, 1, clock())
        limits.settle(first, 50, clock())
        limits.settle(first, 500, clock())
        limits.book(first, 500, clock())
        assert await left() == 49

    run(work)


def test_bookings_that_follow_each_other_at_once_are_all_counted(run: Run) -> None:
    async def work(limits: RateLimiter) -> None:
        key = [holder(tpm=1000)]
        first = await granted(limits, key, 30)
        for tokens in (40, 45, 20):
            limits.book(first, tokens, clock())
        limits.settle(first, 60, clock())

        async def settled() -> bool:
            return (await granted(limits, key)).levels[0].left == 940

        await until(settled)

    run(work)


def test_what_was_booked_in_a_window_that_ended_is_not_taken_back_from_the_next(run: Run) -> None:
    async def work(limits: RateLimiter) -> None:
        key = [Holder("key:1", (LimitRule("tpm", "tokens", SHORT, 100, 4),))]
        first = await granted(limits, key, 80)

        async def anew() -> bool:
            return (await granted(limits, key)).levels[0].left == 100

        await until(anew)
        other = await granted(limits, key, 10)
        limits.book(first, 90, clock())  # ten more than were booked: they count now
        limits.settle(first, 1, clock())  # of these no more than ten can be taken back
        limits.settle(other, 10, clock())

        async def put_right() -> bool:
            left = (await granted(limits, key)).levels[0].left
            return left in (90, 100)  # 100: that window has ended, too

        await until(put_right)

    run(work)


def test_no_count_of_tokens_is_too_large(run: Run) -> None:
    async def work(limits: RateLimiter) -> None:
        key = [holder(tpm=100, tpd=10**18)]
        limits.settle(await granted(limits, key, 10**400), 10**401, clock())
        assert (await refused(limits, key)).rule.name == "tpm"

    run(work)


def test_rules_may_change_and_what_was_counted_stays(run: Run) -> None:
    async def work(limits: RateLimiter) -> None:
        await granted(limits, [holder(rpd=5, rpm=5)])
        await granted(limits, [holder(rpm=5)])
        found = await granted(limits, [holder(rpd=2, tpm=5)])
        assert [(one.most, one.left) for one in found.levels] == [(2, 0), (5, 5)]
        assert (await refused(limits, [holder(rpd=2)])).rule.name == "rpd"

    run(work)


def test_of_two_rules_the_one_with_less_room_is_told(run: Run) -> None:
    async def work(limits: RateLimiter) -> None:
        found = await granted(limits, [holder(rpm=10, rpd=4), holder("model:1", rph=7, tpm=8)])
        told = {one.counts: (one.most, one.left) for one in found.levels}
        assert told == {"requests": (4, 3), "tokens": (8, 8)}

    run(work)


def test_many_at_one_time_are_let_through_exactly_as_often_as_allowed(run: Run) -> None:
    async def work(limits: RateLimiter) -> None:
        both = [holder(rpm=40), holder("model:1", rpd=30, concurrency=25)]
        found = await asyncio.gather(*(ask(limits, both) for _ in range(100)))
        grants = [one for one in found if isinstance(one, Grant)]
        assert len(grants) == 25
        for one in grants:
            limits.settle(one, 0, clock())
        found = await asyncio.gather(*(ask(limits, both) for _ in range(100)))
        assert sum(isinstance(one, Grant) for one in found) == 5

    run(work)
