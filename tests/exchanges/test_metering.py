"""Who leaves, is cut off or is never counted is metered all the same, and limits see it at once."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from aisix import log
from aisix.limits import clock
from tests import rough
from tests.inside import Inside, good
from tests.listener.caller import Caller
from tests.strict import samples
from tests.upstream.peer import Call, Peer

Work = Callable[[Inside, Peer], Awaitable[None]]
WORDS = "a dozen words that somebody has to pay for, whoever reads them or not "
PROMPT = "word " * 200  # 250 tokens


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events)


def opened(times: int) -> bytes:
    """A stream that has said so much, and not ended."""
    text = samples.text_block(0, *[WORDS] * times)[:-1]
    return rough.stream() + sse(samples.opening(), *text)


async def talks(call: Call) -> None:
    """Twenty times WORDS, and then nothing more."""
    await call.write(opened(20))
    await call.gone.wait()


async def cut(call: Call) -> None:
    await call.write(opened(20))
    call.reset()


async def half(call: Call) -> None:
    whole = rough.json(b'{"type":"message","content":[{"type":"text","text":"' + b"x" * 4000)
    await call.write(whole.replace(b"content-length: ", b"content-length: 9"))
    call.reset()


async def silent(call: Call) -> None:
    await call.gone.wait()


async def overloaded(call: Call) -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    await call.write(rough.json(body, "529 Overloaded"))


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The access lines."""
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(log, "access", told.append)
    return told


def serve(folder: Path, upstream: Any, work: Work, **limit: int) -> None:
    async def serving() -> None:
        async with (
            asyncio.timeout(60),
            Peer(upstream) as peer,
            Inside.serving(folder, peer.url, limit=limit, retries=0) as inside,
        ):
            await work(inside, peer)
            assert await inside.gateway.drain(20)
            assert inside.gateway.booking.under_way == set()

    asyncio.run(serving())


async def all_said(caller: Caller) -> None:
    for _ in range(20):
        await caller.reader.readuntil(b"reads them")


async def leaves(inside: Inside, peer: Peer, stream: bool) -> None:
    turn = {"role": "user", "content": PROMPT}
    caller = await inside.asking(stream=stream, messages=[turn])
    if stream:
        await all_said(caller)
    else:
        while not peer.calls:
            await asyncio.sleep(0.001)
    caller.writer.close()
    assert await inside.gateway.drain(20)


@pytest.mark.parametrize("stream", [True, False])
def test_who_leaves_pays_for_what_was_asked_and_said(
    tmp_path: Path, lines: list[dict[str, Any]], stream: bool
) -> None:
    async def work(inside: Inside, peer: Peer) -> None:
        await leaves(inside, peer, stream)

    serve(tmp_path, talks if stream else silent, work)
    (line,) = lines
    assert (line["status"], line["tokens_estimated"]) == (499, True)
    if stream:
        assert 300 < line["tokens"]["output"] < 420, "twenty times 71 bytes"
        assert line["tokens"]["input"] == samples.opening()["message"]["usage"]["input_tokens"]
    else:
        assert 250 <= line["tokens"]["input"] < 270


def test_who_always_leaves_is_refused_in_the_end(
    tmp_path: Path, lines: list[dict[str, Any]]
) -> None:
    async def work(inside: Inside, peer: Peer) -> None:
        for _ in range(3):
            await leaves(inside, peer, True)
        answer = await inside.ask(stream=True)
        assert answer.status == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 60

    serve(tmp_path, talks, work, tpm=1000)
    assert [line["status"] for line in lines] == [499] * 3 + [429]
    assert "tokens" not in lines[-1]


@pytest.mark.parametrize(("upstream", "stream"), [(cut, True), (half, False)])
def test_an_answer_that_is_cut_counts_by_what_came(
    tmp_path: Path, lines: list[dict[str, Any]], upstream: Any, stream: bool
) -> None:
    async def work(inside: Inside, peer: Peer) -> None:
        await inside.ask(stream=stream)

    serve(tmp_path, upstream, work)
    (line,) = lines
    assert line["tokens_estimated"]
    assert line["tokens"]["output"] > 300


def test_an_error_before_any_answer_costs_nothing(
    tmp_path: Path, lines: list[dict[str, Any]]
) -> None:
    async def work(inside: Inside, peer: Peer) -> None:
        for stream in (True, False):
            assert (await inside.ask(stream=stream)).status >= 500

    serve(tmp_path, overloaded, work, tpm=1000)
    assert all("tokens" not in line and "tokens_estimated" not in line for line in lines)


def test_what_is_under_way_is_booked_while_it_runs(
    tmp_path: Path, lines: list[dict[str, Any]]
) -> None:
    async def work(inside: Inside, peer: Peer) -> None:
        caller = await inside.asking(stream=True, messages=[{"role": "user", "content": PROMPT}])
        await all_said(caller)
        other = await inside.ask(stream=False, temperature=9)  # a 400, which costs nothing
        left = [int(other.headers["x-ratelimit-remaining-tokens"])]
        await inside.gateway.booking.book()
        other = await inside.ask(stream=False, temperature=9)
        left.append(int(other.headers["x-ratelimit-remaining-tokens"]))
        caller.writer.close()
        assert 730 < left[0] <= 750, "what was asked is booked at once"
        assert 560 < left[1] < 700, "and then what was said"

    serve(tmp_path, talks, work, tpm=1000)


def test_an_answer_that_is_counted_is_not_estimated(
    tmp_path: Path, lines: list[dict[str, Any]]
) -> None:
    async def work(inside: Inside, peer: Peer) -> None:
        for stream in (True, False):
            assert (await inside.ask(stream=stream)).status == 200

    serve(tmp_path, good, work, tpm=1000)
    assert all(line["tokens"] and "tokens_estimated" not in line for line in lines)


def test_windows_go_on_when_somebody_sets_the_clock(
    tmp_path: Path, lines: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    wall, steady = time.time, clock
    steps = [0, 86400, -86400, 3600.5, -3600, 0]

    async def work(inside: Inside, peer: Peer) -> None:
        for number, step in enumerate(steps):
            with monkeypatch.context() as patched:
                patched.setattr(time, "time", lambda step=step: wall() + step)
                answer = await inside.ask()
            assert answer.status == (200 if number < 3 else 429)
        assert 0 < float(answer.headers["retry-after"]) <= 60
        ahead = steady() + 60
        monkeypatch.setattr("aisix.proxy.entering.clock", lambda: ahead)
        assert (await inside.ask()).status == 200

    serve(tmp_path, good, work, rpm=3)
