"""A request that is signed: just before it goes out, each time anew, and never half."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from itertools import count

import pytest

from aisix.errors import UpstreamError
from aisix.upstream.curl import Driver
from aisix.upstream.request import Request, Signer
from tests.upstream.conftest import Run
from tests.upstream.peer import Call, Peer
from tests.upstream.sinks import Notes

SECRET = b"a-signing-secret"


async def echo(call: Call) -> None:
    await call.reply(call.body)


def signer() -> Signer:
    """As an upstream would check it: over method, URL, header lines and body, and never twice."""
    numbers = count(1)

    def sign(method: str, url: str, headers: tuple[str, ...], body: bytes) -> tuple[str, ...]:
        number = next(numbers)
        return (f"x-number: {number}", f"x-sign: {expected(method, url, headers, body, number)}")

    return sign


def expected(method: str, url: str, headers: tuple[str, ...], body: bytes, number: int) -> str:
    said = "\n".join((method, url, *headers, str(number))).encode() + body
    return hmac.new(SECRET, said, "sha256").hexdigest()


def test_what_goes_out_is_signed_as_it_goes_and_every_time_anew(run: Run) -> None:
    async def work() -> None:
        async with Peer(echo) as peer:
            driver = Driver()
            url, lines = peer.url + "v1?a=b", ("content-type: application/json", "x-key: k")
            request = Request(url, lines, b'{"a":1}', sign=signer())
            for _ in range(2):
                await driver.send(request)
            sink = Notes()
            driver.stream(request, sink)
            await sink.ended.wait()
            for number, call in enumerate(peer.calls, 1):
                assert call.header("x-number") == str(number)
                assert call.header("x-sign") == expected("POST", url, lines, call.body, number)
                assert call.header("x-key") == "k"
            assert (len(peer.calls), peer.connections) == (3, 1)
            assert request.headers == lines
            driver.close()

    run(work())


def test_a_handle_remembers_no_signature(run: Run) -> None:
    async def work() -> None:
        async with Peer(echo) as peer:
            driver = Driver()
            await driver.send(Request(peer.url, (), b"one", sign=signer()))
            await driver.send(Request(peer.url, (), b"two"))
            assert [call.header("x-sign") is None for call in peer.calls] == [False, True]
            driver.close()

    run(work())


def no_credentials(method: str, url: str, headers: tuple[str, ...], body: bytes) -> tuple[str, ...]:
    raise UpstreamError("unreachable", why="signing", was_sent=False)


def mistaken(method: str, url: str, headers: tuple[str, ...], body: bytes) -> tuple[str, ...]:
    raise KeyError(SECRET)


def broken_line(method: str, url: str, headers: tuple[str, ...], body: bytes) -> tuple[str, ...]:
    return ("x-sign: a\r\nx-other: b",)


@pytest.mark.parametrize(
    ("sign", "raised"),
    [(no_credentials, UpstreamError), (mistaken, KeyError), (broken_line, ValueError)],
    ids=lambda value: value.__name__,
)
def test_what_cannot_be_signed_does_not_go_out_and_holds_nothing(
    run: Run, sign: Callable[..., tuple[str, ...]], raised: type[Exception]
) -> None:
    async def work() -> None:
        async with Peer(echo) as peer:
            driver = Driver()
            await driver.send(Request(peer.url, body=b"before"))
            sink = Notes()
            with pytest.raises(raised):
                driver.stream(Request(peer.url, body=b"x", sign=sign), sink)
            assert driver.in_flight == 0
            await driver.send(Request(peer.url, body=b"after"))
            assert [call.body for call in peer.calls] == [b"before", b"after"]
            assert sink.told == []
            driver.close()

    run(work())


def test_a_signer_is_in_no_repr() -> None:
    class Keeper:
        def __repr__(self) -> str:
            return SECRET.decode()

        def __call__(self, *what: object) -> tuple[str, ...]:
            return ()

    assert SECRET.decode() not in repr(Request("http://h/", sign=Keeper()))
