"""A target whose requests are signed: every attempt anew, and a signer that fails ends only its own
exchange, with an error of ours and no word of a secret."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aisix.errors import UpstreamError
from aisix.routing import balancers
from aisix.routing.target import Target, make_targets
from aisix.upstream.request import Signer
from tests import rough
from tests.inside import Inside, good, streamed
from tests.upstream.peer import Call, Peer

SECRET = "AKIA-a-signing-secret"
BUSY = rough.json(b'{"type":"error","error":{"type":"overloaded_error","message":"No"}}', "529 No")
Work = Callable[[Inside, Peer], Awaitable[None]]
Signed = tuple[str, str, tuple[str, ...], bytes]


class Recorder:
    """Signs with a number; the calls in `fails` (1 is the first) raise `error`."""

    def __init__(self, error: Exception | None = None, *fails: int) -> None:
        self.calls: list[Signed] = []
        self._error, self._fails = error, fails

    def __call__(
        self, method: str, url: str, headers: tuple[str, ...], body: bytes
    ) -> tuple[str, ...]:
        self.calls.append((method, url, headers, body))
        if self._error is not None and len(self.calls) in self._fails:
            raise self._error
        return (f"x-signature: {len(self.calls)}",)


class Upstream:
    """Answers with what is left of `answers`, then well."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = list(answers)

    async def __call__(self, call: Call) -> None:
        if self._answers:
            await call.write(self._answers.pop(0))
        else:
            await good(call)


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs `work` with a gateway whose only target is signed by `signer`."""

    def run(signer: Signer, upstream: Upstream, work: Work, **model: Any) -> None:
        def signed(*args: Any) -> list[Target]:
            return [replace(target, sign=signer) for target in make_targets(*args)]

        monkeypatch.setattr(balancers, "make_targets", signed)

        async def serving() -> None:
            async with (
                asyncio.timeout(30),
                Peer(upstream) as peer,
                Inside.serving(tmp_path, peer.url, **model) as inside,
            ):
                await work(inside, peer)
                assert await inside.gateway.drain(10)
                assert inside.gateway.admission.taken == 0
                assert inside.gateway.driver.in_flight == 0

        asyncio.run(serving())

    return run


@pytest.mark.parametrize("stream", [False, True])
def test_every_attempt_is_signed_anew(serve: Callable[..., None], stream: bool) -> None:
    signer = Recorder()

    async def work(inside: Inside, peer: Peer) -> None:
        answer = await inside.ask(stream=stream)
        assert (answer.status, answer.headers["x-aisix-attempts"]) == (200, "2")
        assert [call.header("x-signature") for call in peer.calls] == ["1", "2"]
        for (method, url, headers, body), call in zip(signer.calls, peer.calls, strict=True):
            assert call.line == f"{method} /{url.removeprefix(peer.url)} HTTP/1.1"
            assert body == call.body
            lines = {f"{name}: {value}" for name, value in call.headers}
            assert {line.lower() for line in headers} <= {line.lower() for line in lines}

    serve(signer, Upstream(BUSY), work, retries=1)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fails", [1, 2])
def test_a_mistake_of_the_signer_is_our_own_error_and_ends_one_exchange(
    serve: Callable[..., None], stream: bool, fails: int, caplog: pytest.LogCaptureFixture
) -> None:
    signer = Recorder(KeyError(SECRET), fails)

    async def work(inside: Inside, peer: Peer) -> None:
        with caplog.at_level(logging.INFO, "aisix"):
            answer = await inside.ask(stream=stream)
        assert answer.status == 500
        assert SECRET.encode() not in answer.body
        assert len(peer.calls) == fails - 1
        assert (await inside.ask(stream=stream)).status == 200

    serve(signer, Upstream(*[BUSY] * (fails - 1)), work, retries=1)
    assert "KeyError at " in caplog.text
    assert SECRET not in caplog.text


def test_a_signer_that_fails_in_a_later_round_is_told_inside_the_stream(
    serve: Callable[..., None],
) -> None:
    """A turn that the upstream paused is continued by a second request."""
    signer = Recorder(KeyError(SECRET), 2)

    async def work(inside: Inside, peer: Peer) -> None:
        tools = [{"type": "web_search_20250305", "name": "web_search"}]
        answer = await inside.ask(stream=True, tools=tools)
        assert answer.status == 200
        assert b'"error"' in answer.body and b"[DONE]" not in answer.body
        assert SECRET.encode() not in answer.body
        assert len(peer.calls) == 1

    serve(signer, Upstream(streamed("pause_turn")), work, options={"native_tools": True})


@pytest.mark.parametrize("stream", [False, True])
def test_a_signer_without_credentials_is_an_upstream_that_cannot_be_reached(
    serve: Callable[..., None], stream: bool
) -> None:
    signer = Recorder(UpstreamError("unreachable", why="signing", was_sent=False), 1)

    async def work(inside: Inside, peer: Peer) -> None:
        answer = await inside.ask(stream=stream)
        assert (answer.status, answer.headers["x-aisix-attempts"]) == (200, "2")

    serve(signer, Upstream(), work, retries=1)
