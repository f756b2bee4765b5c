"""Groups of aliases: who is asked, what their models are known to be, whose limits hold; two workers
that know it together."""

from __future__ import annotations

import itertools
import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from aisix.standin.handler import Scripted
from aisix.standin.server import Standin
from tests import rough
from tests.rough import Rough
from tests.running import CALLER_KEY, Answer, Running, chunks, free_port, send, until
from tests.strict import samples

JSON = (("content-type", "application/json"),)
BUSY = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
LIMITED = b'{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}'
ERROR_FIRST = b"event: error\ndata: " + BUSY + b"\n\n"
DOWN = Scripted((BUSY,), 503, JSON)
TOO_MANY = Scripted((LIMITED,), 429, JSON)
NONSENSE = Scripted((b"<html>",), 200, JSON)
NEVER = {"enabled": False}
OPENING = f"event: message_start\ndata: {json.dumps(samples.opening())}\n\n".encode()
_numbers = itertools.count()


@pytest.fixture(scope="module")
def a() -> Iterator[Standin]:
    upstream = Standin().start()
    yield upstream
    upstream.stop()


@pytest.fixture(scope="module")
def b() -> Iterator[Standin]:
    upstream = Standin().start()
    yield upstream
    upstream.stop()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, a: Standin, b: Standin) -> Iterator[Running]:
    more = {"upstream": {"retries": 0}, "downstream": {"sse_keepalive_interval_secs": 1}}
    with Running(tmp_path_factory.mktemp("groups"), more, workers=2) as running:
        running.set_up(a.url, {}, display_name="a")
        for name, url in (("b", b.url), ("gone", f"http://127.0.0.1:{free_port()}")):
            body = {"provider": "anthropic", "secret": f"sk-ant-secret-of-{name}"}
            running.create("provider_keys", {"display_name": name, "api_base": url, **body})
        running.allow("*")
        yield running
        assert not running.bugs


class Group:
    """A new group over new aliases: `a`, `b` and `gone` by their provider keys, in this order."""

    def __init__(self, gateway: Running, members: dict[str, dict[str, Any]], **routing: Any):
        self.gateway, self.name = gateway, f"group-{next(_numbers)}"
        targets = []
        for key, more in members.items():
            own = {name: more.pop(name) for name in ("weight", "priority", "tags") if name in more}
            alias = f"{self.name}-{key}"
            base = {"provider": "anthropic", "model_name": "claude-opus-5-5", "provider_key": key}
            gateway.create("models", {"display_name": alias, **base, **more})
            targets.append({"model": alias, **own})
        model = {name: routing.pop(name) for name in ("rate_limit",) if name in routing}
        body = {"display_name": self.name, "routing": {"targets": targets, **routing}, **model}
        gateway.create("models", body)

    def ask(self, **more: Any) -> Answer:
        return self.gateway.ask("Hi", self.name, **more)

    def served(self, **more: Any) -> str:
        """By which member."""
        answer = self.ask(**more)
        assert answer.status == 200, answer.body
        return answer.headers["x-aisix-served-by"].removeprefix(f"{self.name}-")

    def member(self, name: str, **more: Any) -> Answer:
        return self.gateway.ask("Hi", f"{self.name}-{name}", **more)


@pytest.mark.parametrize("stream", [False, True])
def test_a_member_that_fails_hands_over_and_is_left_alone_by_all_workers(
    gateway: Running, a: Standin, stream: bool
) -> None:
    group = Group(gateway, {"a": {}, "b": {}})
    a.script(DOWN)
    assert group.served(stream=stream) == "b"
    before = a.number
    assert {group.served(stream=stream) for _ in range(12)} == {"b"}
    assert a.number == before
    assert group.member("a").status == 200  # its alias itself is always asked ...
    assert group.served(stream=stream) == "a"  # ... and that went well


def test_a_direct_call_that_fails_is_known_to_the_group(gateway: Running, a: Standin) -> None:
    group = Group(gateway, {"a": {}, "b": {}})
    a.script(DOWN)
    assert group.member("a").status >= 500
    assert {group.served() for _ in range(8)} == {"b"}


def test_cooldown_by_its_own_rules(gateway: Running, a: Standin) -> None:
    never = Group(gateway, {"a": {"cooldown": NEVER}, "b": {}})
    short = Group(gateway, {"a": {"cooldown": {"default_seconds": 1}}, "b": {}})
    others = Group(gateway, {"a": {"cooldown": {"trigger_statuses": [500]}}, "b": {}})
    for group, then in ((never, "a"), (others, "a"), (short, "b")):
        a.script(DOWN)
        assert (group.served(), group.served()) == ("b", then)
    until(lambda: short.served() == "a", "it never came back")


def test_a_429_is_the_callers_and_cools_down(gateway: Running, a: Standin) -> None:
    group = Group(gateway, {"a": {}, "b": {}})
    a.script(TOO_MANY)
    assert group.ask().status == 429
    assert group.served() == "b"
    again = Group(gateway, {"a": {}, "b": {}}, retry_on_429=True)
    a.script(TOO_MANY)
    assert again.served() == "b"


def test_statuses_that_go_on(gateway: Running, a: Standin) -> None:
    wrong = Scripted((b'{"type":"error","error":{"type":"x","message":"no"}}',), 422, JSON)
    group = Group(gateway, {"a": {}, "b": {}})
    a.script(wrong)
    assert group.ask().status == 422
    assert group.served() == "a"  # nothing cooled down
    again = Group(gateway, {"a": {}, "b": {}}, fallback_on_statuses=[422])
    a.script(wrong)
    assert again.served() == "b"


@pytest.mark.parametrize("stream", [False, True])
def test_nonsense_and_a_connection_that_breaks_go_on(
    gateway: Running, a: Standin, stream: bool
) -> None:
    half = (b"event: message_start\ndata: {", True) if stream else (b"{", True)
    for script in (NONSENSE, Scripted((half[0],), headers=JSON, cut=True)):
        group = Group(gateway, {"a": {}, "b": {}})
        a.script(script)
        answer = group.ask(stream=stream)
        assert answer.headers["x-aisix-served-by"] == f"{group.name}-b", script
        assert "upstream_fault" not in gateway.line(answer)  # of who answered
    assert Group(gateway, {"gone": {}, "b": {}}).served(stream=stream) == "b"


def test_a_direct_alias_that_says_nonsense_is_not_asked_twice(gateway: Running, a: Standin) -> None:
    group, before = Group(gateway, {"a": {"retries": 2}, "b": {}}), a.number
    a.script(NONSENSE)
    assert group.member("a").status == 502
    assert a.number == before + 1


def test_an_error_as_the_first_event_goes_on_and_a_later_one_does_not(
    gateway: Running, a: Standin
) -> None:
    group = Group(gateway, {"a": {"cooldown": NEVER}, "b": {}})
    a.script(Scripted((ERROR_FIRST,)))
    assert group.served(stream=True) == "b"


@pytest.mark.parametrize("stream", [False, True])
def test_who_is_too_slow_is_left_for_another(gateway: Running, a: Standin, stream: bool) -> None:
    own = {"stream_timeout": 1500} if stream else {"timeout": 300}
    group = Group(gateway, {"a": {**own, "cooldown": NEVER}, "b": {}})
    slow = (b'event: ping\ndata: {"type": "ping"}\n\n', 20.0) if stream else (20.0,)
    a.script(Scripted(slow))
    answer = group.ask(stream=stream)
    assert answer.status == 200
    assert answer.headers["x-aisix-served-by"] == f"{group.name}-b"  # the head waited: no comment
    if stream:
        assert [*chunks(answer.body)] and not answer.body.startswith(b":")


def test_retries_that_are_written(gateway: Running, a: Standin) -> None:
    group = Group(gateway, {"a": {}, "b": {}}, retries=1)
    a.script(DOWN, DOWN)
    answer = group.ask()
    assert (answer.status, answer.headers["x-aisix-attempts"]) == (200, "3")
    own = Group(gateway, {"a": {"retries": 1}, "b": {}}, retries=0)
    a.script(DOWN)
    assert own.served() == "a"


def test_all_cool_down_and_are_asked_anyway(gateway: Running, a: Standin, b: Standin) -> None:
    group = Group(gateway, {"a": {}, "b": {}})
    a.script(DOWN)
    b.script(DOWN)
    assert group.ask().status >= 500
    assert group.served() == "a"


def test_turns_are_taken_by_all_workers_together(gateway: Running) -> None:
    group = Group(gateway, {"a": {"weight": 2}, "b": {}}, strategy="round_robin")
    assert "".join(group.served() for _ in range(9)) == "aba" * 3


def test_the_quickest_is_found(gateway: Running, a: Standin) -> None:
    group = Group(gateway, {"a": {}, "b": {}}, strategy="least_latency")
    text = b'{"type":"message","role":"assistant","content":[{"type":"text","text":"slow"}],'
    text += b'"id":"m","model":"m","stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}'
    a.script(Scripted((0.5, text), 200, JSON))
    assert group.served() == "a"  # as written: nobody was ever asked
    assert [group.served() for _ in range(5)] == ["b"] * 5


def test_who_is_busy_with_a_stream(gateway: Running, a: Standin) -> None:
    group = Group(gateway, {"a": {}, "b": {}}, strategy="least_busy")
    a.script(Scripted((OPENING, 60.0)))
    with gateway.streaming("Hi", group.name) as answer:
        assert answer.headers["x-aisix-served-by"] == f"{group.name}-a"
        assert {group.served() for _ in range(6)} == {"b"}
    until(lambda: group.served() == "a", "its place was never given back")


# ---------------------------------------------------------------- limits of members
@pytest.mark.parametrize("stream", [False, True])
def test_a_member_over_its_limit_is_passed_over(gateway: Running, stream: bool) -> None:
    group = Group(gateway, {"a": {"rate_limit": {"rpm": 1}}, "b": {}})
    assert [group.served(stream=stream) for _ in range(3)] == ["a", "b", "b"]
    assert group.member("a").status == 429  # it is one count


@pytest.mark.parametrize("stream", [False, True])
def test_all_members_over_their_limits(gateway: Running, stream: bool) -> None:
    one = {"rate_limit": {"rpm": 1}}
    group = Group(gateway, {"a": {**one}, "b": {**one}})
    assert [group.served(stream=stream) for _ in range(2)] == ["a", "b"]
    answer = group.ask(stream=stream)
    assert answer.status == 429 and int(answer.headers["retry-after"]) > 0
    assert "limit" in answer.json["error"]["message"].lower()


@pytest.mark.parametrize("stream", [False, True])
def test_a_member_that_fails_and_one_without_room(
    gateway: Running, a: Standin, stream: bool
) -> None:
    group = Group(gateway, {"a": {"cooldown": NEVER}, "b": {"rate_limit": {"rpm": 0}}})
    a.script(DOWN)
    assert group.ask(stream=stream).status == 429
    assert group.served(stream=stream) == "a"


@pytest.mark.parametrize("stream", [False, True])
def test_tokens_are_booked_on_the_member_that_answered(gateway: Running, stream: bool) -> None:
    group = Group(gateway, {"a": {"rate_limit": {"tpm": 5}}, "b": {}}, rate_limit={"tpm": 10**6})
    more = {"stream": stream, **({"stream_options": {"include_usage": True}} if stream else {})}
    assert group.served(**more) == "a"
    assert group.served(**more) == "b"
    left = int(group.ask(**more).headers["x-ratelimit-remaining-tokens"])
    assert left < 10**6 - 10  # and on the group


def test_a_place_at_a_member_is_held_to_the_end_of_its_stream(gateway: Running, a: Standin) -> None:
    group = Group(gateway, {"a": {"rate_limit": {"concurrency": 1}}, "b": {}})
    a.script(Scripted((OPENING, 60.0)))
    with gateway.streaming("Hi", group.name):
        assert [group.served() for _ in range(3)] == ["b"] * 3
    until(lambda: group.served() == "a", "its place was never given back")
    assert group.served() == "a"  # nor kept by an answer that is no stream


def test_each_attempt_counts_and_what_failed_gives_its_place_back(
    gateway: Running, a: Standin
) -> None:
    limits = {"rpm": 2, "concurrency": 1}
    group = Group(gateway, {"a": {"rate_limit": limits, "retries": 1}, "b": {}})
    a.script(DOWN)
    assert group.served() == "a"  # two requests were counted, one place was enough
    assert group.served() == "b"


def test_a_group_in_a_group_is_passed_over_and_told(gateway: Running) -> None:
    inner = Group(gateway, {"b": {}})
    targets = [{"model": inner.name}, {"model": f"{inner.name}-b"}]
    body = {"display_name": "outer", "routing": {"targets": targets}}
    written = gateway.admin("POST", "models", body)
    assert written.status == 201 and "routing.targets[0].model" in str(written.json), written.body
    told = "models/outer: routing.targets[0].model: is a group itself: it is passed over"
    assert told in gateway.admin("GET", "status").json["faults"]
    assert gateway.ask("Hi", "outer").headers["x-aisix-served-by"] == f"{inner.name}-b"


CHECK = {
    "enabled": True,
    "interval_seconds": 5,
    "timeout_seconds": 5,
    "prompt": "Say OK.",
    "answer_tokens": 8,
    "stale_after_seconds": 600,
}


def test_who_fails_at_checks_is_passed_over_and_all_of_them_are_a_503(gateway: Running) -> None:
    down = {"provider": "anthropic", "secret": "sk-ant-secret-of-down"}
    with Rough() as upstream:
        upstream.next(rough.json(BUSY, "529 Overloaded"))
        gateway.create("provider_keys", {"display_name": "down", "api_base": upstream.url, **down})
        bad = {"background_model_check": CHECK, "cooldown": NEVER}
        alone = Group(gateway, {"down": {**bad}})
        anyway = Group(gateway, {"down": {**bad}}, when_all_unavailable="try_anyway")
        two = Group(gateway, {"down": {**bad}, "b": {}})
        groups = (alone, anyway, two)

        def known() -> bool:
            calls = len(upstream.calls)
            answers = [group.ask() for group in groups]
            return (
                answers[0].headers.get("retry-after") == "30" and len(upstream.calls) == calls + 1
            )

        until(known, "they are asked on and on")
        answer = alone.ask()
        assert answer.status == 503
        assert answer.json["error"]["code"] == "no_target_available"
        assert two.served() == "b"
        assert alone.member("down").status >= 500  # its alias itself is always asked
        before = len(upstream.calls)
        assert anyway.ask().status >= 500
        assert len(upstream.calls) == before + 1


def test_what_is_known_outlives_workers_and_their_settings(gateway: Running, a: Standin) -> None:
    group = Group(gateway, {"a": {}, "b": {}})
    a.script(DOWN)
    assert group.served() == "b"
    old = {*gateway.worker_pids}
    gateway.more["mappings_reload_timeout_secs"] = 33
    gateway.write_config()
    gateway.process.send_signal(signal.SIGHUP)
    until(lambda: not old & {*gateway.worker_pids}, "the workers were never replaced")
    assert group.served() == "b"


def test_a_group_answers_on_the_routes_that_its_targets_do(gateway: Running, a: Standin) -> None:
    key = {"provider": "other", "adapter": "openai", "secret": "sk-other-secret", "api_base": a.url}
    gateway.create("provider_keys", {"display_name": "other", **key})
    group = Group(gateway, {"other": {}})
    named = {"authorization": f"Bearer {CALLER_KEY}"}
    answers = [
        send(gateway.proxy_port, "POST", "/v1/responses", {"model": alias, "input": "Hi"}, named)
        for alias in (f"{group.name}-other", group.name)
    ]
    assert [answer.status for answer in answers] == [200, 200]
    assert answers[1].headers["x-aisix-served-by"] == f"{group.name}-other"
