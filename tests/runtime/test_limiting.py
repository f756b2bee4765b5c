"""Limits counted in Redis by whole gateways: several on one Redis, its death and return, the start."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from aisix.config.settings import load_settings
from aisix.errors import OperatorError
from aisix.runtime.limiting import check_limits, where_of
from aisix.standin.server import Standin
from tests.cluster.servers import Redis
from tests.running import ROOT, Answer, Running, until

KEY = "sk-limited-caller-0001"
PATIENT = 20_000  # ms: a busy machine is no outage


def resources(folder: Path, url: str, limits: dict[str, dict[str, int]], **of_key: Any) -> Path:
    """Aliases with limits, and one key, the same for every gateway that reads them."""
    model = {"provider": "anthropic", "model_name": "claude-opus-5-5", "provider_key": "prod"}
    provider = {"display_name": "prod", "provider": "anthropic", "secret": "s", "api_base": url}
    key = {"display_name": "ci", "key_hash": hashlib.sha256(KEY.encode()).hexdigest()}
    file = folder / "resources.yaml"
    file.write_text(
        json.dumps(
            {
                "provider_keys": [provider],
                "models": [
                    {"display_name": alias, "rate_limit": limit, **model}
                    for alias, limit in limits.items()
                ],
                "apikeys": [{**key, "allowed_models": ["*"], **of_key}],
            }
        )
    )
    return file


@contextlib.contextmanager
def gateways(
    folder: Path, file: Path, url: str, count: int, workers: int = 1, **more: Any
) -> Iterator[list[Running]]:
    settings = {"backend": "redis", "redis": {"url": url}, "timeout_ms": PATIENT, **more}
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(
                Running(
                    folder / f"gateway-{number}",
                    {"resources_file": str(file), "ratelimit": settings},
                    workers=workers,
                )
            )
            for number in range(count)
        ]


def ask(gateway: Running, alias: str, text: str = "Hi") -> Answer:
    body = {"model": alias, "messages": [{"role": "user", "content": text}]}
    return gateway.call(body, key=KEY)


def test_three_gateways_on_one_redis_let_through_exactly_as_many_as_one(
    tmp_path: Path, standin: Standin
) -> None:
    limits = {"twenty": {"rpm": 20}, "one": {"rpm": 1}, "busy": {"concurrency": 2}}
    file = resources(tmp_path, standin.url, limits, rate_limit={"rpd": 60})
    with (
        Redis(tmp_path) as redis,
        gateways(tmp_path, file, redis.url, 3, workers=2, nodes=3) as all_of_them,
    ):
        first, second, third = all_of_them
        assert [ask(first, "one").status, ask(second, "one").status] == [200, 429]
        with ThreadPoolExecutor(12) as pool:
            asked = [pool.submit(ask, all_of_them[n % 3], "twenty") for n in range(60)]
            answers = [one.result() for one in asked]
        assert Counter(one.status for one in answers) == {200: 20, 429: 40}
        assert not any("x-aisix-limits" in one.headers for one in answers)
        refused = next(one for one in answers if one.status == 429)
        assert "20 requests per minute for this model" in refused.error["message"]
        assert refused.headers["x-ratelimit-remaining-requests"] == "0"
        left = {int(one.headers["x-ratelimit-remaining-requests"]) for one in answers}
        assert left >= set(range(20))
        with (
            first.streaming("standin:slow-500 standin:long-400", "busy", KEY),
            second.streaming("standin:slow-500 standin:long-400", "busy", KEY),
        ):
            assert ask(third, "busy").status == 429
        until(lambda: ask(third, "busy").status == 200, "a place is not given back")
        status = third.admin("GET", "status").json["limits"]
        assert (status["backend"], status["up"], status["policy"]) == ("redis", True, "local_share")
        counted = 'aisix_limits_calls_total{call="admit",result="ok"}'
        until(lambda: third.metrics().get(counted, 0) > 5)
        metrics = third.metrics()
        assert metrics["aisix_limits_backend_up"] == 1
        assert metrics['aisix_limits_seconds_count{call="admit"}'] > 5
        assert [one.bugs for one in all_of_them] == [[], [], []]


def test_while_redis_is_away_each_gateway_has_its_share_and_says_so(
    tmp_path: Path, standin: Standin
) -> None:
    file = resources(tmp_path, standin.url, {"thirty": {"rpm": 30}})
    with (
        Redis(tmp_path, password="p-of-the-tests") as redis,
        gateways(
            tmp_path, file, redis.url.replace("//", "//:p-of-the-tests@"), 1, workers=2, nodes=3
        ) as (gateway,),
    ):  # fmt: skip
        assert "x-aisix-limits" not in ask(gateway, "thirty").headers
        redis.kill()
        until(lambda: not gateway.admin("GET", "status").json["limits"]["up"])
        until(lambda: "x-aisix-limits" in ask(gateway, "thirty").headers)
        answers = [ask(gateway, "thirty") for _ in range(15)]
        assert {one.headers["x-aisix-limits"] for one in answers} == {"local"}
        assert Counter(one.status for one in answers)[429] >= 5
        assert answers[-1].headers["x-ratelimit-limit-requests"] == "10"
        redis.restart()
        until(lambda: gateway.admin("GET", "status").json["limits"]["up"])
        until(lambda: "x-aisix-limits" not in ask(gateway, "thirty").headers)
        until(lambda: gateway.metrics().get("aisix_limits_backend_up") == 1)
        until(
            lambda: (
                sum(
                    value
                    for name, value in gateway.metrics().items()
                    if name.startswith('aisix_limits_fallback_total{policy="local_share"')
                )
                >= 15
            )
        )
        lines = [line for line in gateway.log.splitlines() if " limits: " in line]
        assert len(lines) == 2, lines
        assert "redis cannot be asked" in lines[0] and "1/3 of each limit here" in lines[0]
        assert "counts again" in lines[1]
        assert "p-of-the-tests" not in gateway.log
        assert gateway.bugs == []


def test_places_of_a_gateway_that_was_killed_are_free_soon(
    tmp_path: Path, standin: Standin
) -> None:
    file = resources(tmp_path, standin.url, {"busy": {"concurrency": 1}})
    with (
        Redis(tmp_path) as redis,
        gateways(tmp_path, file, redis.url, 2, concurrency_ttl_secs=3) as (first, second),
    ):
        with (
            contextlib.suppress(OSError),
            first.streaming("standin:slow-500 standin:long-400", "busy", KEY),
        ):
            assert ask(second, "busy").status == 429
            for pid in (first.process.pid, *first.worker_pids):
                os.kill(pid, signal.SIGKILL)
        until(lambda: ask(second, "busy").status == 200)


def test_it_starts_without_redis_and_closed_means_closed(tmp_path: Path, standin: Standin) -> None:
    file = resources(tmp_path, standin.url, {"thirty": {"rpm": 30}, "free": {}})
    with Redis(tmp_path) as redis:
        redis.kill()
        with gateways(tmp_path, file, redis.url, 1, on_outage="fail_closed") as (gateway,):
            refused = ask(gateway, "thirty")
            assert refused.status == 503 and refused.headers["retry-after"] == "1"
            assert ask(gateway, "free").status == 200
            assert "redis cannot be asked" in gateway.log
            redis.restart()
            until(lambda: ask(gateway, "thirty").status == 200)


# ---------------------------------------------------------------- the start
def complaint(folder: Path, redis: dict[str, Any]) -> str:
    config = folder / "config.yaml"
    config.write_text(json.dumps({"ratelimit": {"backend": "redis", "redis": redis}}))
    with pytest.raises(OperatorError) as caught:
        check_limits(load_settings(config, {}))
    return str(caught.value)


def test_settings_that_cannot_work_stop_the_start_by_name(tmp_path: Path) -> None:
    assert complaint(tmp_path, {}) == "ratelimit.redis.url: needed with mode: single"
    tls = {"ca_file": "none.pem"}
    assert complaint(tmp_path, {"url": "rediss://:secret@x", "tls": tls}).startswith(
        f"ratelimit.redis.tls: {tmp_path / 'none.pem'}: No such file"
    ) or "No such file" in complaint(tmp_path, {"url": "rediss://:secret@x", "tls": tls})
    (tmp_path / "none.pem").write_text("nothing")
    said = complaint(tmp_path, {"url": "rediss://:secret@x", "tls": tls})
    assert said.startswith("ratelimit.redis.tls: ") and "secret" not in said
    said = complaint(tmp_path, {"url": "rediss://x:secret"})
    assert said.startswith("ratelimit.redis.url: expected") and "secret" not in said


def test_a_password_may_come_from_the_environment_and_shows_nowhere(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    redis = {"mode": "sentinel", "sentinels": ["a:1"], "master_name": "m"}
    config.write_text(json.dumps({"ratelimit": {"backend": "redis", "redis": redis}}))
    env = {"AISIX_RATELIMIT__REDIS__PASSWORD": "hidden-word"}
    settings = load_settings(config, env)
    assert where_of(settings).login == ("", "hidden-word")
    assert "hidden" not in repr(settings.ratelimit) + repr(where_of(settings))
    assert settings.digest == load_settings(config, {}).digest


def test_without_the_extra_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hiredis", None)
    assert "pip install 'aisix[cluster]'" in complaint(tmp_path, {"url": "redis://x"})


def test_without_the_setting_nothing_of_it_is_imported() -> None:
    code = """
import sys
import aisix.runtime.service, aisix.cli.main
from aisix.config.settings import load_settings
from aisix.runtime.limiting import check_limits
check_limits(load_settings(None, {}))
assert not [name for name in sys.modules if "hiredis" in name or "limits.redis" in name]
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
