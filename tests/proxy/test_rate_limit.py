"""Rate limits of keys and models on a running gateway, with one worker and with several."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aisix.limits import Grant, SharedRateLimiter
from aisix.proxy.rate_limit import Reservation, limited
from aisix.standin.server import Standin
from aisix.store.resources import ApiKey, Model, RateLimit
from tests.running import Answer, Running, until

KEY = "sk-limited-caller-0001"


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory, standin: Standin) -> Iterator[Running]:
    """Three workers over one set of counters."""
    with Running(tmp_path_factory.mktemp("limits") / "gateway", workers=3) as gateway:
        models = {
            "free": {"model_name": "claude-opus-5-5"},
            "narrow": {"model_name": "claude-opus-5-5", "rate_limit": {"rpm": 4}},
            "single": {"model_name": "claude-opus-5-5", "rate_limit": {"concurrency": 1}},
        }
        gateway.set_up(standin.url, models)
        yield gateway


def ask(
    gateway: Running, key: str, alias: str = "free", text: str = "Hi", **more: object
) -> Answer:
    body = {"model": alias, "messages": [{"role": "user", "content": text}], **more}
    return gateway.call(body, key=key)


def test_exactly_as_many_as_allowed_over_all_workers(busy: Running) -> None:
    busy.allow("*", key=KEY + "-a", rate_limit={"rpm": 20})
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(busy, KEY + "-a"), range(50)))
    assert Counter(a.status for a in answers) == {200: 20, 429: 30}
    refused = next(a for a in answers if a.status == 429)
    assert (refused.error["code"], refused.error["type"]) == (
        "rate_limit_exceeded",
        "rate_limit_error",
    )
    assert "20 requests per minute for this key" in refused.error["message"]
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["x-ratelimit-limit-requests"] == "20"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert refused.headers["x-ratelimit-reset-requests"].endswith("s")
    left = sorted(int(a.headers["x-ratelimit-remaining-requests"]) for a in answers)
    assert left[-20:] == list(range(20))


def test_a_model_has_its_limit_for_all_keys_and_says_so(busy: Running) -> None:
    busy.allow("*", key=KEY + "-b")
    busy.allow("*", key=KEY + "-c", rate_limit={"rpm": 100})
    got = [ask(busy, KEY + ("-b", "-c")[n % 2], "narrow") for n in range(6)]
    assert [a.status for a in got] == [200, 200, 200, 200, 429, 429]
    assert "for this model" in got[-1].error["message"]
    # What the model refused did not count for the key.
    assert ask(busy, KEY + "-c").headers["x-ratelimit-remaining-requests"] == "97"


def test_tokens_count_plain_and_streamed(busy: Running) -> None:
    busy.allow("*", key=KEY + "-d", rate_limit={"tpm": 1000000})
    plain = ask(busy, KEY + "-d", text="standin:long-5")
    assert ask(busy, KEY + "-d", text="standin:long-5", stream=True).status == 200
    expected = 1000000 - 2 * plain.json["usage"]["total_tokens"]

    def left() -> int:
        refused = ask(busy, KEY + "-d", temperature=9)  # costs nothing
        return int(refused.headers["x-ratelimit-remaining-tokens"])

    until(lambda: left() == expected)  # a stream is booked when it has ended
    busy.allow("*", key=KEY + "-e", rate_limit={"tpm": 1})
    assert ask(busy, KEY + "-e").status == 200
    refused = ask(busy, KEY + "-e")
    assert refused.status == 429
    assert "1 tokens per minute" in refused.error["message"]


def test_tokens_of_the_cache_are_tokens_and_reasoning_is_counted_once() -> None:
    limits = SharedRateLimiter()
    key = ApiKey("k", "0" * 64, ("*",), rate_limit=RateLimit(tpm=100))
    model = Model("m", "alias", "p", "upstream", "pk")
    by = limited(key, model)
    assert by is not None
    assert by.tokens
    grant = limits.admit(by.holders, 1000.0)
    assert isinstance(grant, Grant)
    reservation = Reservation(limits, grant)
    used = {"input": 3, "cache_read": 10, "cache_write": 20, "output": 7, "reasoning": 5}
    reservation.settle(used, 1001.0)
    reservation.settle(used, 1001.0)  # only once
    found = limits.admit(by.holders, 1002.0)
    assert isinstance(found, Grant)
    assert [level.left for level in found.levels] == [60]


def test_a_stream_holds_its_place_until_it_ends(busy: Running) -> None:
    busy.allow("*", key=KEY + "-f")
    with busy.streaming("standin:slow-50 standin:long-40", "single", KEY + "-f") as stream:
        assert ask(busy, KEY + "-f", "single").status == 429
        assert stream.read().endswith(b"data: [DONE]\n\n")
    until(lambda: ask(busy, KEY + "-f", "single").status == 200)


def test_places_of_killed_workers_are_given_back(tmp_path: Path, standin: Standin) -> None:
    with Running(tmp_path / "gateway", workers=2) as gateway:
        gateway.set_up(standin.url, {"free": {"model_name": "claude-opus-5-5"}})
        gateway.allow("*", key=KEY, rate_limit={"concurrency": 2})
        with ThreadPoolExecutor(2) as pool:
            for _ in range(2):
                pool.submit(_hold, gateway)
            until(lambda: ask(gateway, KEY).status == 429)
            parent = gateway.process.pid
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
            for pid in children.split():
                os.kill(int(pid), signal.SIGKILL)
        until(lambda: _status(gateway) == 200)


def _hold(gateway: Running) -> None:
    """Takes a place for twenty seconds, or as long as its worker lives."""
    text = "standin:slow-500 standin:long-40"
    while ask(gateway, KEY, "free", text, stream=True).status == 429:
        time.sleep(0.01)


def _status(gateway: Running) -> int:
    """0 while nobody answers."""
    try:
        return ask(gateway, KEY).status
    except OSError:
        return 0
