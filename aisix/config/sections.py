"""The settings as the rest of the gateway sees them: one frozen dataclass per section.

What each may hold, its default and its help stand in `declared.py`.

Must never know: where a value came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aisix.movein.declared import TheirSaid


@dataclass(frozen=True, slots=True)
class RealIpSettings:
    trusted_proxies: tuple[str, ...]
    recursive: bool
    header: str


@dataclass(frozen=True, slots=True)
class RequestIds:
    accept_headers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proxy:
    addr: str
    request_id: RequestIds
    tls_cert: Path | None
    tls_key: Path | None
    http: str
    request_body_limit_bytes: int
    upload_limit_bytes: int
    upload_hold_bytes: int
    upload_timeout_secs: int
    header_timeout_secs: int
    body_timeout_secs: int
    idle_timeout_secs: int
    cors_origins: tuple[str, ...]
    cors_credentials: bool
    cors_max_age_secs: int
    max_in_flight: int
    bodies_limit_bytes: int
    max_queue: int
    queue_timeout_ms: int
    keepalive_requests: int
    max_connections: int
    max_connections_per_address: int
    real_ip: RealIpSettings


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request or answer may hold; see the table in docs/resilience.md."""

    max_values: int
    max_escapes: int
    max_depth: int
    max_fields: int
    max_messages: int
    max_parts: int
    max_calls: int
    max_tools: int
    max_properties: int
    max_steps: int


@dataclass(frozen=True, slots=True)
class RedisTls:
    ca_file: Path | None
    client_cert_file: Path | None
    client_key_file: Path | None
    verify: bool


@dataclass(frozen=True, slots=True)
class RedisServer:
    mode: str
    url: str | None = field(repr=False)
    nodes: tuple[str, ...] = field(repr=False)
    sentinels: tuple[str, ...] = field(repr=False)
    master_name: str | None
    username: str | None
    password: str | None = field(repr=False)
    database: int | None
    tls: RedisTls


@dataclass(frozen=True, slots=True)
class RateLimiting:
    """Where rate limits are counted; the limits themselves stand in keys and models."""

    backend: str
    redis: RedisServer
    on_outage: str
    timeout_ms: int
    nodes: int
    concurrency_ttl_secs: int


@dataclass(frozen=True, slots=True)
class Admin:
    enabled: bool
    addr: str
    tls_cert: Path | None
    tls_key: Path | None
    allowed_hosts: tuple[str, ...]
    max_connections: int
    admin_keys: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class UpstreamTls:
    ca_file: Path | None
    client_cert_file: Path | None
    client_key_file: Path | None
    verify: bool


@dataclass(frozen=True, slots=True)
class Upstream:
    timeout_ms: int
    stream_timeout_ms: int
    stream_total_timeout_ms: int
    first_byte_timeout_ms: int
    connect_timeout_ms: int
    count_timeout_ms: int
    retries: int
    retry_after_limit_secs: int
    retry_budget_percent: int
    cooldown_failures: int
    cooldown_secs: int
    max_connections: int
    max_connections_per_host: int
    idle_secs: int
    tcp_keepalive_secs: int
    tcp_keepalive_interval_secs: int
    tcp_keepalive_retries: int
    response_body_limit_bytes: int
    stream_event_limit_bytes: int
    allow_link_local: bool
    tls: UpstreamTls
    proxy: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Capture:
    enabled: bool
    max_exchanges: int
    max_secs: int
    keep_secs: int
    exchange_limit_bytes: int
    limit_bytes: int


@dataclass(frozen=True, slots=True)
class Downstream:
    sse_keepalive_interval_secs: int
    stalled_timeout_secs: int


@dataclass(frozen=True, slots=True)
class Shutdown:
    min_drain_secs: int
    max_drain_secs: int
    idle_grace_ms: int


@dataclass(frozen=True, slots=True)
class Buckets:
    request_e2e_latency: tuple[float, ...] | None
    request_ttft: tuple[float, ...] | None


@dataclass(frozen=True, slots=True)
class TheirMetrics:
    """Of the original's metrics."""

    client_type_rules: tuple[tuple[str, str], ...]
    buckets: Buckets


@dataclass(frozen=True, slots=True)
class Observability:
    access_log: bool
    access_log_format: str
    log_level: str
    metrics_addr: str | None
    metrics_path: str
    metrics_series_bytes: int
    metrics: TheirMetrics
    metrics_max_connections: int
    trace_upstream: bool
    otlp_endpoint: str | None
    service_name: str | None


@dataclass(frozen=True, slots=True)
class EtcdTls:
    ca_cert_file: Path | None
    client_cert_file: Path | None
    client_key_file: Path | None
    domain_name: str | None


@dataclass(frozen=True, slots=True)
class Etcd:
    """Without endpoints there is none."""

    endpoints: tuple[str, ...]
    prefix: str
    env_id: str | None
    user: str | None
    password_env: str | None
    dial_timeout_ms: int
    request_timeout_ms: int
    secrets: str
    read_only: bool
    copy_path: Path | None
    tls: EtcdTls


@dataclass(frozen=True, slots=True)
class Settings:
    proxy: Proxy
    admin: Admin
    capture: Capture
    upstream: Upstream
    downstream: Downstream
    limits: Limits
    ratelimit: RateLimiting
    shutdown: Shutdown
    observability: Observability
    etcd: Etcd
    data_dir: Path
    workers: int  # 0: one per core
    event_loop: str
    worker_silence_secs: int
    mappings: tuple[Path, ...]
    mappings_watch_secs: int
    mappings_reload_timeout_secs: int
    resources_file: Path | None
    encryption_key: str | None = field(repr=False)
    node_id: str = ""
    not_served: str = "tell"
    names: str = "ours"  # "aisix": the original's form
    metrics_names: str = "ours"  # the same of metrics
    started: str = ""  # the form the start itself was in
    said: tuple[TheirSaid, ...] = field(default=(), compare=False)  # of a file in that form
    source: str = ""  # the file it was read from
    digest: str = ""  # of every value that is no secret: tells two configurations apart
    environ: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
