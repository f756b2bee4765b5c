"""The limiter over a real Redis: what stands there, who leaves, outages of every kind and their end."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from aisix.errors import Fault
from aisix.limits import Grant, LimitRefusal, SharedRateLimiter, clock
from aisix.limits.redis import protocol
from aisix.limits.redis.limiter import RedisRateLimiter
from aisix.limits.redis.settling import MOST_LATE
from tests.cluster.cut import Cut
from tests.cluster.servers import Redis
from tests.limits.counting import ask, granted, holder, in_redis, refused, until


def run(work: Coroutine[Any, Any, None]) -> None:
    async def go() -> None:
        async with asyncio.timeout(100):
            await work

    asyncio.run(go())


def env() -> str:
    return uuid.uuid4().hex


def keys(redis: Redis, env: str) -> dict[str, str]:
    """Those of an env, without it, and their types."""
    found = [key.decode() for key in redis.call("KEYS", f"aisix:q:{{{env}}}*")]
    return {key.partition("}:")[2]: redis.call("TYPE", key) for key in found}


def test_a_holder_is_one_row_and_one_set_of_places_and_both_go_by_themselves(redis: Redis) -> None:
    name = env()

    async def work() -> None:
        async with in_redis(redis, env=name) as limits:
            both = [holder(rpm=5, tpm=50, concurrency=2), holder("model:1", rpd=9)]
            grant = await granted(limits, both, 7)
            there = keys(redis, name)
            there.pop("probe", None)
            assert there == {"key:1": "string", "key:1:c": "zset", "model:1": "string"}
            at = f"aisix:q:{{{name}}}:"
            assert redis.call("ZCARD", f"{at}key:1:c") == 1
            assert 60_000 < redis.call("PTTL", f"{at}key:1") <= 65_000
            assert 86_400_000 < redis.call("PTTL", f"{at}model:1") <= 86_405_000
            assert 30_000 < redis.call("PTTL", f"{at}key:1:c") <= 35_000
            limits.settle(grant, 9, clock())
            await until(lambda: not redis.call("ZCARD", f"{at}key:1:c"))

    run(work())


def test_all_keys_of_an_env_are_in_one_slot_and_envs_know_nothing_of_each_other(
    redis: Redis,
) -> None:
    async def work() -> None:
        one, other = env(), env()
        async with in_redis(redis, env=one) as limits, in_redis(redis, env=other) as others:
            await granted(limits, [holder(rpm=1)])
            await refused(limits, [holder(rpm=1)])
            await granted(others, [holder(rpm=1)])

    run(work())


def test_several_workers_and_nodes_let_through_exactly_as_many_as_one(redis: Redis) -> None:
    async def work() -> None:
        name = env()
        async with (
            in_redis(redis, env=name) as a,
            in_redis(redis, env=name) as b,
            in_redis(redis, env=name) as c,
        ):
            both = [holder(rpm=70), holder("model:1", rpd=50, concurrency=40)]
            found = await asyncio.gather(*(ask(one, both) for _ in range(40) for one in (a, b, c)))
            assert sum(isinstance(one, Grant) for one in found) == 40
            for limits in (a, b, c):
                for at, one in enumerate(found):
                    if isinstance(one, Grant) and (a, b, c)[at % 3] is limits:
                        limits.settle(one, 0, clock())

            async def free() -> bool:
                return redis.call("ZCARD", f"aisix:q:{{{name}}}:model:1:c") == 0

            await until(free)
            found = await asyncio.gather(*(ask(one, both) for _ in range(40) for one in (a, b, c)))
            assert sum(isinstance(one, Grant) for one in found) == 10

    run(work())


def test_who_leaves_while_it_waits_gives_back_places_and_tokens(redis: Redis) -> None:
    async def work() -> None:
        name = env()
        async with in_redis(redis, env=name) as limits:
            key = [holder(concurrency=1, tpm=100, rpm=9)]
            asked = limits.admit(key, clock(), 60)
            assert isinstance(asked, asyncio.Future)
            asked.cancel()
            await until(lambda: _free(limits, key))
            found = await granted(limits, [holder(tpm=100)])
            assert found.levels[0].left == 100

    async def _free(limits: RedisRateLimiter, key: list[Any]) -> bool:
        found = await ask(limits, key)
        if isinstance(found, Grant):
            limits.settle(found, 0, clock())
        return isinstance(found, Grant)

    run(work())


def test_a_script_that_redis_has_forgotten_is_sent_again(redis: Redis) -> None:
    async def work() -> None:
        async with in_redis(redis, env=env()) as limits:
            key = [holder(rpm=3, tpm=100, concurrency=3)]
            first = await granted(limits, key, 5)
            redis.call("SCRIPT", "FLUSH")
            second = await granted(limits, key, 5)
            redis.call("SCRIPT", "FLUSH")
            limits.settle(first, 20, clock())
            limits.settle(second, 20, clock())
            found = await granted(limits, key)
            assert {one.counts: one.left for one in found.levels} == {"requests": 0, "tokens": 60}
            assert limits.status()["up"]

    run(work())


def test_places_are_renewed_while_a_request_runs_and_free_soon_after_its_worker_died(
    redis: Redis,
) -> None:
    async def work() -> None:
        name = env()
        key = [holder(concurrency=1)]
        async with in_redis(redis, env=name, lease=1.5) as other:
            async with in_redis(redis, env=name, lease=1.5) as limits:
                await granted(limits, key)
                loop = asyncio.get_running_loop()
                end = loop.time() + 3.5
                while loop.time() < end:  # two leases and more
                    await refused(other, key)
                    await asyncio.sleep(0.1)
            # its worker is gone, and has said nothing
            await until(lambda: _granted(other, key))

    async def _granted(limits: RedisRateLimiter, key: list[Any]) -> bool:
        return isinstance(await ask(limits, key), Grant)

    run(work())


def test_a_row_somebody_else_wrote_refuses_nobody_forever(redis: Redis) -> None:
    async def work() -> None:
        name = env()
        redis.call("SET", f"aisix:q:{{{name}}}:key:1", b"\xc1nonsense")
        async with in_redis(redis, env=name) as limits:
            found = await granted(limits, [holder(rpm=1)])
            assert found.local, "by the node's own counters: told, and the others go on"
            assert not (await granted(limits, [holder("key:2", rpm=1)])).local
            assert limits.status()["up"]

    run(work())


def test_what_was_told_last_arrives_when_a_worker_ends(redis: Redis) -> None:
    async def work() -> None:
        name = env()
        key = [holder(tpm=1000, concurrency=30)]
        async with in_redis(redis, env=name) as limits:
            for one in [await granted(limits, key, 5) for _ in range(20)]:
                limits.settle(one, 20, clock())
        async with in_redis(redis, env=name) as limits:
            assert (await granted(limits, key)).levels[0].left == 600
            assert redis.call("ZCARD", f"aisix:q:{{{name}}}:key:1:c") == 1

    run(work())


# ---------------------------------------------------------------- outages
def test_killed_and_there_again(tmp_path: Path) -> None:
    async def work() -> None:
        with Redis(tmp_path) as redis:
            async with in_redis(redis, nodes=lambda: 3) as limits:
                key = [holder(rpm=30)]
                for _ in range(6):
                    await granted(limits, key)
                redis.kill()
                await until(lambda: not limits.status()["up"])
                verdict = limits.admit(key, clock())
                assert isinstance(verdict, Grant), "nobody waits while it is away"
                assert verdict.local and verdict.levels[0].most == 10
                assert verdict.levels[0].left == 10 - 2 - 1, "a third of six is counted already"
                redis.restart()
                await until(lambda: limits.status()["up"])
                assert not (await granted(limits, key)).local
                assert limits.tally.fallbacks == {("local_share", "lost"): 1} or limits.tally

    run(work())


def test_places_given_before_an_outage_are_of_the_share_in_it_and_free_after_it(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        with Redis(tmp_path) as redis:
            async with in_redis(redis, nodes=lambda: 3) as limits:
                key = [holder(concurrency=6), holder("model:1", rpm=900)]
                streams = [await granted(limits, key) for _ in range(5)]
                redis.kill()
                await until(lambda: not limits.status()["up"])
                assert (await refused(limits, key)).local, "five here are more than a share of two"
                for one in streams[:3]:
                    limits.settle(one, 0, clock())
                assert (await refused(limits, key)).local, "two here are a whole share"
                limits.settle(streams[3], 0, clock())
                inside = await granted(limits, key)
                assert (await refused(limits, key)).local
                redis.restart()
                await until(lambda: limits.status()["up"])
                limits.settle(inside, 0, clock())
                limits.settle(streams[4], 0, clock())
                for _ in range(6):
                    assert not (await granted(limits, key)).local
                assert not (await refused(limits, key)).local

    run(work())


def test_a_loop_that_is_blocked_is_no_outage(redis: Redis) -> None:
    async def work() -> None:
        async with in_redis(redis, timeout=0.05) as limits:
            key = [holder(rpm=900)]
            for _ in range(6):
                asked = [limits.admit(key, clock()) for _ in range(4)]
                await asyncio.sleep(0)  # they leave
                time.sleep(0.15)  # nothing of ours runs
                found = [
                    one if isinstance(one, Grant | LimitRefusal) else await one for one in asked
                ]
                assert not any(one.local for one in found)
            assert limits.status()["up"] and not limits.tally.fallbacks

    run(work())


def test_a_loop_that_is_busy_finds_redis_again(tmp_path: Path) -> None:
    async def work() -> None:
        with Redis(tmp_path) as redis:
            async with in_redis(redis, timeout=0.008) as limits:
                key = [holder(rpm=900)]
                await until(lambda: limits.status()["up"])
                over = False

                async def busy() -> None:  # each turn takes longer than an answer may
                    while not over:
                        time.sleep(0.012)
                        await asyncio.sleep(0)

                turns = asyncio.create_task(busy())
                redis.kill()
                await until(lambda: not limits.status()["up"])
                redis.restart()
                await until(lambda: limits.status()["up"])
                assert not (await granted(limits, key)).local
                over = True
                await turns

    run(work())


def test_stopped_nobody_waits_for_long_and_what_was_held_is_given_back(tmp_path: Path) -> None:
    async def work() -> None:
        with Redis(tmp_path) as redis:
            async with in_redis(redis, timeout=0.2) as limits:
                key = [holder(concurrency=5, tpm=1000)]
                first = await granted(limits, key, 10)
                redis.stop()
                found = await asyncio.gather(*(ask(limits, key, 1) for _ in range(5)))
                assert all(one.local for one in found)
                await until(lambda: not limits.status()["up"])
                assert isinstance(limits.admit(key, clock()), LimitRefusal), (
                    "five are under way here"
                )
                for one in found:
                    assert isinstance(one, Grant)
                    limits.settle(one, 2, clock())
                limits.settle(first, 30, clock())
                redis.cont()
                await until(lambda: limits.status()["up"])
                await until(lambda: not limits.settling.kept)

                async def free() -> bool:
                    grants = [await ask(limits, key) for _ in range(5)]
                    good = all(isinstance(one, Grant) and not one.local for one in grants)
                    for one in grants:
                        if isinstance(one, Grant):
                            limits.settle(one, 0, clock())
                    return good

                await until(free)  # all five places are there again, the first one's too
                left = (await granted(limits, key)).levels[0].left
                assert left <= 1000 - 30

    run(work())


def test_cut_off_by_the_network_and_there_again(redis: Redis) -> None:
    async def work() -> None:
        with Cut(redis.port) as cut:
            url = f"redis://127.0.0.1:{cut.port}"
            async with in_redis(url, env=env(), timeout=0.2) as limits:
                key = [holder(rpm=100)]
                await granted(limits, key)
                for act in (cut.blackhole, cut.reset, cut.refuse):
                    act()

                    async def local() -> bool:
                        return (await granted(limits, key)).local

                    if act is not cut.reset:  # that is over at once
                        await until(local)
                    cut.heal()

                    async def remote() -> bool:
                        return not (await granted(limits, key)).local

                    await until(remote)

    run(work())


def test_who_waits_when_it_is_lost_is_answered_by_the_policy(tmp_path: Path) -> None:
    async def work() -> None:
        with Redis(tmp_path) as redis:
            async with in_redis(redis, policy="fail_closed") as limits:
                key = [holder(rpm=100)]
                redis.stop()
                asked = [limits.admit(key, clock()) for _ in range(3)]
                await asyncio.sleep(0)
                redis.kill()
                for one in asked:
                    assert isinstance(one, Awaitable)
                    with pytest.raises(Fault, match="overloaded"):
                        await one
                with pytest.raises(Fault, match="overloaded"):
                    limits.admit(key, clock())
                assert limits.admit([holder()], clock()).holders == ()  # type: ignore[union-attr]

    run(work())


def test_without_redis_at_the_start_the_policy_holds_and_it_is_taken_up_later(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        with Redis(tmp_path) as redis:
            redis.kill()
            async with in_redis(redis, up=False, nodes=lambda: 2) as limits:
                assert not limits.status()["up"] and limits.status()["share"] == "1/2"
                assert (await granted(limits, [holder(rpm=2)])).local
                assert (await refused(limits, [holder(rpm=2)])).local
                redis.restart()
                await until(lambda: limits.status()["up"])
                assert not (await granted(limits, [holder(rpm=2)])).local

    run(work())


def test_tokens_of_requests_that_end_in_an_outage_are_told_after_it(tmp_path: Path) -> None:
    async def work() -> None:
        with Redis(tmp_path) as redis, Cut(redis.port) as cut:
            async with in_redis(f"redis://127.0.0.1:{cut.port}") as limits:
                key = [holder(tpm=1000, concurrency=9)]
                grants = [await granted(limits, key, 10) for _ in range(3)]
                cut.refuse()
                await until(lambda: not limits.status()["up"])
                local = await granted(limits, key, 10)
                assert local.local
                for one in grants:
                    limits.settle(one, 100, clock())
                assert limits.settling.kept == 3
                cut.heal()
                await until(lambda: limits.status()["up"])

                async def told() -> bool:
                    found = await granted(limits, [holder(tpm=1000)])
                    return found.levels[0].left == 700

                await until(told)
                limits.settle(local, 50, clock())  # it had begun here, and ends where all count
                await until(lambda: _left(limits, 650))

    async def _left(limits: RedisRateLimiter, left: int) -> bool:
        return (await granted(limits, [holder(tpm=1000)])).levels[0].left == left

    run(work())


def test_what_cannot_be_told_is_kept_up_to_a_most_and_then_counted_as_lost(tmp_path: Path) -> None:
    async def work() -> None:
        with Redis(tmp_path) as redis:
            async with in_redis(redis) as limits:
                key = [holder(tpm=10**9)]
                grants = [await granted(limits, key) for _ in range(30)]
                redis.kill()
                await until(lambda: not limits.status()["up"])
                plan = grants[0].note.plan
                for _ in range(MOST_LATE - 10):
                    limits.settling.spent(plan, 1)
                for one in grants:
                    limits.settle(one, 7, clock())
                assert limits.settling.kept == MOST_LATE
                assert limits.tally.dropped == 20

    run(work())


def test_a_request_under_way_keeps_its_place_in_a_redis_that_has_forgotten_all(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        with Redis(tmp_path) as redis:
            async with in_redis(redis) as limits:
                key = [holder(concurrency=2)]
                first = await granted(limits, key)
                redis.kill()
                await until(lambda: not limits.status()["up"])
                second = await granted(limits, key)
                assert second.local
                redis.restart()
                await until(lambda: limits.status()["up"])
                assert not (await refused(limits, key)).local, "both have their places there"
                assert limits.tally.calls["probe", "emptied"] == 1
                limits.settle(first, 0, clock())
                limits.settle(second, 0, clock())
                third = await granted(limits, key)
                fourth = await granted(limits, key)
                assert not third.local and not fourth.local

    run(work())


def test_an_emptied_redis_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Once, in the log and counted; one that kept what it had is told as no more than back."""
    import logging

    logging.getLogger("aisix").propagate = True

    async def work() -> None:
        with Redis(tmp_path) as redis, Cut(redis.port) as cut:
            async with in_redis(f"redis://127.0.0.1:{cut.port}") as limits:
                key = [holder(rpm=2)]
                await granted(limits, key)
                for emptied in (False, True):
                    if emptied:
                        redis.call("FLUSHALL")
                    cut.refuse()
                    await until(lambda: not limits.status()["up"])
                    cut.heal()
                    await until(lambda: limits.status()["up"])
                    assert limits.tally.calls.get(("probe", "emptied"), 0) == emptied
                found = await granted(limits, key)
                assert not found.local and found.levels[0].left == 1, "its window began anew"

    with caplog.at_level("INFO", "aisix"):
        run(work())
    back = [one for one in caplog.records if "counts again" in one.getMessage()]
    lost = "it has lost what it had counted: every window begins anew, once"
    assert [lost in one.getMessage() for one in back] == [False, True]
    assert [one.levelname for one in back] == ["INFO", "ERROR"]


def test_requests_beyond_the_most_that_may_wait_have_the_policys_verdict(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "MOST_CALLS", 30)

    async def work() -> None:
        async with in_redis(redis, env=env()) as limits:
            key = [holder(rpm=1000)]
            found = [limits.admit(key, clock()) for _ in range(50)]
            asked = [one for one in found if isinstance(one, asyncio.Future)]
            at_once = [one for one in found if isinstance(one, Grant)]
            assert len(asked) == 30 and len(at_once) == 20
            assert all(one.local for one in at_once)
            assert limits.tally.fallbacks["local_share", "full"] == 20
            verdicts = [await one for one in asked]
            assert not any(one.local for one in verdicts) and limits.status()["up"]
            assert not (await granted(limits, key)).local

    run(work())


def test_a_holders_overlong_name_is_counted_by_its_hash(redis: Redis) -> None:
    name = env()

    async def work() -> None:
        async with in_redis(redis, env=name) as limits, in_redis(redis, env=name) as other:
            long, near = "key:" + "x" * 100_000, "key:" + "x" * 100_001
            await granted(limits, [holder(long, rpm=1, concurrency=1)])
            await refused(other, [holder(long, rpm=1, concurrency=1)])
            await granted(other, [holder(near, rpm=1)])
            there = keys(redis, name)
            there.pop("probe", None)
            assert len(there) == 3 and all(len(one) < 100 for one in there), there
            assert all(one.startswith("key:#") for one in there)

    run(work())


def test_one_outage_is_told_once_for_all_workers_of_a_node(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import logging

    logging.getLogger("aisix").propagate = True

    async def work() -> None:
        shared = SharedRateLimiter(4, rows=8)
        with Redis(tmp_path, password="p-of-the-tests") as redis:
            async with (
                in_redis(redis, shared, number=1) as a,
                in_redis(redis, shared, number=2) as b,
            ):
                redis.kill()
                await until(lambda: not a.link.connection and not b.link.connection)
                assert a.status()["since"] == b.status()["since"] is not None
                redis.restart()
                await until(lambda: a.status()["up"])
                assert b.link.connection

    with caplog.at_level("INFO", "aisix"):
        run(work())
    said = [record.getMessage() for record in caplog.records if "limits" in record.getMessage()]
    assert len(said) == 2, said
    assert "redis cannot be asked: the connection was lost; on_outage: local_share, 1/1" in said[0]
    assert "counts again" in said[1]


@pytest.mark.parametrize("wrong", ["password", "rights"])
def test_what_an_operator_must_put_right_is_told_as_that(
    tmp_path: Path, wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    import logging

    logging.getLogger("aisix").propagate = True

    async def work() -> None:
        from aisix.limits.redis.where import RedisWhere

        with Redis(tmp_path) as redis:
            redis.call("ACL", "SETUSER", "limits", "on", ">hidden-word", "~other:*", "+@all")
            word = "wrong-word" if wrong == "password" else "hidden-word"
            where = RedisWhere.of("single", redis.url, username="limits", password=word)
            async with in_redis(redis, where=where, up=False) as limits:
                assert (await granted(limits, [holder(rpm=2)])).local

    with caplog.at_level("INFO", "aisix"):
        run(work())
    said = " ".join(record.getMessage() for record in caplog.records)
    assert ("WRONGPASS" if wrong == "password" else "NOPERM") in said
    assert "-word" not in said


def test_the_rights_the_documents_name_suffice(tmp_path: Path) -> None:
    from aisix.limits.redis.where import RedisWhere
    from tests.running import ROOT

    text = (ROOT / "docs" / "limits.md").read_text()
    (line,) = [one for one in text.splitlines() if one.startswith("user aisix")]

    async def work() -> None:
        with Redis(tmp_path) as redis:
            _, name, *rights = line.split()
            redis.call("ACL", "SETUSER", name, *[one.replace("PASSWORD", "w") for one in rights])
            where = RedisWhere.of("single", redis.url, username=name, password="w")
            async with in_redis(redis, where=where) as limits:
                key = [holder(rpm=9, tpm=9, concurrency=1)]
                limits.settle(await granted(limits, key, 1), 5, clock())
                redis.call("SCRIPT", "FLUSH")
                grant = await granted(limits, key)
                limits.settling._hold([grant.note.member])
                limits.settle(grant, 2, clock())
                found = await granted(limits, key)
                assert {one.counts: one.left for one in found.levels} == {
                    "requests": 6,
                    "tokens": 2,
                }
                assert not any(result == "error" for _, result in limits.tally.calls)

    run(work())
