"""A rate limiter that has to be asked over a wire: the request waits for it, and nothing is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from aisix.errors import Fault
from aisix.limits import Grant, Holder, Level, LimitRefusal, RateLimiter, Verdict
from tests.inside import TOKENS, Inside, good
from tests.upstream.peer import Peer


class Remote:
    """Says what `verdict` says, when `open` is set; `cancelled` counts who did not wait for it."""

    def __init__(self, verdict: Callable[[tuple[Holder, ...]], Verdict]) -> None:
        self.verdict = verdict
        self.open = asyncio.Event()
        self.asked = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.settled: list[tuple[Grant, int]] = []

    def admit(self, holders: Sequence[Holder], now: float, tokens: int = 0) -> Awaitable[Verdict]:
        return self._admit(tuple(holders))

    async def _admit(self, holders: tuple[Holder, ...]) -> Verdict:
        self.asked.set()
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return self.verdict(holders)

    def settle(self, grant: Grant, tokens: int, now: float) -> None:
        self.settled.append((grant, tokens))

    def book(self, grant: Grant, tokens: int, now: float) -> None: ...

    def sit(self, number: int) -> None: ...


def granted(holders: tuple[Holder, ...]) -> Verdict:
    return Grant(holders, (Level("requests", 7, 6, 30.0),))


def refused(holders: tuple[Holder, ...]) -> Verdict:
    holder = holders[0]
    return LimitRefusal(holder, holder.rules[0], 12.5, (Level("requests", 7, 0, 12.5),))


def unreachable(holders: tuple[Holder, ...]) -> Verdict:
    raise Fault("overloaded", retry_after=3)


Verdicts = Callable[[tuple[Holder, ...]], Verdict]
Work = Callable[[Inside, Peer, Remote], Awaitable[None]]


def with_limiter(folder: Path, verdict: Verdicts, work: Work) -> Remote:
    """Runs `work`; afterwards nothing is under way any more."""

    async def serving() -> Remote:
        limiter = Remote(verdict)
        asked: RateLimiter = limiter
        async with (
            asyncio.timeout(30),
            Peer(good) as peer,
            Inside.serving(folder, peer.url, limit={"rpm": 7}) as inside,
        ):
            inside.gateway.limits = asked
            await work(inside, peer, limiter)
            assert await inside.gateway.drain(10)
            assert inside.gateway.admission.taken == 0
        return limiter

    return asyncio.run(serving())


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_waits_for_its_leave_and_settles_what_it_used(
    tmp_path: Path, stream: bool
) -> None:
    async def work(inside: Inside, peer: Peer, limiter: Remote) -> None:
        caller = await inside.asking(stream=stream)
        await limiter.asked.wait()
        assert peer.calls == []
        limiter.open.set()
        answer = await caller.answer("POST")
        assert answer is not None
        assert answer.status == 200
        assert answer.headers["x-ratelimit-remaining-requests"] == "6"

    ((grant, tokens),) = with_limiter(tmp_path, granted, work).settled
    assert [holder.ident.partition(":")[0] for holder in grant.holders] == ["key"]
    assert tokens == TOKENS


def test_a_refusal_that_was_waited_for_is_a_429_and_goes_nowhere(tmp_path: Path) -> None:
    async def work(inside: Inside, peer: Peer, limiter: Remote) -> None:
        limiter.open.set()
        answer = await inside.ask()
        assert (answer.status, answer.headers["retry-after"]) == (429, "13")
        assert answer.headers["x-ratelimit-remaining-requests"] == "0"
        assert answer.json["error"]["code"] == "rate_limit_exceeded"
        assert peer.calls == []

    assert with_limiter(tmp_path, refused, work).settled == []


def test_a_fault_of_the_limiter_is_told(tmp_path: Path) -> None:
    async def work(inside: Inside, peer: Peer, limiter: Remote) -> None:
        limiter.open.set()
        answer = await inside.ask()
        assert (answer.status, answer.headers["retry-after"]) == (503, "3")
        assert peer.calls == []

    assert with_limiter(tmp_path, unreachable, work).settled == []


def test_a_caller_who_leaves_meanwhile_is_not_counted(tmp_path: Path) -> None:
    async def work(inside: Inside, peer: Peer, limiter: Remote) -> None:
        caller = await inside.asking()
        await limiter.asked.wait()
        caller.writer.close()
        await limiter.cancelled.wait()
        assert peer.calls == []

    assert with_limiter(tmp_path, granted, work).settled == []


def test_leave_that_comes_as_the_caller_goes_is_given_back(tmp_path: Path) -> None:
    async def work(inside: Inside, peer: Peer, limiter: Remote) -> None:
        def as_it_goes(holders: tuple[Holder, ...]) -> Verdict:
            """The loop hears of the end of the connection before the request hears of its leave."""
            for connection in inside.listener.connections:
                connection.transport.abort()
            return granted(holders)

        limiter.verdict = as_it_goes
        limiter.open.set()
        caller = await inside.asking()
        assert await caller.answer("POST") is None
        assert peer.calls == []
        assert not limiter.cancelled.is_set()

    ((_, tokens),) = with_limiter(tmp_path, granted, work).settled
    assert tokens == 0


def of_members(folder: Path, inside: Inside) -> None:
    """The alias becomes a group: `a`, whose upstream is gone, and `b`, each with a limit."""
    file = folder / "resources.yaml"
    document = json.loads(file.read_text())
    [model], [key] = document["models"], document["provider_keys"]
    gone = {**key, "id": "gone", "display_name": "gone", "api_base": "http://127.0.0.1:1"}
    limit = {"rate_limit": {"rpm": 7}}
    a = {**model, "display_name": "a", "provider_key_id": "gone", **limit}
    b = {**model, "display_name": "b", **limit}
    targets = [{"model": "a"}, {"model": "b"}]
    group = {"display_name": model["display_name"], "routing": {"targets": targets}}
    document |= {"models": [a, b, group], "provider_keys": [key, gone]}
    file.write_text(json.dumps(document))
    inside.gateway.store.reload()


@pytest.mark.parametrize("stream", [False, True])
def test_limits_of_a_groups_targets_are_waited_for_and_settled(
    tmp_path: Path, stream: bool
) -> None:
    async def work(inside: Inside, peer: Peer, limiter: Remote) -> None:
        of_members(tmp_path, inside)
        limiter.open.set()
        answer = await inside.ask(stream=stream)
        assert answer.status == 200 and answer.headers["x-aisix-served-by"] == "b"

    settled = with_limiter(tmp_path, granted, work).settled
    whose = [grant.holders[0].ident.partition(":")[0] for grant, _ in settled]
    assert sorted(whose) == ["key", "model", "model"]
    assert sorted(tokens for _, tokens in settled) == [0, TOKENS, TOKENS]  # `a` has used nothing


@pytest.mark.parametrize("stream", [False, True])
def test_no_target_has_room(tmp_path: Path, stream: bool) -> None:
    def of_the_key(holders: tuple[Holder, ...]) -> Verdict:
        return granted(holders) if holders[0].ident.startswith("key") else refused(holders)

    async def work(inside: Inside, peer: Peer, limiter: Remote) -> None:
        of_members(tmp_path, inside)
        limiter.open.set()
        answer = await inside.ask(stream=stream)
        assert (answer.status, answer.headers["retry-after"]) == (429, "13")
        assert peer.calls == []

    [(_, tokens)] = with_limiter(tmp_path, of_the_key, work).settled
    assert tokens == 0


@pytest.mark.parametrize("stream", [False, True])
def test_a_caller_who_leaves_while_a_targets_limit_is_asked(tmp_path: Path, stream: bool) -> None:
    async def work(inside: Inside, peer: Peer, limiter: Remote) -> None:
        of_members(tmp_path, inside)
        limiter.open.set()
        asked = 0

        def then_wait(holders: tuple[Holder, ...]) -> Verdict:
            nonlocal asked
            asked += 1
            if asked == 2:  # the key's and the first target's are given: the second is waited for
                limiter.open.clear()
                limiter.asked.clear()
            return granted(holders)

        limiter.verdict = then_wait
        caller = await inside.asking(stream=stream)
        while asked < 2:
            await asyncio.sleep(0)
            await limiter.asked.wait()
        await limiter.asked.wait()
        caller.writer.close()
        await limiter.cancelled.wait()
        assert peer.calls == []

    settled = with_limiter(tmp_path, granted, work).settled
    assert [tokens for _, tokens in settled] == [0, 0]
