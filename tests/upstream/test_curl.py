"""Driver.send(): whole answers, from good upstreams and bad ones."""

from __future__ import annotations

import asyncio
import gzip
import os
import time
from pathlib import Path

import pytest

from aisix.errors import UpstreamError
from aisix.upstream.curl import Driver
from aisix.upstream.request import Cap, Request, Timeouts
from tests.upstream.conftest import Run
from tests.upstream.peer import Call, Peer, closed_port


async def echo(call: Call) -> None:
    await call.reply(call.body, "200 OK", "X-One: 1", "x-one: 2")


async def fault(driver: Driver, request: Request) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await driver.send(request)
    assert driver.in_flight == 0
    return caught.value


def test_a_request_goes_out_as_given_and_its_answer_comes_back(run: Run) -> None:
    async def work() -> None:
        async with Peer(echo) as peer:
            driver = Driver()
            headers = ("content-type: application/json", "x-key: secret")
            response = await driver.send(Request(peer.url + "v1/x?y=1", headers, b'{"a":1}'))
            assert response.status == 200
            assert response.body == b'{"a":1}'
            assert response.headers == {"x-one": "1, 2", "content-length": "7"}
            (call,) = peer.calls
            assert call.line == "POST /v1/x?y=1 HTTP/1.1"
            assert call.headers == [
                ("host", f"127.0.0.1:{peer.port}"),
                ("accept", "*/*"),
                ("accept-encoding", "identity"),
                ("content-type", "application/json"),
                ("x-key", "secret"),
                ("content-length", "7"),
            ]
            driver.close()

    run(work())


def test_a_secret_or_a_prompt_is_in_no_repr() -> None:
    request = Request("http://h/", ("x-key: secret",), b"prompt", proxy="http://u:secret@p/")
    assert "secret" not in repr(request)
    assert "prompt" not in repr(request)


def test_a_get_sends_no_body_even_on_a_handle_that_has_posted(run: Run) -> None:
    async def work() -> None:
        async with Peer(echo) as peer:
            driver = Driver()
            await driver.send(Request(peer.url, body=b"something"))
            await driver.send(Request(peer.url, method="GET"))
            await driver.send(Request(peer.url, body=b"again"))
            assert [call.line.split()[0] for call in peer.calls] == ["POST", "GET", "POST"]
            assert [call.body for call in peer.calls] == [b"something", b"", b"again"]
            driver.close()

    run(work())


def test_a_large_body_is_sent_without_waiting_for_a_100(run: Run) -> None:
    async def work() -> None:
        async with Peer(echo) as peer:
            driver = Driver()
            body = os.urandom(3 << 20)
            response = await driver.send(Request(peer.url, body=body))
            assert response.body == body
            assert peer.calls[0].header("expect") is None
            driver.close()

    run(work())


def test_connections_are_kept_and_used_again(run: Run) -> None:
    async def work() -> None:
        async with Peer(echo) as peer:
            driver = Driver()
            for number in range(20):
                body = b"%d" % number
                assert (await driver.send(Request(peer.url, body=body))).body == body
            assert peer.connections == 1
            driver.close()

    run(work())


def test_nothing_of_a_former_request_is_left_on_a_handle_used_again(run: Run) -> None:
    async def work() -> None:
        async with Peer(echo) as peer:
            driver = Driver()
            secret = ("x-key: first", "authorization: Bearer first", "x-extra: first")
            limits = Timeouts(connect_ms=1000, first_byte_ms=2000, idle_ms=2000, total_ms=2000)
            await driver.send(
                Request(peer.url + "first", secret, b"first", "POST", limits, max_body=Cap(10))
            )
            (handles,) = driver._idle.values()
            (handle,) = handles
            assert handle.transfer is None
            second = await driver.send(Request(peer.url, body=b"second, longer than ten"))
            assert second.body == b"second, longer than ten"
            assert driver._idle[(Request("").tls, None)] == [handle]
            call = peer.calls[1]
            assert "first" not in repr((call.line, call.headers, call.body))
            driver.close()

    run(work())


def test_a_pooled_connection_the_upstream_has_closed_is_replaced_unseen(run: Run) -> None:
    async def work() -> None:
        async with Peer(echo) as peer:
            driver = Driver()
            await driver.send(Request(peer.url, body=b"1"))
            peer.calls[0].writer.close()
            await peer.calls[0].gone.wait()
            assert (await driver.send(Request(peer.url, body=b"2"))).body == b"2"
            assert peer.connections == 2
            driver.close()

    run(work())


def test_a_pooled_connection_closed_while_the_request_is_on_its_way_is_tried_anew(run: Run) -> None:
    async def work() -> None:
        async def answer(call: Call) -> None:
            if call.connection == 1 and call.body == b"2":
                call.close()
            else:
                await call.reply(call.body)

        async with Peer(answer) as peer:
            driver = Driver()
            await driver.send(Request(peer.url, body=b"1"))
            assert (await driver.send(Request(peer.url, body=b"2"))).body == b"2"
            assert peer.connections == 2
            assert [call.body for call in peer.calls] == [b"1", b"2", b"2"]
            driver.close()

    run(work())


def test_interim_answers_are_not_the_answer(run: Run) -> None:
    async def work() -> None:
        async def answer(call: Call) -> None:
            await call.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await call.write(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n")
            await asyncio.sleep(0.01)  # so that the last head comes by itself
            await call.reply(b"ok", "201 Created", "x-final: yes")

        async with Peer(answer) as peer:
            driver = Driver()
            response = await driver.send(Request(peer.url))
            assert response.status == 201
            assert response.headers == {"x-final": "yes", "content-length": "2"}
            driver.close()

    run(work())


def test_a_redirect_is_an_answer_and_is_not_followed(run: Run) -> None:
    async def work() -> None:
        async with Peer(echo) as other:

            async def answer(call: Call) -> None:
                await call.reply(b"", "307 Temporary Redirect", f"location: {other.url}")

            async with Peer(answer) as peer:
                driver = Driver()
                response = await driver.send(Request(peer.url, ("x-key: secret",), b"prompt"))
                assert response.status == 307
                assert response.headers["location"] == other.url
                assert other.connections == 0
                driver.close()

    run(work())


def test_trailers_are_not_headers(run: Run) -> None:
    async def work() -> None:
        async def answer(call: Call) -> None:
            await call.begin("x-head: 1")
            await call.write(b"2\r\nok\r\n0\r\nx-trailer: 1\r\n\r\n")

        async with Peer(answer) as peer:
            driver = Driver()
            for _ in range(2):
                response = await driver.send(Request(peer.url))
                assert response.body == b"ok"
                assert response.headers == {"x-head": "1", "transfer-encoding": "chunked"}
            driver.close()

    run(work())


def test_a_compressed_answer_nobody_asked_for_is_decompressed(run: Run) -> None:
    async def work() -> None:
        async def answer(call: Call) -> None:
            await call.reply(gzip.compress(b"plain"), "200 OK", "content-encoding: gzip")

        async with Peer(answer) as peer:
            driver = Driver()
            response = await driver.send(Request(peer.url))
            assert response.body == b"plain"
            assert response.headers == {}
            driver.close()

    run(work())


def test_an_answer_in_an_unknown_coding_is_a_bad_response(run: Run) -> None:
    async def work() -> None:
        async def answer(call: Call) -> None:
            await call.reply(b"????", "200 OK", "content-encoding: rot13")

        async with Peer(answer) as peer:
            driver = Driver()
            error = await fault(driver, Request(peer.url))
            assert (error.kind, error.values) == (
                "bad_response",
                {"why": "encoding", "was_sent": True},
            )
            driver.close()

    run(work())


def test_a_refused_connection_is_unreachable_and_nothing_was_sent(run: Run) -> None:
    async def work() -> None:
        driver = Driver()
        error = await fault(driver, Request(f"http://127.0.0.1:{closed_port()}/", body=b"x"))
        assert (error.kind, error.values) == ("unreachable", {"why": "connect", "was_sent": False})
        assert "127.0.0.1" in error.detail
        driver.close()

    run(work())


def test_a_host_that_does_not_exist_is_unreachable(run: Run) -> None:
    async def work() -> None:
        driver = Driver()
        # RFC 6761: never resolves. Where no resolver answers at all the connect limit comes first.
        request = Request("http://nowhere.invalid/", timeouts=Timeouts(connect_ms=500))
        error = await fault(driver, request)
        assert error.values["was_sent"] is False
        assert (error.kind, error.values.get("why"), error.values.get("phase")) in (
            ("unreachable", "dns", None),
            ("timeout", None, "connect"),
        )
        driver.close()

    run(work())


@pytest.mark.parametrize("url", ["", "http://", "ftp://127.0.0.1/", "file:///etc/passwd"])
def test_a_url_that_is_not_http_is_unreachable(run: Run, url: str) -> None:
    async def work() -> None:
        driver = Driver()
        error = await fault(driver, Request(url))
        assert (error.kind, error.values) == ("unreachable", {"why": "url", "was_sent": False})
        driver.close()

    run(work())


@pytest.mark.parametrize("header", ["x: 1\r\ny: 2", "x: 1\ny: 2", "x: \0"])
def test_a_header_that_would_become_two_is_refused(run: Run, header: str) -> None:
    async def work() -> None:
        driver = Driver()
        with pytest.raises(ValueError, match="line break"):
            await driver.send(Request("http://127.0.0.1/", (header,)))
        assert driver.in_flight == 0
        driver.close()

    run(work())


@pytest.mark.parametrize("way", ["close", "reset"])
def test_a_connection_lost_before_the_head_is_unreachable_but_may_have_been_heard(
    run: Run, way: str
) -> None:
    async def work() -> None:
        async def answer(call: Call) -> None:
            getattr(call, way)()

        async with Peer(answer) as peer:
            driver = Driver()
            error = await fault(driver, Request(peer.url, body=b"x"))
            assert (error.kind, error.values) == ("unreachable", {"why": "reset", "was_sent": True})
            driver.close()

    run(work())


@pytest.mark.parametrize(
    ("answer_bytes", "why"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort", "truncated"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel", "truncated"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n", "truncated"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "truncated"),
        (b"HTTP/1.1 200 OK\r\nx: y", "headers"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 400_000 + b"\r\n\r\n", "headers"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100_000 + b"\r\n", "headers"),
        (b"220 mail.example.com ESMTP\r\n" * 20, "not_http"),
        (b"\x15\x03\x01\x00\x02\x02\x46" * 9, "not_http"),
    ],
)
def test_an_answer_that_is_not_http_or_breaks_off_is_a_bad_response(
    run: Run, answer_bytes: bytes, why: str
) -> None:
    async def work() -> None:
        async def answer(call: Call) -> None:
            await call.write(answer_bytes)
            call.close()

        async with Peer(answer) as peer:
            driver = Driver()
            error = await fault(driver, Request(peer.url))
            assert (error.kind, error.values) == ("bad_response", {"why": why, "was_sent": True})
            driver.close()

    run(work())


def test_a_reset_in_the_middle_of_the_body_is_a_bad_response(run: Run) -> None:
    async def work() -> None:
        async def answer(call: Call) -> None:
            await call.begin()
            call.reset()

        async with Peer(answer) as peer:
            driver = Driver()
            error = await fault(driver, Request(peer.url))
            assert (error.kind, error.values) == (
                "bad_response",
                {"why": "truncated", "was_sent": True},
            )
            driver.close()

    run(work())


@pytest.mark.parametrize("framing", ["length", "chunked", "gzip"])
def test_a_body_over_the_cap_is_cut_off_and_the_cap_named(run: Run, framing: str) -> None:
    async def work() -> None:
        async def answer(call: Call) -> None:
            if framing == "length":
                await call.reply(bytes(50_000_000))
            elif framing == "gzip":
                body = gzip.compress(bytes(50_000_000))
                await call.reply(body, "200 OK", "content-encoding: gzip")
            else:
                await call.begin()
                while True:
                    await call.chunk(bytes(10_000))

        async with Peer(answer) as peer:
            driver = Driver()
            error = await fault(driver, Request(peer.url, max_body=Cap(1000, "answer_max_bytes")))
            assert (error.kind, error.values) == (
                "bad_response",
                {"why": "too_large", "limit": "answer_max_bytes", "bytes": 1000, "was_sent": True},
            )
            await peer.calls[0].gone.wait()
            driver.close()

    run(work())


def test_a_body_as_long_as_the_cap_is_fine(run: Run) -> None:
    async def work() -> None:
        async with Peer(echo) as peer:
            driver = Driver()
            response = await driver.send(Request(peer.url, body=bytes(1000), max_body=Cap(1000)))
            assert len(response.body) == 1000
            driver.close()

    run(work())


def test_cancelling_the_awaiting_task_aborts_the_transfer_at_once(run: Run) -> None:
    async def work() -> None:
        came = asyncio.Event()

        async def answer(call: Call) -> None:
            came.set()
            await call.gone.wait()

        async with Peer(answer) as peer:
            driver = Driver()
            task = asyncio.create_task(driver.send(Request(peer.url)))
            await came.wait()
            start = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await peer.calls[0].gone.wait()
            assert time.monotonic() - start < 0.05
            assert driver.in_flight == 0
            driver.close()

    run(work())


def test_the_connections_to_one_host_are_capped_and_the_rest_waits_its_turn(run: Run) -> None:
    async def work() -> None:
        most = 0

        async def answer(call: Call) -> None:
            nonlocal most
            most = max(most, peer.open)
            await asyncio.sleep(0.005)
            await call.reply(call.body)

        async with Peer(answer) as peer:
            driver = Driver(max_per_host=3)
            limits = Timeouts(connect_ms=1000)
            sends = [
                driver.send(Request(peer.url, body=b"%d" % i, timeouts=limits)) for i in range(30)
            ]
            bodies = [response.body for response in await asyncio.gather(*sends)]
            assert bodies == [b"%d" % i for i in range(30)]
            assert most == peer.connections == 3
            driver.close()

    run(work())


def test_one_slow_first_answer_keeps_nobody_else_waiting(run: Run) -> None:
    """With PIPEWAIT libcurl let the second request of a cold start wait for the first's answer."""

    async def work() -> None:
        both = asyncio.Event()

        async def answer(call: Call) -> None:
            if len(peer.calls) == 2:
                both.set()
            await both.wait()
            await call.reply(b"")

        async with Peer(answer) as peer:
            driver = Driver()
            requests = [driver.send(Request(peer.url)) for _ in range(2)]
            async with asyncio.timeout(3):
                assert [r.status for r in await asyncio.gather(*requests)] == [200, 200]
            driver.close()

    run(work())


def test_waiting_for_a_free_connection_is_not_taken_for_slow_connecting(run: Run) -> None:
    async def work() -> None:
        async def answer(call: Call) -> None:
            if call.body:
                await asyncio.sleep(0.6)  # more than connect_ms
            await call.reply(call.body)

        async with Peer(answer) as peer:
            driver = Driver(max_connections=1)
            limits = Timeouts(connect_ms=500)
            for body in (b"", b"slow", b"slow"):  # then also on handles that had a connection
                request = Request(peer.url, body=body, timeouts=limits)
                await asyncio.gather(*(driver.send(request) for _ in range(3)))
            assert peer.connections == 1
            driver.close()

    run(work())


def test_the_proxy_variables_of_the_environment_are_ignored(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = f"http://127.0.0.1:{closed_port()}"
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, trap)

    async def work() -> None:
        async with Peer(echo) as peer:
            driver = Driver()
            assert (await driver.send(Request(peer.url, body=b"direct"))).body == b"direct"
            driver.close()

    run(work())


def test_a_given_proxy_is_used_for_that_request_alone(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")

    async def work() -> None:
        async with Peer(echo) as proxy, Peer(echo) as peer:
            driver = Driver()
            through = f"http://user:word@127.0.0.1:{proxy.port}"
            await driver.send(Request(peer.url, body=b"1", proxy=through))
            await driver.send(Request(peer.url, body=b"2"))
            assert [call.line for call in proxy.calls] == [f"POST {peer.url} HTTP/1.1"]
            assert proxy.calls[0].header("proxy-authorization") is not None
            assert [call.body for call in peer.calls] == [b"2"]
            assert peer.calls[0].header("proxy-authorization") is None
            driver.close()

    run(work())


def test_a_netrc_file_and_cookies_are_not_used(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("default login me password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))

    async def work() -> None:
        async def answer(call: Call) -> None:
            await call.reply(b"", "200 OK", "set-cookie: a=b")

        async with Peer(answer) as peer:
            driver = Driver()
            await driver.send(Request(peer.url))
            await driver.send(Request(peer.url))
            for call in peer.calls:
                assert call.header("authorization") is None
                assert call.header("cookie") is None
            driver.close()

    run(work())


def test_closing_ends_what_is_under_way_and_refuses_what_comes_after(run: Run) -> None:
    async def work() -> None:
        came = asyncio.Event()

        async def answer(call: Call) -> None:
            came.set()
            await call.gone.wait()

        async with Peer(answer) as peer:
            driver = Driver()
            task = asyncio.create_task(driver.send(Request(peer.url)))
            await came.wait()
            driver.close()
            driver.close()
            with pytest.raises(UpstreamError) as caught:
                await task
            assert caught.value.values == {"why": "closed", "was_sent": True}
            await peer.calls[0].gone.wait()
            with pytest.raises(UpstreamError) as caught:
                await driver.send(Request(peer.url))
            assert caught.value.values == {"why": "closed", "was_sent": False}

    run(work())


def test_a_thousand_requests_good_and_bad_leave_no_descriptor_behind(run: Run) -> None:
    async def work() -> None:
        async def answer(call: Call) -> None:
            if call.body == b"bad":
                call.reset()
            else:
                await call.reply(call.body)

        async with Peer(answer) as peer:
            driver = Driver()
            await driver.send(Request(peer.url, body=b"good"))
            before = len(os.listdir("/proc/self/fd"))
            for number in range(1000):
                if number % 5:
                    await driver.send(Request(peer.url, body=b"good"))
                else:
                    await fault(driver, Request(peer.url, body=b"bad"))
            assert len(os.listdir("/proc/self/fd")) <= before + 4
            assert driver._idle_count == 1
            driver.close()
            assert len(os.listdir("/proc/self/fd")) <= before

    run(work())
