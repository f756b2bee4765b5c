"""Groups in the original's form, on a real etcd: what its callers, dashboards and scripts see."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests import rough
from tests.cluster.servers import Etcd
from tests.rough import Rough
from tests.running import Answer, free_port, send, until
from tests.runtime.test_moved_in import CALLER, Bare

CHECK = {
    "enabled": True,
    "interval_seconds": 5,
    "timeout_seconds": 10,
    "prompt": "Respond with OK",
    "max_tokens": 8,
    "ignore_statuses": [408, 429],
    "stale_after_seconds": 120,
}


def said(text: str) -> bytes:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
    whole = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini"}
    return json.dumps({**whole, "choices": [choice], "usage": usage}).encode()


def streamed(text: str) -> bytes:
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini"}
    parts: list[dict[str, Any]] = [{"role": "assistant"}, {"content": text}]
    chunks = [
        {**chunk, "choices": [{"index": 0, "delta": p, "finish_reason": None}]} for p in parts
    ]
    end = {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    lines = [f"data: {json.dumps(one)}\n\n" for one in (*chunks, end)]
    return "".join([*lines, "data: [DONE]\n\n"]).encode()


def failing(status: str, *lines: str) -> bytes:
    error = {"error": {"message": f"upstream says {status}", "type": "server_error"}}
    return rough.json(json.dumps(error).encode(), status, *lines)


class Moved:
    """One gateway, and an upstream for each direct model by its name."""

    def __init__(self, bare: Bare, etcd: Etcd, stack: ExitStack) -> None:
        self.bare, self._etcd, self._stack = bare, etcd, stack
        self.upstreams: dict[str, Rough] = {}
        self.metrics_port = 0

    def put(self, kind: str, id: str, document: dict[str, Any]) -> None:
        self._etcd.put(f"/groups/{kind}/{id}", json.dumps(document).encode())

    def model(self, name: str, *answer: rough.Step, **more: Any) -> None:
        upstream = self.upstreams[name] = self._stack.enter_context(Rough())
        upstream.next(*answer)
        base = {"provider": "openai", "model_name": "gpt-4o-mini", "provider_key_id": f"{name}-pk"}
        self.put("models", name, {"display_name": name, **base, **more})
        key = {"display_name": f"{name}-pk", "provider": "openai", "secret": "sk-mock"}
        self.put("provider_keys", f"{name}-pk", {**key, "api_base": f"{upstream.url}/v1"})

    def group(self, name: str, *targets: str, **routing: Any) -> None:
        listed = [{"model": target} for target in targets]
        document = {"display_name": name, "routing": {"targets": listed, **routing}}
        self.put("models", name, document)

    def calls(self, name: str) -> int:
        return len(self.upstreams[name].calls)

    def ask(self, model: str, **more: Any) -> Answer:
        return self.bare.ask(model=model, **more)

    def text(self, model: str) -> str:
        answer = self.ask(model)
        assert answer.status == 200, answer.body
        return str(answer.json["choices"][0]["message"]["content"])

    def row(self, name: str) -> dict[str, Any]:
        rows = send(self.metrics_port, "GET", "/status/models").json
        return next((row for row in rows if row["display_name"] == name), {})


OK = said("stable")


@pytest.fixture(scope="module")
def moved(etcd: Etcd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moved]:
    metrics = free_port()
    bare = Bare(
        tmp_path_factory.mktemp("groups") / "g",
        etcd={"endpoints": etcd.endpoints, "prefix": "/groups"},
        observability={"metrics": {"prometheus": {"addr": f"127.0.0.1:{metrics}"}}},
    )
    with ExitStack() as stack:
        found = Moved(bare, etcd, stack)
        found.metrics_port = metrics
        found.model("stable", rough.json(OK))
        for name, answer, more in MODELS:
            found.model(name, *(answer if isinstance(answer, tuple) else (answer,)), **more)
        for name, targets, routing in GROUPS:
            found.group(name, *targets, **routing)
        caller = {"key_hash": hashlib.sha256(CALLER.encode()).hexdigest(), "allowed_models": ["*"]}
        found.put("api_keys", "c", caller)
        stack.enter_context(bare.running())
        until(lambda: found.ask("stable").status == 200)
        yield found


STALL: rough.Step = 30.0  # s
NEVER = {"cooldown": {"enabled": False}}
BUSY = b'data: {"error": {"message": "busy", "code": 503}}\n\n'
MODELS: list[tuple[str, bytes | tuple[rough.Step, ...], dict[str, Any]]] = [
    ("no-key", failing("401 Unauthorized"), {}),
    ("too-many", failing("429 Too Many Requests"), {}),
    ("wait", failing("429 Too Many Requests", "retry-after: 180"), {}),
    ("flaky", failing("502 Bad Gateway"), {}),
    ("odd", failing("422 Odd"), {"cooldown": {"enabled": False}}),
    ("down-a", failing("503 Down"), {"background_model_check": CHECK}),
    ("down-b", failing("503 Down"), {"background_model_check": CHECK}),
    ("ignored", failing("429 Slow"), {"background_model_check": CHECK}),
    ("one-a", rough.json(said("one-a")), {"rate_limit": {"rpm": 1}}),
    ("one-b", rough.json(said("one-b")), {"rate_limit": {"rpm": 1}}),
    ("never", failing("503 Down"), NEVER),
    ("silent", (STALL,), {"timeout": 300, **NEVER}),
    ("late", (rough.stream(), STALL), {"stream_timeout": 300, **NEVER}),
    ("Modèle", rough.json(said("Modèle")), {}),
    ("stalls", (rough.stream() + streamed("first")[:420], STALL), {"stream_timeout": 300, **NEVER}),
    ("streams", (rough.stream() + streamed("streamed"), rough.CLOSE), {}),
    ("busy", (rough.stream() + BUSY, rough.CLOSE), {}),
]
TWO = {"max_fallbacks": 1}
GROUPS: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
    ("r-no-key", ("no-key", "stable"), TWO),
    ("r-too-many", ("too-many", "stable"), TWO),
    ("r-wait", ("wait", "stable"), TWO),
    ("r-flaky", ("flaky", "stable"), {**TWO, "retries": 0}),
    ("r-odd", ("odd", "stable"), {}),
    ("r-odd-on", ("odd", "stable"), {"fallback_on_statuses": [422]}),
    ("r-down", ("down-a", "down-b"), {**TWO, "when_all_unavailable": "fail"}),
    ("r-anyway", ("down-b",), {"max_fallbacks": 0, "when_all_unavailable": "try_anyway"}),
    ("r-mixed", ("down-a", "flaky", "stable"), {}),
    ("r-limited", ("one-a", "one-b"), {}),
    ("r-never", ("never", "stable"), {"retries": 1}),
    ("r-silent", ("silent", "stable"), {}),
    ("r-late", ("late", "streams"), {}),
    ("r-accent", ("Modèle",), {}),
    ("r-stalls", ("stalls", "streams"), {}),
    ("r-busy", ("busy", "streams"), {}),
]


@pytest.mark.parametrize(
    ("name", "status", "reason", "secs"),
    [
        ("no-key", 401, "upstream_auth_failure", 30),
        ("too-many", 429, "upstream_rate_limited", 30),
        ("wait", 429, "upstream_rate_limited", 180),
        ("flaky", 200, "upstream_server_error", 30),
    ],
)
def test_one_failure_cools_down_and_the_next_call_goes_elsewhere(
    moved: Moved, name: str, status: int, reason: str, secs: int
) -> None:
    before = moved.calls(name)
    assert moved.ask(f"r-{name}").status == status
    assert moved.calls(name) == before + 1
    row = moved.row(name)
    assert (row["status"], row["status_reason"], row["kind"]) == ("cooldown", reason, "direct")
    left = row["cooldown_until"]["secs_since_epoch"] - time.time()
    assert secs - 25 < left <= secs + 1
    again = moved.ask(f"r-{name}")
    assert again.status == 200 and again.headers["x-aisix-served-by"] == "stable"
    assert moved.calls(name) == before + 1
    assert moved.row("stable")["status"] == "healthy"
    assert moved.row(f"r-{name}")["status"] == "not_applicable"


def test_an_alias_that_no_header_can_hold_is_left_out(moved: Moved) -> None:
    answer = moved.ask("r-accent")
    assert answer.status == 200 and "x-aisix-served-by" not in answer.headers


def test_statuses_that_go_on(moved: Moved) -> None:
    answer = moved.ask("r-odd")
    assert answer.status == 422 and "upstream says" in answer.json["error"]["message"]
    assert moved.text("r-odd-on") == "stable"


def test_written_retries_ask_the_same_target_first(moved: Moved) -> None:
    before = moved.calls("never")
    assert moved.text("r-never") == "stable"
    assert moved.calls("never") == before + 2


def test_background_checks(moved: Moved) -> None:
    def known() -> bool:
        names = ("down-a", "down-b")
        bad = all(moved.row(name)["status"] == "unhealthy" for name in names)
        return bad and moved.row("ignored").get("last_check_status") == 429

    until(known, "they were never asked")
    bad, ignored = moved.row("down-a"), moved.row("ignored")
    assert (bad["last_check_status"], bad["status_reason"]) == (503, "background_check_failed")
    assert (ignored["status"], ignored["status_reason"]) == ("healthy", "ignored_transient_error")
    call = moved.upstreams["down-a"].calls[0]
    assert call.header("x-aisix-request-id") == "background-model-check"
    sent = json.loads(call.body)
    assert (sent["max_tokens"], sent["messages"][-1]["content"]) == (8, "Respond with OK")

    def refused() -> Answer:
        calls = moved.calls("down-a"), moved.calls("down-b")
        answer = moved.ask("r-down")
        if (moved.calls("down-a"), moved.calls("down-b")) != calls:
            return refused()  # a check came in between
        return answer

    answer = refused()
    assert (answer.status, answer.headers["retry-after"]) == (503, "30")
    assert answer.json["error"]["type"] == "all_candidates_unavailable"
    assert moved.text("r-mixed") == "stable"

    def attempts() -> int:
        before = moved.calls("down-b")
        assert moved.ask("r-anyway").status == 502
        return moved.calls("down-b") - before

    assert attempts() in (3, 4)  # the call and two retries; maybe a check


def test_limits_of_targets(moved: Moved) -> None:
    assert [moved.text("r-limited") for _ in range(2)] == ["one-a", "one-b"]
    answer = moved.ask("r-limited")
    assert answer.status == 429 and "rate limit" in answer.json["error"]["message"]


def test_who_is_too_slow_is_left_for_another_until_the_caller_has_seen_something(
    moved: Moved,
) -> None:
    assert moved.text("r-silent") == "stable"
    assert moved.calls("silent") == 1
    late = moved.ask("r-late", stream=True)
    assert late.status == 200 and b"streamed" in late.body and b"error" not in late.body
    assert moved.calls("late") == 1
    before = moved.calls("streams")
    stalled = moved.ask("r-stalls", stream=True)
    assert b"error" in stalled.body and b"streamed" not in stalled.body
    assert moved.calls("streams") == before


def test_an_error_as_the_first_event_counts_by_its_status(moved: Moved) -> None:
    answer = moved.ask("r-busy", stream=True)
    assert b"streamed" in answer.body and b"error" not in answer.body
    row = moved.row("busy")
    assert (row["status"], row["status_reason"]) == ("cooldown", "upstream_server_error")


def test_a_group_on_the_other_dialects_route(moved: Moved) -> None:
    body = {"model": "r-never", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    headers = {"authorization": f"Bearer {CALLER}"}
    answer = send(moved.bare.port, "POST", "/v1/messages", body, headers)
    assert answer.status == 200 and answer.json["content"][0]["text"] == "stable"
    assert answer.headers["x-aisix-served-by"] == "stable"
