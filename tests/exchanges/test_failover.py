"""An alias with several targets: who serves, who is passed over, and what the caller sees of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from aisix.standin.handler import Scripted
from aisix.standin.server import Standin
from tests.running import CALLER_KEY, Running, chunks, free_port, until
from tests.strict import openai_wire

JSON = (("content-type", "application/json"),)
BUSY = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
ERROR_FIRST = b"event: error\ndata: " + BUSY + b"\n\n"


@pytest.fixture
def one() -> Iterator[Standin]:
    upstream = Standin().start()
    yield upstream
    upstream.stop()


@pytest.fixture
def two() -> Iterator[Standin]:
    upstream = Standin().start()
    yield upstream
    upstream.stop()


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    more = {"upstream": {"retries": 0, "cooldown_failures": 2, "cooldown_secs": 1}}
    with Running(tmp_path_factory.mktemp("paired"), more) as running:
        running.allow("*")
        yield running
        assert not running.bugs


@pytest.fixture
def paired(lasting: Running, one: Standin, two: Standin) -> Iterator[Running]:
    """Provider keys `one`, `two` and `gone`, new in each test, and so their standing."""
    gone = f"http://127.0.0.1:{free_port()}"
    keys = []
    for name, url in (("one", one.url), ("two", two.url), ("gone", gone)):
        body = {"provider": "anthropic", "secret": f"sk-ant-secret-of-{name}", "api_base": url}
        keys.append(lasting.create("provider_keys", {"display_name": name, **body}))
    yield lasting
    for key in keys:
        assert lasting.admin("DELETE", f"provider_keys/{key}?cascade=true").status < 300


def alias(gateway: Running, *targets: Any, routing: str = "failover", **more: Any) -> None:
    named = [
        {"provider_key": target, "model_name": "claude-opus-5-5"}
        if isinstance(target, str)
        else {"model_name": "claude-opus-5-5", **target}
        for target in targets
    ]
    body = {"display_name": "claude-prod", "provider": "anthropic", "targets": named, **more}
    gateway.create("models", {**body, "routing": routing})


def served(gateway: Running, **more: Any) -> str:
    answer = gateway.ask("Hi", **more)
    assert answer.status == 200, answer.body
    return answer.headers["x-aisix-served-by"].partition("/")[0]


@pytest.mark.parametrize("stream", [False, True])
def test_a_target_that_is_not_there_is_passed_over_and_cools_down(
    paired: Running, stream: bool
) -> None:
    alias(paired, "gone", "two")
    attempts = []
    for _ in range(4):
        answer = paired.ask("Hi", stream=stream)
        assert answer.status == 200
        assert answer.headers["x-aisix-served-by"] == "two/claude-opus-5-5"
        attempts.append(answer.headers["x-aisix-attempts"])
        line = paired.line(answer)
        assert line["served_by"] == "two/claude-opus-5-5"
    assert attempts == ["2", "2", "1", "1"]
    assert "target gone/claude-opus-5-5 cools down for 1.0 s" in paired.log
    assert paired.admin("GET", "status").json["targets"]["gone/claude-opus-5-5"][
        "failures_in_a_row"
    ]

    def probed() -> bool:
        return paired.ask("Hi", stream=stream).headers["x-aisix-attempts"] == "2"

    until(probed, "it is not asked again")
    assert "cools down for 2.0 s" in paired.log


@pytest.mark.parametrize("stream", [False, True])
def test_a_target_that_refuses_for_its_own_reasons_hands_over(
    paired: Running, one: Standin, stream: bool
) -> None:
    alias(paired, "one", "two")
    for status in (529, 500, 429, 401, 402, 404):
        one.script(Scripted((BUSY,), status, JSON))
        answer = paired.ask("Hi", stream=stream)
        assert answer.status == 200, status
        assert answer.headers["x-aisix-served-by"].startswith("two/")
        while one.next_script() is not None:
            pass  # it cools down by now, and was not asked


def test_what_is_the_callers_own_fault_is_not_asked_twice(
    paired: Running, one: Standin, two: Standin
) -> None:
    alias(paired, "one", "two")
    before = two.number
    wrong = b'{"type":"error","error":{"type":"invalid_request_error","message":"no"}}'
    for _ in range(3):
        one.script(Scripted((wrong,), 400, JSON))
        answer = paired.ask("Hi")
        assert answer.status == 400
        assert answer.headers["x-aisix-served-by"].startswith("one/")
    assert two.number == before
    assert served(paired) == "one", "a refusal is no failure"


def test_a_stream_whose_first_event_is_an_error_goes_elsewhere(
    paired: Running, one: Standin
) -> None:
    alias(paired, "one", "two")
    one.script(Scripted((ERROR_FIRST,)))
    answer = paired.ask("Hi", stream=True)
    assert answer.status == 200
    assert answer.headers["x-aisix-served-by"].startswith("two/")
    assert openai_wire.openai_stream_errors(answer.body, False, "done") == []


def test_after_the_first_chunk_nothing_is_tried_again(
    paired: Running, one: Standin, two: Standin
) -> None:
    alias(paired, "one", "two")
    before = two.number
    for _ in range(2):
        answer = paired.ask("standin:stream-error", stream=True)
        assert list(chunks(answer.body))[-1]["error"]["code"] == "overloaded"
        assert answer.headers["x-aisix-served-by"].startswith("one/")
    assert two.number == before
    assert served(paired) == "two", "streams that break off are failures all the same"


def test_when_all_cool_down_the_caller_gets_what_an_upstream_says(
    paired: Running, one: Standin, two: Standin
) -> None:
    alias(paired, "gone", {"provider_key": "gone", "model_name": "claude-haiku-4-5"})
    for stream in (False, True) * 3:
        answer = paired.ask("Hi", stream=stream)
        assert (answer.status, answer.error["code"]) == (502, "upstream_unreachable")
        assert paired.line(answer)["attempts"] == int(answer.headers["x-aisix-attempts"]) <= 2
        assert openai_wire.openai_error_errors(answer.status, answer.headers, answer.body) == []


@pytest.mark.parametrize("stream", [False, True])
def test_an_only_target_is_asked_in_its_cooldown_and_comes_back(
    paired: Running, one: Standin, stream: bool
) -> None:
    alias(paired, "one")
    told = (*JSON, ("retry-after", "60"))
    one.script(*[Scripted((BUSY,), 529, told)] * 3)
    for _ in range(3):
        answer = paired.ask("Hi", stream=stream)
        assert (answer.status, answer.headers["retry-after"]) == (503, "60")
    standing = paired.admin("GET", "status").json["targets"]["one/claude-opus-5-5"]
    assert standing["cools_down_secs"] > 0
    assert served(paired, stream=stream) == "one"
    standing = paired.admin("GET", "status").json["targets"]["one/claude-opus-5-5"]
    assert standing["cools_down_secs"] == 0


@pytest.mark.parametrize("stream", [False, True])
def test_a_timeout_may_go_to_the_next_target(
    paired: Running, one: Standin, two: Standin, stream: bool
) -> None:
    limits = {"first_byte_timeout": 600, "timeout": 600}
    alias(paired, "one", "two", **limits)
    asked = two.number
    one.script(Scripted((5.0,)))  # silent
    assert paired.ask("Hi", stream=stream).status == 504
    assert two.number == asked, "it may have been billed"
    model = paired.admin("GET", "models").json["items"][-1]["id"]
    assert paired.admin("PATCH", f"models/{model}", {"retry_on_timeout": True}).status == 200
    one.script(Scripted((5.0,)))
    answer = paired.ask("Hi", stream=stream)
    assert (answer.status, answer.headers["x-aisix-attempts"]) == (200, "2")
    assert answer.headers["x-aisix-served-by"].startswith("two/")
    assert paired.line(answer)["attempts"] == 2


def test_retries_of_its_own_ask_the_same_target_first(
    paired: Running, one: Standin, two: Standin
) -> None:
    alias(paired, "one", "two", retries=1)
    one.script(Scripted((BUSY,), 529, JSON))
    answer = paired.ask("Hi")
    assert (answer.status, answer.headers["x-aisix-attempts"]) == (200, "2")
    assert answer.headers["x-aisix-served-by"].startswith("one/")
    one.script(*[Scripted((BUSY,), 529, JSON)] * 2)
    answer = paired.ask("Hi", stream=True)
    assert (answer.status, answer.headers["x-aisix-attempts"]) == (200, "3")
    assert answer.headers["x-aisix-served-by"].startswith("two/")


def test_a_target_that_came_back_is_used_again(paired: Running, one: Standin) -> None:
    alias(paired, "one", "two")
    one.script(Scripted((BUSY,), 529, JSON), Scripted((BUSY,), 529, JSON))
    assert [served(paired) for _ in range(3)] == ["two", "two", "two"]
    until(lambda: served(paired) == "one", "it is not asked again")
    assert [served(paired) for _ in range(3)] == ["one", "one", "one"]
    assert "target one/claude-opus-5-5 is back" in paired.log


def test_a_new_secret_ends_the_cooldown(paired: Running, one: Standin) -> None:
    alias(paired, "one", "two")
    one.script(*[Scripted((BUSY,), 401, JSON)] * 2)
    assert [served(paired) for _ in range(3)] == ["two", "two", "two"]
    key = next(
        k
        for k in paired.admin("GET", "provider_keys").json["items"]
        if k["value"]["display_name"] == "one"
    )
    merged = paired.admin("PATCH", f"provider_keys/{key['id']}", {"secret": "sk-ant-a-better-one"})
    assert merged.status == 200, merged.body
    assert served(paired) == "one"


def test_round_robin_shares_by_weight(paired: Running) -> None:
    alias(
        paired,
        {"provider_key": "one", "weight": 3},
        {"provider_key": "two", "weight": 1},
        routing="round_robin",
    )
    who = [served(paired, stream=bool(n % 2)) for n in range(8)]
    assert (who.count("one"), who.count("two")) == (6, 2)


def test_least_busy_avoids_who_is_working(paired: Running) -> None:
    import http.client
    import json

    alias(paired, "one", "two", routing="least_busy")
    connection = http.client.HTTPConnection("127.0.0.1", paired.proxy_port, timeout=20)
    body: dict[str, Any] = {
        "model": "claude-prod",
        "messages": [{"role": "user", "content": "standin:slow-50 standin:long-200"}],
        "stream": True,
    }
    headers = {"Authorization": f"Bearer {CALLER_KEY}"}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
    answer = connection.getresponse()
    assert answer.read(10)
    busy = str(answer.getheader("x-aisix-served-by")).partition("/")[0]
    assert {served(paired) for _ in range(4)} == {"one", "two"} - {busy}
    connection.close()


def test_each_target_gets_the_request_translated_for_its_own_model(
    paired: Running, one: Standin, two: Standin
) -> None:
    alias(
        paired,
        {"provider_key": "one", "model_name": "claude-opus-5-5"},
        {"provider_key": "two", "model_name": "claude-3-5-haiku-20241022"},
    )
    one.script(Scripted((BUSY,), 529, JSON))
    answer = paired.ask("Hi", temperature=0.5, reasoning_effort="high")
    assert answer.status == 200
    assert answer.headers["x-upstream-model"] == "claude-3-5-haiku-20241022"
    first, second = one.received[-1].body, two.received[-1].body
    assert first["model"] == "claude-opus-5-5"
    assert "temperature" not in first, "this model refuses it"
    assert second["model"] == "claude-3-5-haiku-20241022"
    assert second["temperature"] == 0.5
    assert two.received[-1].headers["x-api-key"] == "sk-ant-secret-of-two"


def test_targets_may_differ_in_options_and_traits(
    paired: Running, one: Standin, two: Standin
) -> None:
    alias(
        paired,
        {"provider_key": "one", "options": {"default_max_tokens": 77}},
        {"provider_key": "two", "traits": ["no-sampling"]},
        options={"default_max_tokens": 99},
    )
    one.script(Scripted((BUSY,), 529, JSON))
    assert served(paired) == "two"
    assert one.received[-1].body["max_tokens"] == 77
    assert two.received[-1].body["max_tokens"] == 99


def test_an_alias_without_targets_says_nothing_of_them(paired: Running) -> None:
    plain = {"display_name": "claude-prod", "provider": "anthropic", "provider_key": "one"}
    paired.create("models", {**plain, "model_name": "claude-opus-5-5"})
    answer = paired.ask("Hi")
    assert "x-aisix-served-by" not in answer.headers
    assert answer.headers["x-aisix-attempts"] == "1"


def test_what_the_tables_refuse_of_a_target_is_told_to_the_admin(paired: Running) -> None:
    targets = [
        {"provider_key": "one", "model_name": "claude-opus-5-5"},
        {"provider_key": "two", "model_name": "claude-opus-5-5", "options": {"no_such": 1}},
    ]
    body = {"display_name": "claude-prod", "provider": "anthropic", "targets": targets}
    answer = paired.admin("POST", "models", body)
    assert answer.status == 400
    assert b"targets[1].options" in answer.body
