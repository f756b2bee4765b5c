"""An upstream whose head no answer begins with: both dialects, plain and streamed, over both servers,
are told so at once, and the one place there is is free again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.exchanges.test_retries import GOOD
from tests.exchanges.test_upstream_wire import MODEL, SSE, STREAM, WHOLE
from tests.rough import CLOSE, HOLD, Rough, Step, json
from tests.running import CALLER_KEY, Answer, Running, send
from tests.upstream.test_odd_heads import GOOD as OTHER
from tests.upstream.test_odd_heads import ODD, SWITCHING

HEADS: dict[str, tuple[Step, ...]] = {
    **{name: (*pieces, HOLD) for name, pieces in ODD.items()},
    "a 101 and a whole message": (SWITCHING + json(WHOLE), HOLD),
    "a 101 and a whole stream": (SWITCHING + STREAM + b"".join(SSE), CLOSE),
    "a 101 in a connection that is kept": (OTHER + SWITCHING + OTHER,),
    "status 600": (json(b"{}", "600 Odd"),),
    "status 999": (json(b"{}", "999 Odd"),),
    "status 304": (b"HTTP/1.1 304 Not Modified\r\n\r\n",),
    "status 204": (b"HTTP/1.1 204 No Content\r\n\r\n",),
}


@pytest.fixture(scope="module", params=["fast", "tornado"])
def gateway(
    request: pytest.FixtureRequest, upstream: Rough, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """One place, no retries, and no limit that could be what ends an exchange here."""
    one = {"max_in_flight": 1, "max_queue": 1, "http": request.param}
    with Running(
        tmp_path_factory.mktemp("heads"), {"upstream": {"retries": 0}, "proxy": one}
    ) as up:
        up.set_up(upstream.url, {"claude-prod": MODEL})
        up.allow("*", rate_limit={"concurrency": 1})
        yield up
        assert not up.bugs
        assert up.metrics()["aisix_in_flight"] == 0


def asked(gateway: Running, path: str, streamed: bool) -> Answer:
    said = [{"role": "user", "content": "Hi"}]
    body = {"model": "claude-prod", "max_tokens": 9, "messages": said, "stream": streamed}
    key = {"authorization": f"Bearer {CALLER_KEY}"}
    return send(gateway.proxy_port, "POST", path, body, key, timeout=10)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
@pytest.mark.parametrize("streamed", [False, True])
def test_it_is_told_at_once_and_gives_its_place_back(
    gateway: Running, upstream: Rough, path: str, streamed: bool
) -> None:
    for name, steps in HEADS.items():
        upstream.next(*steps)
        try:
            answer = asked(gateway, path, streamed)
        except TimeoutError:
            raise AssertionError(f"{name}: no answer") from None
        assert answer.status == 502, name
        assert b"error" in answer.body
        assert "101" not in answer.error["message"]
        upstream.next(*GOOD[streamed])
        assert asked(gateway, path, streamed).status == 200, f"after {name}"
        upstream.let_go()
