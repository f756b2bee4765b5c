"""What /metrics says after known requests: of one worker, of several, and after one has died."""

from __future__ import annotations

import http.client
import json
import os
import signal
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from aisix.standin.server import Standin
from aisix.telemetry.families import SECONDS
from aisix.telemetry.metrics import Metrics
from aisix.telemetry.page import page
from aisix.workers.scoreboard import Scoreboard
from tests.running import Running, send, until

MODELS = {
    "claude-prod": {"model_name": "claude-opus-5-5"},
    "wild-*": {"model_name": "claude-*"},
}


def parsed(gateway: Running) -> dict[str, float]:
    """The page as Prometheus's own parser reads it."""
    answer = send(gateway.metrics_port, "GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = {}
    for family in text_string_to_metric_families(answer.body.decode()):
        for sample in family.samples:
            labels = ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()))
            found[f"{sample.name}|{labels}"] = sample.value
    return found


def test_the_page_tells_what_became_of_each_request(tmp_path: Path, standin: Standin) -> None:
    with Running(tmp_path / "gateway", {"upstream": {"retries": 0}}) as gateway:
        gateway.set_up(standin.url, MODELS)
        gateway.allow("*")
        assert gateway.ask("Hi", logit_bias={"1": 2}, made_up_by_a_caller=1).status == 200
        assert gateway.ask("Hi", stream=True).status == 200
        assert gateway.ask("Hi", alias="wild-opus-5-5").status == 200
        assert gateway.ask("Hi", alias="a-name-a-caller-made-up").status == 404
        assert gateway.call({"model": "claude-prod"}, key="sk-nobody").status == 401
        assert gateway.ask("Hi", temperature="hot").status == 400
        assert gateway.ask("standin:status-529").status == 503
        failed = "aisix_upstream_errors_total|alias=claude-prod,kind=529"
        until(lambda: failed in parsed(gateway))  # counted when the answer has gone out
        page = parsed(gateway)
        requests = "aisix_requests_total|alias={},route=openai-chat,status={}"
        assert page[requests.format("claude-prod", 200)] == 2
        assert page[requests.format("wild-*", 200)] == 1
        assert page[requests.format("", 404)] == 1
        assert page[requests.format("", 401)] == 1
        assert page["aisix_request_seconds_count|alias=claude-prod,stream=false"] == 3
        assert page["aisix_request_seconds_count|alias=claude-prod,stream=true"] == 1
        assert page["aisix_request_seconds_bucket|alias=claude-prod,le=+Inf,stream=true"] == 1
        assert page["aisix_first_token_seconds_count|alias=claude-prod"] == 1
        assert page["aisix_tokens_total|alias=claude-prod,kind=input"] > 0
        assert page["aisix_tokens_total|alias=claude-prod,kind=output"] > 0
        dropped = "aisix_warnings_total|alias=claude-prod,how={},rule={}"
        assert page[dropped.format("dropped", "rest.logit_bias")] == 1
        assert page[dropped.format("unknown", "rest.*")] == 1
        assert page[failed] == 1
        left = "aisix_translation_fallbacks_total|mapping=openai-chat/anthropic-messages"
        assert page[f"{left},part=request,reason=refused"] == 1
        assert page["aisix_errors_total|alias=,kind=no_such_model"] == 1
        assert page["aisix_errors_total|alias=,kind=bad_key"] == 1
        assert page["aisix_in_flight|"] == 0
        assert page["aisix_workers|state=ready"] == 1
        assert page["aisix_process_memory_bytes|worker=1"] > 1 << 20
        text = "".join(page)
        assert send(gateway.metrics_port, "GET", "/v1/models").status == 404
        assert send(gateway.metrics_port, "POST", "/metrics").status == 405
        for secret in ("made_up", "made-up", "sk-", "Hi"):
            assert secret not in text


def test_retries_cancelled_requests_and_reloads_are_counted(
    tmp_path: Path, standin: Standin
) -> None:
    with Running(tmp_path / "gateway", {"upstream": {"retries": 2}}) as gateway:
        gateway.set_up(standin.url, MODELS)
        gateway.allow("*")
        gateway.ask("standin:status-529")
        connection = http.client.HTTPConnection("127.0.0.1", gateway.proxy_port, timeout=10)
        words = {"role": "user", "content": "standin:slow-100 standin:long-900"}
        body = {"model": "claude-prod", "stream": True, "messages": [words]}
        key = {"Authorization": "Bearer sk-caller-of-the-tests"}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), key)
        answer = connection.getresponse()
        answer.read(10)
        until(lambda: gateway.metrics()["aisix_in_flight"] == 1)
        answer.close()
        connection.close()
        until(lambda: gateway.metrics()["aisix_in_flight"] == 0)
        assert gateway.admin("POST", "mappings/reload").status == 200
        reloaded = 'aisix_admin_requests_total{method="POST",status="200"}'
        until(lambda: reloaded in gateway.metrics())
        page = gateway.metrics()
        assert page['aisix_retries_total{alias="claude-prod"}'] == 2
        assert page['aisix_cancelled_total{alias="claude-prod"}'] == 1
        assert (
            page['aisix_requests_total{route="openai-chat",alias="claude-prod",status="499"}'] == 1
        )
        assert page['aisix_reloads_total{what="mappings",result="ok"}'] >= 1
        assert page[reloaded] == 1


def test_one_scrape_shows_the_sum_of_all_workers_also_of_one_that_died(
    tmp_path: Path, standin: Standin
) -> None:
    with Running(tmp_path / "gateway", workers=2) as gateway:
        gateway.set_up(standin.url, MODELS)
        gateway.allow("*")
        key = 'aisix_requests_total{route="openai-chat",alias="claude-prod",status="200"}'
        for _ in range(12):
            gateway.ask("Hi")
        until(lambda: gateway.metrics()[key] == 12.0)  # counted when the answer has gone out
        assert {gateway.metrics()[key] for _ in range(6)} == {12.0}
        os.kill(gateway.worker_pids[0], signal.SIGKILL)
        until(lambda: gateway.metrics().get('aisix_worker_exits_total{how="SIGKILL"}') == 1)
        until(lambda: gateway.metrics()['aisix_workers{state="ready"}'] == 2)
        for _ in range(6):
            gateway.ask("Hi")
        until(lambda: gateway.metrics()[key] == 18.0)  # counted when the answer has gone out
        assert {gateway.metrics()[key] for _ in range(6)} == {18.0}


def test_counts_outlive_a_process_and_gauges_do_not() -> None:
    board = Scoreboard(2)
    slot = board.claim()
    first = Metrics(slot)
    first.enter()
    first.add("aisix_retries_total", 'odd "alias"\n\\')
    first.observe("aisix_first_token_seconds", SECONDS[0], "a")
    first.observe("aisix_first_token_seconds", 1e9, "a")
    again = Metrics(slot)
    again.add("aisix_retries_total", 'odd "alias"\n\\')
    families = {f.name: f for f in text_string_to_metric_families(page(board).decode())}
    assert families["aisix_in_flight"].samples[0].value == 0
    odd = families["aisix_retries"].samples[0]
    assert (odd.labels["alias"], odd.value) == ('odd "alias"\n\\', 2.0)
    buckets = [s.value for s in families["aisix_first_token_seconds"].samples if "le" in s.labels]
    assert buckets == [1.0] * len(SECONDS) + [2.0]


def test_more_label_values_than_there_is_room_for_are_counted_as_lost() -> None:
    board = Scoreboard(1)
    metrics = Metrics(board.claim())
    for number in range(70_000):
        metrics.add("aisix_retries_total", f"alias-{number}")
    text = page(board).decode()
    lost = next(x for x in text.split("\n") if x.startswith("aisix_series_refused_total "))
    assert 0 < float(lost.split()[1]) < 10_000
