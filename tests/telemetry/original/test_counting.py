"""Counting in rows, and reading metrics from them, without a gateway."""

from __future__ import annotations

import pytest

from aisix.config.metrics import SERIES_BYTES
from aisix.telemetry.metrics import Metrics
from aisix.telemetry.original.counting import (
    CallerLabels,
    Deployment,
    OriginalCounts,
    RequestKind,
    TheirAttempt,
    TheirRequest,
)
from aisix.telemetry.original.families import TheirFamilies, read_families
from aisix.telemetry.original.page import OriginalPage
from aisix.telemetry.page import page as our_page
from aisix.workers.scoreboard import Scoreboard
from tests.telemetry.original.asking import Sample, found, samples, value

TARGET = Deployment("openai", "small", "gpt-small", "pk-1", "prod")
CALLER = CallerLabels("k-1", "unknown", "unknown", "unknown")
KIND = RequestKind("/v1/chat/completions", "openai", "small", TARGET, CALLER, False, False, 200)
ATTEMPT = TheirAttempt(TARGET, 200, True, True)
ASKED = TheirRequest(
    KIND, 0.25, "codex", tokens=(10, 5, 18), spend=7, attempts=(ATTEMPT,), left=(9, None)
)  # fmt: skip


class Node:
    """The workers of one gateway."""

    def __init__(
        self, workers: int = 1, theirs: TheirFamilies | None = None, share: int = 1
    ) -> None:
        """`share`: how many of it would have what is usual."""
        self.theirs = theirs or read_families({})
        self.board = Scoreboard(workers, SERIES_BYTES["aisix"] // share)
        self.metrics = [Metrics(self.board.claim()) for _ in range(workers)]
        self.workers = [OriginalCounts(one, self.theirs) for one in self.metrics]

    def page(self, **made: float) -> list[Sample]:
        shown = OriginalPage(self.theirs, "prod", etcd=False)
        return samples(shown(self.board, {(name,): one for name, one in made.items()}).decode())


def test_workers_are_added_up_and_of_what_is_left_the_newest_holds() -> None:
    node = Node(2)
    for worker in node.workers:
        worker.finished(ASKED)
    node.workers[0].finished(ASKED._replace(left=(4, 100)))
    page = node.page()
    assert value(page, "aisix_proxy_requests_total", model="small", status="200") == 3
    assert value(page, "aisix_llm_request_duration_seconds_sum") == 0.75
    assert value(page, "aisix_llm_total_tokens_total", provider_key_name="prod") == 54
    assert value(page, "aisix_llm_spend_micro_usd_total") == 21
    [left] = found(page, "aisix_ratelimit_remaining_requests", api_key_id="k-1")
    assert left.value == 4
    [left] = found(page, "aisix_ratelimit_remaining_tokens", api_key_id="k-1")
    assert left.value == 100
    [one] = found(page, "aisix_request_e2e_latency_seconds_count")
    assert one.labels["env_id"] == "prod"


def test_series_of_other_labels_are_added_up_into_those_of_a_few() -> None:
    node = Node()
    [worker] = node.workers
    for status, stream, fallback in ((200, False, False), (200, True, True), (429, False, False)):
        kind = KIND._replace(status=status, stream=stream, fallback=fallback)
        worker.finished(ASKED._replace(kind=kind))
    page = node.page()
    requests = {one.labels["outcome"]: one.value for one in found(page, "aisix_requests_total")}
    assert requests == {"success": 2, "rate_limited": 1}
    assert len(found(page, "aisix_proxy_request_duration_seconds_count", status="200")) == 2
    assert value(page, "aisix_proxy_failed_requests_total") == 1
    assert value(page, "aisix_proxy_requests_total", is_fallback="true") == 1


def test_what_leads_to_no_model_is_no_request_of_one() -> None:
    node = Node()
    node.workers[0].finished(ASKED._replace(kind=KIND._replace(endpoint="/v1/models"), attempts=()))
    page = node.page()
    assert value(page, "aisix_proxy_requests_total", endpoint="/v1/models") == 1
    for name in ("aisix_llm_requests_total", "aisix_usage_events_emitted_total"):
        assert found(page, name) == []
    assert found(page, "aisix_request_e2e_latency_seconds_count") == []


def test_zeros_make_no_series_where_that_is_declared() -> None:
    node = Node()
    node.workers[0].finished(ASKED._replace(tokens=(0, 5, 5), spend=0))
    page = node.page()
    assert found(page, "aisix_llm_input_tokens_total") == []
    assert found(page, "aisix_llm_spend_micro_usd_total") == []
    assert found(page, "aisix_llm_time_to_first_token_seconds_count") == []
    assert value(page, "aisix_llm_output_tokens_total") == 5
    assert value(page, "aisix_deployment_failure_responses_total", model="small") == 0
    assert len(found(page, "aisix_deployment_failure_responses_total")) == 1


def test_a_successor_goes_on_counting_and_what_was_under_way_is_not() -> None:
    theirs, board = read_families({}), Scoreboard(1)
    slot = board.claim()
    first = OriginalCounts(Metrics(slot), theirs)
    first.finished(ASKED)
    first.entered("/v1/messages", "anthropic")
    second = OriginalCounts(Metrics(slot), theirs)
    second.finished(ASKED)
    page = samples(OriginalPage(theirs, "", etcd=False)(board, {}).decode())
    assert value(page, "aisix_proxy_requests_total") == 2
    assert value(page, "aisix_proxy_in_flight_requests") == 0


def test_other_buckets_after_a_reload_begin_anew_and_spoil_no_other_cell() -> None:
    board = Scoreboard(1)
    slot = board.claim()
    OriginalCounts(Metrics(slot), read_families({})).finished(ASKED)
    theirs = read_families({"request_e2e_latency": (0.2, 0.5)})
    OriginalCounts(Metrics(slot), theirs).finished(ASKED)
    page = samples(OriginalPage(theirs, "", etcd=False)(board, {}).decode())
    latency = found(page, "aisix_request_e2e_latency_seconds_bucket")
    assert [(one.labels["le"], one.value) for one in latency] == [
        ("0.2", 0),
        ("0.5", 1),
        ("+Inf", 1),
    ]
    assert value(page, "aisix_proxy_requests_total") == 2


def test_each_form_of_a_page_passes_over_what_the_other_counts() -> None:
    node = Node()
    node.metrics[0].finished("openai-chat", "small", {"status": 200, "ms": 1.0})
    node.workers[0].finished(ASKED)
    ours = samples(our_page(node.board).decode())
    assert [one.labels.keys() for one in found(ours, "aisix_requests_total")] == [
        {"route", "alias", "status"}
    ]
    assert not any(one.name.startswith("aisix_llm") for one in ours)
    theirs = node.page()
    assert [one.labels.keys() for one in found(theirs, "aisix_requests_total")] == [
        {"provider", "model", "status", "outcome"}
    ]
    names = {one.name for one in theirs}
    assert "aisix_request_seconds_count" in names


def test_what_is_made_of_no_metric_is_a_mistake_and_etcds_stand_where_there_is_one() -> None:
    node = Node()
    with pytest.raises(KeyError):
        node.page(aisix_made_up=1.0)
    assert (
        value(
            node.page(aisix_config_last_reload_successful=1.0),
            "aisix_config_last_reload_successful",
        )
        == 1
    )
    text = OriginalPage(node.theirs, "", etcd=False)(node.board, {}).decode()
    assert "aisix_config_source_connected" not in text
    key = ("aisix_config_source_connected",)
    text = OriginalPage(node.theirs, "", etcd=True)(node.board, {key: 1.0}).decode()
    assert "aisix_config_source_connected 1" in text


def test_redis_failures_are_read_from_our_own_counters() -> None:
    node = Node()
    for result in ("ok", "late", "error", "lost"):
        node.metrics[0].add("aisix_limits_calls_total", "admit", result, amount=2)
    assert value(node.page(), "aisix_redis_failures_total", operation="admit") == 6
    assert len(found(node.page(), "aisix_limits_calls_total")) == 4


def test_a_thousand_keys_of_five_aliases_have_room() -> None:
    """Each asks plainly and as a stream, is refused now and then, and fails now and then. A tenth
    of them in a tenth of the room says the same sooner."""
    node = Node(share=10)
    [worker] = node.workers
    uuid = "00000000-0000-4000-8000-0000000000{:02}"
    for key in range(100):
        caller = CallerLabels(
            f"6e5f8f0e-8d5f-4a6e-9f41-00000000{key:04}", uuid.format(key % 50), f"u-{key}", f"Ann {key}"
        )  # fmt: skip
        for alias in range(5):
            target = Deployment(
                "anthropic", f"alias-{alias}", "a-model-of-2026", uuid.format(alias), "production"
            )
            for stream, status in ((False, 200), (True, 200), (False, 429), (False, 502)):
                kind = KIND._replace(
                    model=target.model, target=target, caller=caller, stream=stream, status=status
                )  # fmt: skip
                first = 0.1 if stream else None
                worker.finished(ASKED._replace(kind=kind, first=first, attempts=()))
    page = node.page()
    assert value(page, "aisix_series_refused_total") == 0
    assert value(page, "aisix_proxy_requests_total") == 2_000
