"""Background checks of models: what is asked, what comes of it, who asks."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from aisix.proxy.model_checks import AT_ONE_TIME, IDLE_SECS, ModelChecks
from aisix.routing.model_health import ModelState
from aisix.upstream import faults
from tests import rough
from tests.inside import Inside, good
from tests.upstream.peer import Call, Peer

CHECK = {
    "enabled": True,
    "interval_seconds": 7,
    "timeout_seconds": 1,
    "prompt": "Say OK.",
    "answer_tokens": 8,
    "ignore_statuses": [408, 429],
    "stale_after_seconds": 90,
}


def in_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @functools.wraps(test)
    def run(*args: Any, **more: Any) -> None:
        asyncio.run(test(*args, **more))

    return run


def checks_of(inside: Inside) -> ModelChecks:
    return ModelChecks(inside.gateway, lambda: True)


def state(inside: Inside) -> ModelState:
    balancers = inside.gateway.balancers()
    [entry] = balancers.snapshot.entries("models")
    found = balancers.state(entry.id)
    assert found is not None
    return found


def failing(status: str) -> Callable[[Call], Any]:
    async def answer(call: Call) -> None:
        await call.write(rough.json(b'{"type":"error","error":{"message":"no"}}', status))

    return answer


async def broken(call: Call) -> None:
    call.close()


async def nonsense(call: Call) -> None:
    await call.write(rough.json(b"[]"))


async def silent(call: Call) -> None:
    await asyncio.sleep(60)


@pytest.mark.parametrize(
    ("upstream", "ignored", "expected"),
    [
        (good, [], ("healthy", None, None)),
        (failing("503 Busy"), [429], ("unhealthy", 503, "background_check_failed")),
        (failing("429 Slow"), [429], ("healthy", 429, "ignored_transient_error")),
        (failing("429 Slow"), [], ("unhealthy", 429, "background_check_failed")),
        (failing("401 No"), [], ("unhealthy", 401, "background_check_failed")),
        (silent, [], ("unhealthy", 408, "background_check_failed")),
        (silent, [408], ("healthy", 408, "ignored_transient_error")),
        (broken, [408], ("unhealthy", None, "background_check_failed")),
        (nonsense, [], ("unhealthy", None, "background_check_failed")),
    ],
)
@in_a_loop
async def test_what_comes_of_a_check(
    tmp_path: Path, upstream: Any, ignored: list[int], expected: tuple[str, int | None, str | None]
) -> None:
    check = {**CHECK, "ignore_statuses": ignored}
    async with (
        Peer(upstream) as peer,
        Inside.serving(tmp_path, peer.url, background_model_check=check) as inside,
    ):
        assert await checks_of(inside).once() == 7.0
        found = state(inside)
        assert (found.status, found.last_check_status, found.status_reason) == expected
        assert found.last_checked_at is not None


@in_a_loop
async def test_it_goes_through_the_tables_and_is_no_request_of_a_caller(tmp_path: Path) -> None:
    asked: list[Call] = []

    async def upstream(call: Call) -> None:
        asked.append(call)
        await good(call)

    async with (
        Peer(upstream) as peer,
        Inside.serving(tmp_path, peer.url, background_model_check=CHECK) as inside,
    ):
        await checks_of(inside).once()
        [call] = asked
        sent = json.loads(call.body)
        assert sent["model"] == "claude-opus-5-5" and sent["max_tokens"] == 8
        assert "Say OK." in json.dumps(sent["messages"]) and not sent.get("stream")
        assert inside.gateway.serving == inside.gateway.served == 0


@in_a_loop
async def test_a_good_check_ends_what_a_bad_one_began(tmp_path: Path) -> None:
    answers = [failing("503 Busy"), good]

    async def upstream(call: Call) -> None:
        await answers.pop(0)(call)

    async with (
        Peer(upstream) as peer,
        Inside.serving(tmp_path, peer.url, background_model_check=CHECK) as inside,
    ):
        await checks_of(inside).once()
        assert state(inside).status == "unhealthy"
        await checks_of(inside).once()
        assert state(inside).status == "healthy" and state(inside).status_reason is None


@in_a_loop
async def test_nobody_is_asked_where_nobody_wants_it(tmp_path: Path) -> None:
    off = {**CHECK, "enabled": False}
    async with (
        Peer(broken) as peer,
        Inside.serving(tmp_path, peer.url, background_model_check=off) as inside,
    ):
        assert await checks_of(inside).once() == IDLE_SECS
        assert state(inside) == ModelState()


@in_a_loop
async def test_what_we_want_for_ourselves_says_nothing_of_a_model(tmp_path: Path) -> None:
    async def no_files(request: Any) -> Any:
        raise faults.no_files("none left")

    async with (
        Peer(good) as peer,
        Inside.serving(tmp_path, peer.url, background_model_check=CHECK) as inside,
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(inside.gateway.driver), "send", staticmethod(no_files))
            await checks_of(inside).once()
        assert state(inside) == ModelState()


@in_a_loop
async def test_a_few_at_a_time(tmp_path: Path) -> None:
    most = now = 0
    full = asyncio.Event()

    async def upstream(call: Call) -> None:
        nonlocal most, now
        now += 1
        most = max(most, now)
        if now == AT_ONE_TIME:
            full.set()
        await full.wait()
        await asyncio.sleep(0.02)  # in which one more would come
        now -= 1
        await good(call)

    async with Peer(upstream) as peer, Inside.serving(tmp_path, peer.url) as inside:
        file = tmp_path / "resources.yaml"
        document = json.loads(file.read_text())
        [model] = document["models"]
        document["models"] = [
            {**model, "id": f"m{n}", "display_name": f"m{n}", "background_model_check": CHECK}
            for n in range(3 * AT_ONE_TIME)
        ]
        file.write_text(json.dumps(document))
        inside.gateway.store.reload()
        await checks_of(inside).once()
        assert most == AT_ONE_TIME


@in_a_loop
async def test_who_does_not_lead_asks_nobody(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def upstream(call: Call) -> None:
        asked.set()
        await good(call)

    leads = False
    async with (
        Peer(upstream) as peer,
        Inside.serving(tmp_path, peer.url, background_model_check=CHECK) as inside,
    ):
        looked = asyncio.Event()

        def leading() -> bool:
            looked.set()
            return leads

        task = asyncio.create_task(ModelChecks(inside.gateway, leading).run())
        await asyncio.wait_for(looked.wait(), 10)
        assert not asked.is_set()
        leads = True
        await asyncio.wait_for(asked.wait(), 10)
        task.cancel()
