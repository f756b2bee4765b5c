"""Valid and hostile requests over both listeners: whole, byte by byte, and cut at random."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise

import pytest

from aisix.listener.refusals import STATUS
from tests.listener.caller import Answer, Caller, expected
from tests.listener.cases import HOSTILE, VALID, Case
from tests.listener.conftest import Bench, Site

CUTS = 6  # random cuttings of each case
WHOLE = 3000  # a longer one is not sent byte by byte


@pytest.mark.parametrize("case", [*VALID, *HOSTILE], ids=lambda case: case.name)
def test_a_case(bench: Bench, case: Case) -> None:
    async def work() -> None:
        async with bench.site() as site:
            await check(site, case, [case.sent])
            for seed in range(CUTS):
                await check(site, case, cut(case.sent, random.Random(f"{case.name}{seed}")))
            if len(case.sent) < WHOLE:
                await check(site, case, [case.sent[i : i + 1] for i in range(len(case.sent))])

    bench.run(work())


def cut(data: bytes, rng: random.Random) -> list[bytes]:
    places = sorted(
        {0, len(data), *(rng.randrange(len(data)) for _ in range(rng.choice((1, 3, 9))))}
    )
    return [data[a:b] for a, b in pairwise(places)]


async def check(site: Site, case: Case, pieces: list[bytes]) -> None:
    wanted = expected(case, site.kind)
    site.notes.bodies.clear()
    site.notes.requests.clear()
    site.notes.refused.clear()
    caller = await site.call()
    talk = asyncio.ensure_future(say(caller, pieces))
    try:
        for number, status in enumerate(wanted["status"]):
            answer = await caller.answer("HEAD" if case.head and not number else "GET")
            got = answer.status if answer is not None else 0
            if isinstance(status, set) and 100 in status and got != 100:
                assert got in status
                break
            if isinstance(status, set) and got == 0 in status:
                break
            assert got in (status if isinstance(status, set) else {status}), (got, pieces[:9])
            if case.handled == 0 and got >= 400 and wanted["handled"] == 0:
                told_in_full(site, answer)
        if wanted["closed"]:
            assert await caller.closed()
    finally:
        talk.cancel()
        await asyncio.gather(talk, return_exceptions=True)
        caller.close()
    if wanted["bodies"] is not None:
        assert tuple(site.notes.bodies) == wanted["bodies"]
    if wanted["handled"] is not None:
        assert len(site.notes.requests) == wanted["handled"], site.notes.requests


def told_in_full(site: Site, answer: Answer | None) -> None:
    """A refusal is told once, and answered in the words of whoever serves, with an id."""
    (refusal,) = site.notes.refused
    assert answer is not None and answer.json == {"kind": refusal.kind}
    assert answer.status == STATUS[refusal.kind]
    assert answer.headers["x-request-id"] == "id-1"
    assert answer.headers["connection"] == "close" and len(answer.headers["date"]) == 29
    assert refusal.remote == "127.0.0.1"


async def say(caller: Caller, pieces: list[bytes]) -> None:
    try:
        for number, piece in enumerate(pieces):
            caller.send(piece)
            await caller.writer.drain()
            if number < 40:
                await asyncio.sleep(0)  # so that it comes in as it was cut, mostly
    except ConnectionError:
        pass  # refused while we were speaking, which is their right
