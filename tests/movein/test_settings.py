"""Every setting of the original AISIX: what it is here, from a file and from the environment."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from aisix.config.declared import SETTINGS
from aisix.config.settings import Settings, load_settings
from aisix.errors import OperatorError
from aisix.movein.declared import (
    DIFFERENT,
    NO_DEFAULT,
    NOT_SERVED,
    OUTCOMES,
    REFUSED,
    RENAMED,
    SAME,
    settings,
)
from aisix.movein.settings import variable
from tests.authority import Authority

LEAST: dict[str, Any] = {"resources_file": "r.yaml", "proxy": {"addr": "127.0.0.1:3000"}}
# A value of each setting that is not the default, as one of theirs has it.
GIVEN: dict[str, Any] = {
    "etcd.endpoints": ["http://10.0.0.1:2379"],
    "etcd.prefix": "/other",
    "etcd.env_id": "prod",
    "etcd.user": "root",
    "etcd.password_env": "ETCD_PASSWORD",
    "etcd.dial_timeout_ms": 1000,
    "etcd.request_timeout_ms": 2000,
    "etcd.tls.ca_cert_file": "ca.pem",
    "etcd.tls.client_cert_file": "c.pem",
    "etcd.tls.client_key_file": "k.pem",
    "etcd.tls.domain_name": "etcd.local",
    "resources_file": "r.yaml",
    "proxy.addr": "127.0.0.1:3100",
    "proxy.request_body_limit_bytes": 2048,
    "proxy.tls.cert_file": "c.pem",
    "proxy.tls.key_file": "k.pem",
    "proxy.real_ip.trusted_proxies": ["10.0.0.0/8"],
    "proxy.real_ip.recursive": True,
    "proxy.real_ip.header": "x-real-ip",
    "proxy.request_id.accept_headers": ["x-aisix-request-id"],
    "proxy.listeners": [{"addr": "127.0.0.1:3443"}],
    "proxy.thread_per_core": True,
    "proxy.workers": 3,
    "proxy.url_rewrites": [{"name": "a", "match": "/b", "rewrite": "/c"}],
    "admin.enabled": False,
    "admin.admin_keys": ["an-admin-key-of-tests"],
    "admin.addr": "127.0.0.1:3101",
    "admin.tls.cert_file": "c.pem",
    "admin.tls.key_file": "k.pem",
    "observability.log_level": "warn",
    "observability.access_log": False,
    "observability.service_name": "mine",
    "observability.metrics.prometheus.enabled": False,
    "observability.metrics.prometheus.addr": "127.0.0.1:9091",
    "observability.metrics.prometheus.path": "/m",
    "observability.metrics.client_type_rules": [{"pattern": "a", "client": "b"}],
    "observability.metrics.buckets.request_ttft": [1, 2],
    "observability.metrics.labels": {"aisix_request_ttft_seconds": ["model"]},
    "observability.metrics.buckets.request_e2e_latency": [0.5],
    "observability.metrics.buckets.guardrail_latency": [1],
    "observability.metrics.buckets.a2a_ttfb": [1],
    "observability.metrics.otlp.enabled": True,
    "observability.tracing.otlp.enabled": True,
    "observability.tracing.otlp.endpoint": "http://c:4317",
    "observability.tracing.otlp.sample_ratio": 0.5,
    "upstream.timeout_ms": 1000,
    "upstream.stream_timeout_ms": 2000,
    "upstream.connect_timeout_ms": 300,
    "upstream.retries": 1,
    "upstream.tcp_keepalive_secs": 10,
    "upstream.tcp_keepalive_interval_secs": 10,
    "upstream.tcp_keepalive_retries": 2,
    "upstream.pool_idle_timeout_secs": 7,
    "upstream.pool_max_idle_per_host": 2,
    "upstream.tls.ca_file": "ca.pem",
    "upstream.tls.client_cert_file": "c.pem",
    "upstream.tls.client_key_file": "k.pem",
    "upstream.tls.verify": False,
    "downstream.idle_timeout_secs": 8,
    "downstream.sse_keepalive_interval_secs": 9,
    "shutdown.min_drain_secs": 5,
    "cache.backend": "redis",
    "cache.redis.url": "redis://h",
    "ratelimit.backend": "redis",
    "ratelimit.redis.timeout_secs": 2,
    "ratelimit.redis.url": "redis://h:6379",
    "ratelimit.concurrency_ttl_secs": 300,
    "managed.enabled": True,
    "managed.snapshot_cache_path": "/tmp/x",
    "bedrock_endpoint_url": "http://b",
}
BESIDE: dict[str, dict[str, Any]] = {  # what a setting stands only together with
    "etcd.user": {"etcd.password_env": "ETCD_PASSWORD"},
    "etcd.tls.client_cert_file": {"etcd.tls.client_key_file": "k.pem"},
    "etcd.tls.client_key_file": {"etcd.tls.client_cert_file": "c.pem"},
    "proxy.tls.cert_file": {"proxy.tls.key_file": "k.pem"},
    "proxy.tls.key_file": {"proxy.tls.cert_file": "c.pem"},
    "admin.tls.cert_file": {"admin.tls.key_file": "k.pem"},
    "admin.tls.key_file": {"admin.tls.cert_file": "c.pem"},
    "managed.snapshot_cache_path": {"etcd.prefix": "/other"},
    "upstream.tls.client_cert_file": {"upstream.tls.client_key_file": "k.pem"},
    "upstream.tls.client_key_file": {"upstream.tls.client_cert_file": "c.pem"},
    "ratelimit.backend": {"ratelimit.redis.url": "redis://h:6379"},
    "ratelimit.redis.url": {"ratelimit.backend": "redis"},
    "ratelimit.redis.timeout_secs": {
        "ratelimit.backend": "redis",
        "ratelimit.redis.url": "redis://h:6379",
    },
}


def nested(flat: dict[str, Any]) -> dict[str, Any]:
    document = copy.deepcopy(LEAST)
    if any(name.startswith("etcd.") for name in flat):
        del document["resources_file"]
        tls = any(name.startswith("etcd.tls.") for name in flat)
        etcd = {"endpoints": [f"http{'s' if tls else ''}://10.0.0.1:2379"]}
        document |= {"etcd": etcd, "admin": {"admin_keys": ["an-admin-key-of-tests"]}}
    for name, value in flat.items():
        *above, last = name.split(".")
        at = document
        for one in above:
            at = at.setdefault(one, {})
        at[last] = value
    return document


def loaded(folder: Path, document: dict[str, Any], **env: str) -> Settings:
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(document))
    return load_settings(file, {"ETCD_PASSWORD": "p", **env}, "aisix")


def refused(folder: Path, document: dict[str, Any], **env: str) -> str:
    with pytest.raises(OperatorError) as caught:
        loaded(folder, document, **env)
    return str(caught.value)


def value_of(settings: Settings, name: str) -> Any:
    found: Any = settings
    for one in name.split("."):
        found = getattr(found, one)
    return found


def said(settings: Settings, name: str) -> tuple[str, str, str]:
    [one] = [one for one in settings.said if one.name == name]
    return one.outcome, one.ours, one.why


def test_every_row_has_an_outcome_a_reason_and_a_setting_of_ours_or_none() -> None:
    ours = {one.name for one in SETTINGS}
    for name, row in settings().items():
        assert row.outcome in OUTCOMES
        assert row.why or row.outcome in (SAME, RENAMED), name
        assert bool(row.ours) == (row.outcome in (SAME, RENAMED)), name
        assert not row.ours or row.ours in ours or row.ours.endswith(".*"), name
        assert row.default is NO_DEFAULT or row.ours, name
    assert {name.removesuffix(".*") for name in settings()} <= {
        name for given in GIVEN for name in (given, given.rpartition(".")[0])
    }


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files of certificates of the names above."""
    authority = Authority(tmp_path_factory.mktemp("pem"))
    cert, key = authority.sign("c")
    key.rename(key.with_name("k.pem"))
    assert cert.name == "c.pem"
    return authority.folder


@pytest.mark.parametrize("name", list(GIVEN))
@pytest.mark.parametrize("by", ["file", "environment"])
def test_each_setting_is_what_its_row_says(
    name: str, by: str, tmp_path: Path, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(certificates)
    row = next(
        row
        for key, row in settings().items()
        if key in (name, f"{name.rpartition('.')[0]}.*") and (key == name or name not in settings())
    )
    value = GIVEN[name]
    flat, env = {**BESIDE.get(name, {}), name: value}, {}
    if by == "environment":
        if isinstance(value, list) and isinstance(value[0], dict):
            value = json.dumps(value)
        text = (
            ",".join(map(str, value))
            if isinstance(value, list)
            else str(value).replace("True", "true")
        )
        text = text.replace("False", "false")
        del flat[name]
        env = {variable(name): text}
        if name.startswith("etcd."):
            flat.setdefault("etcd.dial_timeout_ms", 5000)
            if name.startswith("etcd.tls"):
                flat["etcd.endpoints"] = ["https://10.0.0.1:2379"]
    document = nested(flat)
    if row.outcome == REFUSED:
        assert f"{name}: {row.why}" in refused(tmp_path, document, **env)
        return
    settings_ = loaded(tmp_path, document, **env)
    if row.name.endswith(".*") and row.outcome == SAME:
        assert value_of(settings_, name) == value
        return
    outcome, ours, why = said(settings_, name)
    assert outcome == row.outcome
    assert ours == (row.ours if outcome == RENAMED else "")
    assert outcome not in (DIFFERENT, NOT_SERVED) or why == row.why
    if row.ours:
        default = load_settings(None, {})
        assert value_of(settings_, row.ours) != value_of(default, row.ours) or name in (
            "proxy.addr", "resources_file", "upstream.retries"
        )  # fmt: skip


def test_the_originals_defaults_hold_for_what_is_not_given_and_ours_where_it_has_none(
    tmp_path: Path,
) -> None:
    found = loaded(tmp_path, LEAST)
    assert found.upstream.timeout_ms == found.upstream.stream_timeout_ms == 6_000_000
    assert (found.upstream.retries, found.upstream.idle_secs) == (2, 30)
    assert found.proxy.idle_timeout_secs == 0
    assert found.proxy.request_body_limit_bytes == found.proxy.bodies_limit_bytes
    assert found.observability.metrics_addr == "0.0.0.0:9090"
    assert found.shutdown.min_drain_secs == 30
    ours = load_settings(None, {})
    assert found.proxy.max_in_flight == ours.proxy.max_in_flight
    assert (ours.upstream.retries, ours.observability.metrics_addr) == (1, "127.0.0.1:3002")


@pytest.mark.parametrize(
    ("flat", "name", "value"),
    [
        ({"upstream.timeout_ms": 7000}, "upstream.stream_timeout_ms", 7000),
        ({"upstream.timeout_ms": 0}, "upstream.stream_timeout_ms", 0),
        ({"upstream.stream_timeout_ms": 0, "upstream.timeout_ms": 9}, "upstream.stream_timeout_ms", 9),
        ({"upstream.retries": 40}, "upstream.retries", 10),
        ({"etcd.request_timeout_ms": 0}, "etcd.request_timeout_ms", 60_000),
        ({"upstream.connect_timeout_ms": 0}, "upstream.connect_timeout_ms", 0),
        ({"observability.log_level": "trace"}, "observability.log_level", "debug"),
        ({"observability.log_level": "off"}, "observability.log_level", "error"),
        ({"observability.log_level": "aisix=debug"}, "observability.log_level", "info"),
        ({"observability.log_level": False}, "observability.log_level", "error"),  # off, without quotes
        ({"observability.log_level": "warn,aisix_proxy"}, "observability.log_level", "warning"),
        ({"observability.log_level": "aisix_proxy::chat"}, "observability.log_level", "info"),
        ({"proxy.tls": None, "upstream.retries": 1}, "upstream.retries", 1),
        ({"cache.redis": None, "observability.metrics.otlp": None}, "upstream.retries", 2),
        ({"observability.metrics.prometheus.enabled": True}, "observability.metrics_addr", "0.0.0.0:9090"),
        ({"proxy.request_body_limit_bytes": 0}, "proxy.request_body_limit_bytes", 1 << 30),
        ({"proxy.bodies_limit_bytes": 2 << 20}, "proxy.request_body_limit_bytes", 2 << 20),
    ],
)  # fmt: skip
def test_a_value_that_means_something_else_is_put_into_ours(
    flat: dict[str, Any], name: str, value: Any, tmp_path: Path
) -> None:
    assert value_of(loaded(tmp_path, nested(flat)), name) == value


def test_the_environment_goes_before_the_file_and_rust_log_before_the_level(tmp_path: Path) -> None:
    document = nested({"proxy.workers": 2, "observability.log_level": "info"})
    env = {"AISIX_PROXY__WORKERS": "5", "RUST_LOG": "warn"}
    found = loaded(tmp_path, document, **env)
    assert (found.workers, found.observability.log_level) == (5, "warning")
    assert [one.where for one in found.said if one.name == "proxy.workers"] == [
        "AISIX_PROXY__WORKERS"
    ]


@pytest.mark.parametrize(
    ("level", "written"), [("info", True), ("info,x=debug", True), ("trace", True), ("warn", False)]
)
def test_rust_log_lets_access_lines_appear(level: str, written: bool, tmp_path: Path) -> None:
    document = nested({"observability.access_log": False})
    found = loaded(tmp_path, document, RUST_LOG=level).observability
    assert (found.access_log, found.access_log_format) == (written, "text")
    assert not loaded(tmp_path, document).observability.access_log
    ours = nested({"observability.access_log_format": "json"})
    assert loaded(tmp_path, ours).observability.access_log_format == "json"


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"proxy": {"addr": "127.0.0.1:1"}}, "etcd.endpoints: give one of etcd.endpoints and"),
        ({**LEAST, "resource_file": "x"}, "resource_file: unknown setting"),
        ({**LEAST, "upstream": {"retry": 1}}, 'unknown setting (did you mean "upstream.retries"?)'),
        ({**LEAST, "upstream": {"retries": "many"}}, "upstream.retries: expected a whole number"),
        ({**LEAST, "observability": {"log_level": "loud"}}, "log_level: expected one of"),
        (nested({"observability.metrics.prometheus.enabled": "perhaps"}), "metrics_addr: expected"),
        (nested({"etcd.endpoints": ["http://h:1"], "resources_file": "r"}), "not beside etcd.endpoints"),
        (nested({"proxy.tls.cert_file": "a", "proxy.tls_cert": "b"}), "give one of them"),
        (nested({"proxy.tls.cert_file": "a"}), "needs proxy.tls_key beside it"),
        (nested({"etcd.password_env": "NOT_SET"}), "the environment has no NOT_SET"),
        ({**LEAST, "managed": {"enabled": True}}, "managed.enabled: this gateway has no control"),
    ],
)  # fmt: skip
def test_what_stops_a_start_is_told_with_its_place(
    document: dict[str, Any], text: str, tmp_path: Path
) -> None:
    told = refused(tmp_path, document)
    assert text in told and "config.yaml:" in told


def test_an_etcd_without_a_key_is_read_and_not_written(tmp_path: Path) -> None:
    document = nested({"etcd.prefix": "/aisix", "proxy.addr": "127.0.0.1:3105"})
    found = loaded(tmp_path, document)
    assert (found.etcd.secrets, found.etcd.read_only) == ("plain", True)
    assert said(found, "etcd.secrets")[0] == DIFFERENT
    assert found.node_id.endswith("-3105")
    with_key = loaded(tmp_path, document, AISIX_ENCRYPTION_KEY="k" * 44)
    assert (with_key.etcd.secrets, with_key.etcd.read_only) == ("sealed", False)
    file = tmp_path / "config.yaml"
    with pytest.raises(OperatorError) as caught:  # with a verb nothing changes
        load_settings(file, {})
    assert "needs encryption_key" in str(caught.value)


def test_the_form_is_of_the_start_the_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    below = tmp_path / "etc"
    below.mkdir()
    file = below / "config.yaml"
    file.write_text("resources_file: r.yaml\n")
    ours = load_settings(file, {})
    assert (ours.names, ours.resources_file) == ("ours", below / "r.yaml")
    for env, started in (({}, "aisix"), ({"AISIX_NAMES": "aisix"}, "")):
        found = load_settings(file, env, started)
        assert (found.names, found.resources_file) == ("aisix", tmp_path / "r.yaml")
        assert found.data_dir == below / "data"
    file.write_text("names: aisix\nresources_file: r.yaml\nproxy: {workers: 2}\n")
    assert load_settings(file, {}).workers == 2
    file.write_text("names: ours\nresources_file: r.yaml\n")
    assert load_settings(file, {}, "aisix").names == "ours"
