"""What a page of metrics in the original AISIX's form says after known requests."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from aisix.standin.server import Standin
from aisix.telemetry.families import BY_NAME
from tests.cluster.servers import Etcd
from tests.running import free_port, send, until
from tests.runtime.test_moved_in import CALLER, Bare
from tests.telemetry.original.asking import Sample, found, samples, value

SMALL = "claude-opus-5-5"
OTHER = "another-caller"


class Metered(Bare):
    """With a page of metrics."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self.metrics_port = free_port()
        mine = {"prometheus": {"addr": f"127.0.0.1:{self.metrics_port}"}}
        mine |= more.pop("metrics", {})
        self.silent = socket.create_server(("127.0.0.1", 0))
        super().__init__(folder, observability={"metrics": mine}, **more)

    def page(self) -> list[Sample]:
        return samples(self.text())

    def text(self) -> str:
        answer = send(self.metrics_port, "GET", "/metrics")
        assert answer.status == 200
        return answer.body.decode()

    def asked(self, path: str = "/v1/chat/completions", agent: str = "", **body: Any) -> int:
        headers = {"authorization": f"Bearer {CALLER}", "user-agent": agent}
        asked = {"model": "small", "messages": [{"role": "user", "content": "hi"}], **body}
        return send(self.port, "POST", path, asked, headers).status


def resources(url: str, silent: int) -> dict[str, Any]:
    key = {"provider": "anthropic", "api_key": "sk-ant-1"}
    return {
        "_format_version": "1",
        "provider_keys": [
            {**key, "display_name": "prod", "api_base": url},
            {**key, "display_name": "mute", "api_base": f"http://127.0.0.1:{silent}"},
            {**key, "display_name": "gone", "api_base": f"http://127.0.0.1:{free_port()}"},
        ],
        "models": [
            {**MODEL, "display_name": "small", "cost": {"input_per_1k": 1, "output_per_1k": 2}},
            {**MODEL, "display_name": "wild/*", "model_name": "*"},
            {
                **MODEL,
                "display_name": "lost",
                "provider_key": "gone",
                "cooldown": {"enabled": False},
            },
            {**MODEL, "display_name": "cools", "provider_key": "gone"},
            {**MODEL, "display_name": "silent", "provider_key": "mute"},
            {**MODEL, "display_name": "limited", "rate_limit": {"rpm": 1}},
            {
                "display_name": "group",
                "routing": {"targets": [{"model": "lost"}, {"model": "small"}]},
            },
            {
                "display_name": "full",
                "routing": {"targets": [{"model": "limited-too"}, {"model": "small"}]},
            },
            {**MODEL, "display_name": "limited-too", "rate_limit": {"rpm": 0}},
        ],
        "api_keys": [
            {
                "display_name": "ann",
                "key_env": "CALLER",
                "allowed_models": ["*"],
                "team_id": "team-7",
                "user_id": "u-1",
                "user_name": "Ann",
                "rate_limit": {"rpm": 1000, "tpm": 1000000, "concurrency": 50},
            },
            {"display_name": "off", "key_env": "OTHER", "allowed_models": [], "disabled": True},
        ],
    }


MODEL = {"provider": "anthropic", "model_name": SMALL, "provider_key": "prod"}
LIKE = {
    "endpoint": "/v1/chat/completions",
    "inbound_protocol": "openai",
    "provider": "anthropic",
    "upstream_model": SMALL,
    "provider_key_name": "prod",
    "team_id": "team-7",
    "user_id": "u-1",
    "user_name": "Ann",
}


@pytest.fixture(scope="module")
def gateway(standin: Standin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metered]:
    rules = [{"pattern": "^batcher/", "client": "batcher"}]
    buckets = {"request_ttft": [0.5, 3]}
    gateway = Metered(
        tmp_path_factory.mktemp("metered") / "g",
        resources_file="r.yaml",
        upstream={"retries": 0},
        metrics={"client_type_rules": rules, "buckets": buckets},
    )
    told = resources(standin.url, gateway.silent.getsockname()[1])
    (gateway.folder / "r.yaml").write_text(yaml.safe_dump(told))
    env = {"AISIX_PROXY__WORKERS": "2", "AISIX_PROXY__REQUEST_BODY_LIMIT_BYTES": "100000"}
    with gateway.running(CALLER=CALLER, OTHER=OTHER, **env):
        until(lambda: gateway.asked() == 200)
        until(lambda: value(gateway.page(), "aisix_proxy_in_flight_requests") == 0)
        yield gateway
    gateway.silent.close()


def counted(gateway: Metered, before: list[Sample], name: str, **labels: str) -> float:
    return value(gateway.page(), name, **labels) - value(before, name, **labels)


def test_a_request_counts_in_each_family_with_its_labels(gateway: Metered) -> None:
    before = gateway.page()
    assert gateway.asked(agent="claude-cli/2.1") == 200
    total = "aisix_llm_total_tokens_total"
    until(lambda: counted(gateway, before, total, **LIKE) > 0)
    page = gateway.page()

    def more(name: str, **labels: str) -> float:
        return value(page, name, **labels) - value(before, name, **labels)

    ended = {"status": "200", "outcome": "success"}
    for name in ("aisix_proxy_requests_total", "aisix_llm_requests_total"):
        one = {**LIKE, **ended, "model": "small", "stream": "false", "is_fallback": "false"}
        assert more(name, **one) == 1
        [series] = found(page, name, **one)
        assert series.labels.keys() - one.keys() == {"provider_key_id", "api_key_id"}
    assert more("aisix_requests_total", provider="anthropic", model="small", **ended) == 1
    for name in ("aisix_proxy_request_duration_seconds", "aisix_llm_request_duration_seconds"):
        assert more(f"{name}_count", **LIKE, **ended, stream="false") == 1
        assert more(f"{name}_sum", **LIKE, **ended) > 0
        assert not any("is_fallback" in one.labels for one in found(page, f"{name}_count"))
    latency = {"env_id": "unknown", "status_class": "2xx", "streaming": "false", "model": "small"}
    assert more("aisix_request_e2e_latency_seconds_count", **latency) == 1
    assert more("aisix_request_e2e_latency_seconds_bucket", le="+Inf", **latency) == 1
    spent = {kind: more(f"aisix_llm_{kind}_tokens_total", **LIKE) for kind in ("input", "output")}
    assert more(total, **LIKE) == sum(spent.values()) > 0
    assert more("aisix_tokens_consumed_total", model="small") == more(total, **LIKE)
    micro = round((spent["input"] + 2 * spent["output"]) * 1000)
    assert more("aisix_llm_spend_micro_usd_total", **LIKE) == micro
    for kind, count in (*spent.items(), ("total", sum(spent.values()))):
        client = {"client_type": "claude-code", "model": "small", "token_type": kind}
        assert more("aisix_llm_tokens_by_client_total", **client) == count
    attempt = {"provider": "anthropic", "model": "small", "upstream_model": SMALL}
    assert more("aisix_deployment_requests_total", **attempt) == 1
    assert more("aisix_deployment_success_responses_total", **attempt) == 1
    assert more("aisix_deployment_failure_responses_total", **attempt) == 0
    allowed = {"method": "api_key", "result": "allowed", "reason": "none"}
    assert more("aisix_auth_decisions_total", **allowed) == 1
    used = {"model": "small", "provider_key_name": "prod"}
    event = {"handler": "chat", "status_code": "2xx", "inbound_protocol": "openai", **used}
    assert more("aisix_usage_events_emitted_total", **event) == 1
    assert more("aisix_usage_event_drops_total", reason="sink_disabled", **used) == 1
    [left] = found(page, "aisix_ratelimit_remaining_requests", model="small")
    assert 900 < left.value < 1000
    [left] = found(page, "aisix_ratelimit_remaining_tokens", model="small")
    assert left.value > 900_000  # of tokens, not of places
    assert value(page, "aisix_proxy_in_flight_requests") == 0


def test_what_fails_is_told_of_the_target_that_failed_last(gateway: Metered) -> None:
    before = gateway.page()
    assert gateway.asked(model="lost") == 502
    assert gateway.asked(model="group") == 200
    requests = "aisix_proxy_requests_total"
    group = {"model": "group", "provider_key_name": "prod", "status": "200"}
    until(lambda: counted(gateway, before, requests, is_fallback="true", **group) == 1)
    page = gateway.page()

    def more(name: str, **labels: str) -> float:
        return value(page, name, **labels) - value(before, name, **labels)

    lost = {"model": "lost", "provider_key_name": "gone", "provider": "anthropic"}
    failed = {**lost, "status": "502", "outcome": "upstream_error", "upstream_model": SMALL}
    assert more(requests, is_fallback="false", **failed) == 1
    assert more("aisix_proxy_failed_requests_total", **failed) == 1
    assert more("aisix_proxy_failed_requests_total", model="group") == 0
    assert more("aisix_request_e2e_latency_seconds_count", model="lost", status_class="5xx") == 1
    assert more("aisix_deployment_requests_total", model="lost") == 2
    assert more("aisix_deployment_failure_responses_total", model="lost") == 2
    assert more("aisix_deployment_success_responses_total", model="small") == 1
    moved = {"model": "group", "fallback_model": "small"}
    assert more("aisix_routing_successful_fallbacks_total", **moved) == 1
    assert more("aisix_routing_failed_fallbacks_total", model="group") == 0
    event = {"handler": "chat", "model": "group"}
    assert more("aisix_usage_events_emitted_total", status_code="5xx", **event) == 1
    assert more("aisix_usage_events_emitted_total", status_code="2xx", **event) == 1


def test_a_target_that_cools_down_is_told_and_one_over_its_limit_was_not_reached(
    gateway: Metered,
) -> None:
    before = gateway.page()
    cools = {"provider": "anthropic", "model": "cools", "upstream_model": SMALL}
    state = "aisix_deployment_state"
    assert [one.value for one in found(before, state, **cools)] == [0]
    assert gateway.asked(model="cools") == 502
    cooled = "aisix_deployment_cooled_down_total"
    until(lambda: counted(gateway, before, cooled, **cools) == 1)
    assert value(gateway.page(), state, **cools) == 2
    assert value(gateway.page(), state, model="small") == 0
    assert gateway.asked(model="full") == 200
    refused = {"scope": "requests", "layer": "model"}
    until(lambda: counted(gateway, before, "aisix_ratelimit_rejections_total", **refused) == 1)
    assert counted(gateway, before, "aisix_deployment_requests_total", model="limited-too") == 0
    moved = {"model": "full", "fallback_model": "small"}
    assert counted(gateway, before, "aisix_routing_successful_fallbacks_total", **moved) == 1
    event = {"model": "full", "status_code": "4xx"}
    assert counted(gateway, before, "aisix_usage_events_emitted_total", **event) == 1


def test_no_label_is_made_up_by_a_caller(gateway: Metered) -> None:
    before = gateway.page()
    for number in range(3):
        assert gateway.asked(model=f"made-up-{number}") == 404
    for name in (SMALL, "claude-sonnet-5-5"):
        assert gateway.asked(model=f"wild/{name}") == 200
    assert send(gateway.port, "GET", "/v1/made-up").status == 404
    requests = "aisix_proxy_requests_total"
    wild = {"model": "wild/*", "upstream_model": "*"}
    until(lambda: counted(gateway, before, requests, **wild) == 2)
    unresolved = {"model": "unresolved", "provider": "unknown", "provider_key_name": "unknown"}
    assert counted(gateway, before, requests, status="404", **unresolved) == 3
    event = {"model": "unresolved", "provider_key_id": "unknown", "status_code": "4xx"}
    assert counted(gateway, before, "aisix_usage_events_emitted_total", **event) == 3
    text = gateway.text()
    assert "made-up" not in text and f'"wild/{SMALL}"' not in text and CALLER not in text
    ours = BY_NAME.keys() - {"aisix_requests_total"}
    for one in samples(text):
        if one.name in ours:
            continue
        empty = {label for label, said in one.labels.items() if not said}
        assert empty <= {"policy_id"}, one


def test_keys_are_told_by_what_became_of_them(gateway: Metered) -> None:
    before = gateway.page()
    ask = {"model": "small", "messages": [{"role": "user", "content": "hi"}]}
    for key in ("", "Bearer nobody", f"Bearer {OTHER}"):
        headers = {"authorization": key} if key else {}
        assert send(gateway.port, "POST", "/v1/chat/completions", ask, headers).status == 401
    told = "aisix_auth_decisions_total"
    for method, reason in (
        ("none", "missing_credentials"),
        ("api_key", "unknown_key"),
        ("api_key", "key_disabled"),
    ):
        labels = {"method": method, "result": "denied", "reason": reason}
        until(lambda labels=labels: counted(gateway, before, told, **labels) == 1)
    assert counted(gateway, before, "aisix_proxy_requests_total", status="401") == 3
    assert counted(gateway, before, "aisix_usage_events_emitted_total") == 0


def test_a_stream_counts_its_first_frame_by_the_operators_buckets(gateway: Metered) -> None:
    before = gateway.page()
    asked = {"stream": True, "max_tokens": 100, "model": "small"}
    assert gateway.asked("/v1/messages", "batcher/2 axios/1", **asked) == 200
    first = "aisix_request_ttft_seconds"
    like = {"endpoint": "/v1/messages", "streaming": "true", "model": "small"}
    until(lambda: counted(gateway, before, f"{first}_count", **like) == 1)
    page = gateway.page()
    bounds = [one.labels["le"] for one in found(page, f"{first}_bucket", **like)]
    assert bounds == ["0.5", "3", "+Inf"]
    like = {"endpoint": "/v1/messages", "inbound_protocol": "anthropic"}
    assert counted(gateway, before, "aisix_llm_time_to_first_token_seconds_count", **like) == 1
    assert counted(gateway, before, "aisix_llm_time_to_first_token_seconds_sum", **like) > 0
    e2e = found(page, "aisix_request_e2e_latency_seconds_bucket", endpoint="/v1/messages")
    assert [one.labels["le"] for one in e2e][:2] == ["0.005", "0.01"]
    assert [one.labels["le"] for one in e2e][-3:] == ["420", "600", "+Inf"]
    client = {"client_type": "batcher", "token_type": "total"}
    assert counted(gateway, before, "aisix_llm_tokens_by_client_total", **client) > 0
    event = {"handler": "messages", "inbound_protocol": "anthropic", "status_code": "2xx"}
    assert counted(gateway, before, "aisix_usage_events_emitted_total", **event) == 1


def test_limits_and_bodies_that_are_too_large(gateway: Metered) -> None:
    before = gateway.page()
    assert gateway.asked(model="limited") == 200
    assert gateway.asked(model="limited") == 429
    assert gateway.asked(user="x" * 100_000) == 413
    refused = {"scope": "requests", "layer": "model", "policy_id": ""}
    until(lambda: counted(gateway, before, "aisix_ratelimit_rejections_total", **refused) == 1)
    large = {"endpoint": "/v1/chat/completions", "outcome": "completed"}
    name = "aisix_proxy_request_body_limit_rejections_total"
    until(lambda: counted(gateway, before, name, **large) == 1)
    limited = {"model": "limited", "status": "429", "outcome": "rate_limited"}
    assert counted(gateway, before, "aisix_proxy_requests_total", **limited) == 1
    [left] = found(gateway.page(), "aisix_ratelimit_remaining_requests", model="limited")
    assert left.value == 0


def test_a_caller_who_leaves_is_told_of_what_it_waited_for(gateway: Metered) -> None:
    before = gateway.page()
    ask = {"model": "silent", "messages": [{"role": "user", "content": "hi"}]}
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port)
    headers = {"authorization": f"Bearer {CALLER}"}
    connection.request("POST", "/v1/chat/completions", json.dumps(ask), headers)
    under_way = {"endpoint": "/v1/chat/completions", "inbound_protocol": "openai"}
    name = "aisix_proxy_in_flight_requests"
    until(lambda: value(gateway.page(), name, **under_way) == 1)
    there, _ = gateway.silent.accept()  # it waits for an answer
    connection.close()
    left = {"endpoint": "/v1/chat/completions", "model": "silent", "provider_key_name": "mute"}
    cancelled = "aisix_proxy_client_cancelled_requests_total"
    until(lambda: counted(gateway, before, cancelled, **left) == 1)
    assert value(gateway.page(), name) == 0
    there.close()
    assert counted(gateway, before, "aisix_deployment_requests_total", model="silent") == 1
    assert counted(gateway, before, "aisix_deployment_failure_responses_total") == 0


def test_ours_stand_beside_them_and_probes_count_in_none(gateway: Metered) -> None:
    before = gateway.page()
    for _ in range(3):
        send(gateway.port, "GET", "/livez")
    text = gateway.text()
    types = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(types) == len({*types})
    assert {"aisix_warnings_total", "aisix_workers", "aisix_info"} <= {*types}
    assert value(gateway.page(), "aisix_workers", state="ready") == 2
    assert all("route" not in one.labels for one in found(before, "aisix_requests_total"))
    assert counted(gateway, before, "aisix_requests_total") == 0
    assert value(gateway.page(), "aisix_series_refused_total") == 0


def test_what_became_of_the_configuration_is_told(gateway: Metered) -> None:
    page = gateway.page()
    assert [one.value for one in found(page, "aisix_config_last_reload_successful")] == [1]
    assert value(page, "aisix_config_reloads_total") >= 1
    rejected = "aisix_config_rejected_resources"
    assert [one.value for one in found(page, rejected, kind="models")] == [0]
    [good] = found(page, "aisix_config_hash_info")
    assert good.value == 1 and len(good.labels["hash"]) == 64
    assert not found(page, "aisix_config_source_connected")  # there is no etcd


def test_of_an_etcd_what_never_left_counts_for_no_upstream(
    etcd: Etcd, standin: Standin, tmp_path: Path
) -> None:
    key = {"provider": "anthropic", "adapter": "anthropic", "api_base": standin.url}
    model = {"provider": "anthropic", "model_name": SMALL, "provider_key_id": "k"}
    put = {
        "provider_keys/k": {**key, "display_name": "bad", "api_key": "sk-live\n-injected"},
        "models/m": {**model, "display_name": "broken", "cooldown": {"enabled": False}},
        "models/g": {"display_name": "group", "routing": {"targets": [{"model": "broken"}]}},
        "models/x": {**model, "display_name": "x", "timeout": "soon"},
        "api_keys/c": {
            "key_hash": hashlib.sha256(CALLER.encode()).hexdigest(),
            "allowed_models": ["*"],
            "user_id": "u",
        },
    }
    for name, document in put.items():
        etcd.put(f"/metered/prod/{name}", json.dumps(document).encode())
    place = {"endpoints": etcd.endpoints, "prefix": "/metered", "env_id": "prod"}
    gateway = Metered(tmp_path / "g", etcd=place)
    with gateway.running():
        until(lambda: gateway.asked(model="group") not in (401, 404) or "group" in gateway.text())
        until(lambda: value(gateway.page(), "aisix_config_applied_revision") > 0)
        until(lambda: found(gateway.page(), "aisix_proxy_requests_total", model="group"))
        before = gateway.page()
        status = gateway.asked(model="group")
        assert status == 401
        until(lambda: counted(gateway, before, "aisix_proxy_requests_total", status="401") == 1)
        page = gateway.page()
        event = {"handler": "chat", "status_code": "4xx", "model": "group"}
        assert counted(gateway, before, "aisix_usage_events_emitted_total", **event) == 1
        for kind in ("requests", "success_responses", "failure_responses"):
            assert value(page, f"aisix_deployment_{kind}_total", model="broken") == 0
        like = {
            "model": "group",
            "provider_key_name": "bad",
            "user_id": "u",
            "provider": "anthropic",
        }
        assert value(page, "aisix_proxy_requests_total", status="401", **like) >= 1
        assert value(page, "aisix_request_e2e_latency_seconds_count", env_id="prod") >= 1
        assert value(page, "aisix_config_source_connected") == 1
        assert value(page, "aisix_config_rejected_resources", kind="models") == 1
        assert value(page, "aisix_config_observed_revision") > 0
