"""What can be set: name, check, default and help of every setting, in the order they are shown.

    SETTINGS      the one list
    SECRETS       those whose value is never shown
    PAIRS         those that stand only together
    PATHS         files; relative ones lie beside the file of the settings
    OF_NODE       those that differ between nodes

Must never know: a file, the environment.
"""

from __future__ import annotations

from aisix.config.checks import (
    address,
    choice,
    header,
    id_headers,
    integer,
    level,
    maybe,
    maybe_address,
    maybe_integer,
    metrics_path,
    networks,
    none_or,
    origins,
    text,
    words,
    yes_no,
)
from aisix.config.cluster import CLUSTER, CLUSTER_FILES, CLUSTER_PAIRS
from aisix.config.metrics import METRICS
from aisix.config.original import ORIGINAL, OURS
from aisix.config.setting import Setting
from aisix.config.upstreams import UPSTREAM, UPSTREAM_FILES, UPSTREAM_PAIRS

SECRETS = (
    *("admin.admin_keys", "encryption_key", "upstream.proxy"),
    *(f"ratelimit.redis.{name}" for name in ("url", "nodes", "sentinels", "password")),
)
TELL, REFUSE = "tell", "refuse"  # what becomes of documents that would restrict

SETTINGS = (
    Setting("proxy.addr", address, "127.0.0.1:3000", "where callers connect"),
    Setting(
        "proxy.http",
        choice("fast", "tornado"),
        "fast",
        'who reads HTTP: "fast" (llhttp) or "tornado"',
    ),
    Setting("proxy.tls_cert", maybe, None, "PEM file with our certificate and its chain: TLS"),
    Setting("proxy.tls_key", maybe, None, "PEM file with its private key, without a password"),
    Setting(
        "proxy.request_body_limit_bytes",
        none_or(1024),
        32 << 20,
        "a longer body is a 413; 0: no limit but bodies_limit_bytes",
    ),
    Setting("proxy.upload_limit_bytes", integer(1024), 512 << 20, "a longer form is a 413"),
    Setting(
        "proxy.upload_hold_bytes",
        integer(1024),
        32 << 20,
        "of a form: what may come before its model; no longer ones are sent again",
    ),
    Setting("proxy.upload_timeout_secs", integer(1), 600, "for a caller to send a form"),
    Setting(
        "proxy.header_timeout_secs",
        integer(1),
        30,
        'for a caller to send the head of a request ("tornado": idle_timeout_secs is for that too)',
    ),
    Setting("proxy.body_timeout_secs", integer(1), 120, "for a caller to send the body"),
    Setting(
        "proxy.request_id.accept_headers",
        id_headers,
        ("x-request-id",),
        "headers in which a caller may give its request an id: the first that has a good one; "
        "[]: none",
    ),
    Setting(
        "proxy.idle_timeout_secs",
        integer(0),
        120,
        "an idle connection, or one that takes nothing of its answer, is closed; 0: never; the "
        "latter then after downstream.stalled_timeout_secs",
    ),
    Setting(
        "proxy.keepalive_requests",
        integer(0),
        10_000,
        'requests on one connection before it is closed; 0: any number ("fast" only)',
    ),
    Setting(
        "proxy.max_connections",
        integer(1),
        16_384,
        "connections open at one time, per worker; then idle ones are closed for new ones",
    ),
    Setting(
        "proxy.max_connections_per_address",
        integer(0),
        8192,
        "of these, from one source address (IPv6: from one /64); 0: any number",
    ),
    Setting(
        "proxy.cors_origins",
        origins,
        (),
        "pages that may read answers in a browser: origins, or *; none: no page of another origin",
    ),
    Setting(
        "proxy.cors_credentials",
        yes_no,
        False,
        "whether their browsers may send cookies along, for a proxy before this one; never with *",
    ),
    Setting(
        "proxy.cors_max_age_secs",
        integer(0, 86_400),
        600,
        "how long a browser may go by the answer to one preflight",
    ),
    Setting(
        "proxy.real_ip.trusted_proxies",
        networks,
        (),
        "addresses or CIDR of proxies before this one: of their connections `header` says who "
        "the caller is; none: a caller's address is that of its connection",
    ),
    Setting(
        "proxy.real_ip.recursive",
        yes_no,
        False,
        "take the last address that is no trusted proxy's; else the last one",
    ),
    Setting("proxy.real_ip.header", header, "x-forwarded-for", "where these proxies say it"),
    Setting("proxy.max_in_flight", integer(1), 4096, "requests under way at one time, per worker"),
    Setting("proxy.max_queue", integer(0), 1024, "of those beyond, how many wait for a place"),
    Setting("proxy.queue_timeout_ms", integer(1), 10_000, "for how long; then it is a 503"),
    Setting(
        "proxy.bodies_limit_bytes",
        integer(1 << 20),
        1 << 30,
        "the bodies of all requests under way together, per worker; beyond it is a 503",
    ),
    Setting("limits.max_values", integer(1000), 250_000, "values of a request or answer, all told"),
    Setting(
        "limits.max_escapes",
        integer(1000),
        2_000_000,
        "backslashes in a request or answer; all wait while one is decoded, 2 million: 50 ms",
    ),
    Setting("limits.max_depth", integer(0), 0, "values in one another; 0: what can be read, ~900"),
    Setting("limits.max_fields", integer(1), 1000, "fields at the top of a request"),
    Setting("limits.max_messages", integer(1), 10_000, "messages of a request"),
    Setting("limits.max_parts", integer(1), 10_000, "parts of one message"),
    Setting("limits.max_calls", integer(1), 10_000, "tool calls of one message"),
    Setting("limits.max_tools", integer(1), 10_000, "tools of a request"),
    Setting("limits.max_properties", integer(1), 10_000, "properties at the top of a schema"),
    Setting(
        "limits.max_steps",
        integer(50_000),
        500_000,
        "work of one translation; a step is about four microseconds of CPU",
    ),
    Setting(
        "ratelimit.backend",
        choice("memory", "redis"),
        "memory",
        "where rate limits are counted: on this machine, or for all in Redis or Valkey",
    ),
    Setting(
        "ratelimit.redis.mode",
        choice("single", "sentinel", "cluster"),
        "single",
        "how it is reached: by url, sentinels or nodes",
    ),
    Setting(
        "ratelimit.redis.url",
        maybe,
        None,
        "redis://user:password@host:6379/0; rediss:// for TLS, unix:///path for a socket",
    ),
    Setting("ratelimit.redis.nodes", words, (), "of a cluster: some of its nodes, as URLs"),
    Setting("ratelimit.redis.sentinels", words, (), "as URLs; a password there is the sentinels'"),
    Setting("ratelimit.redis.master_name", maybe, None, "what the sentinels call the master"),
    Setting("ratelimit.redis.username", maybe, None, "instead of the URL's"),
    Setting("ratelimit.redis.password", maybe, None, "instead of the URL's"),
    Setting(
        "ratelimit.redis.database", maybe_integer(0, 65_535), None, "instead of the URL's; usual: 0"
    ),
    Setting("ratelimit.redis.tls.ca_file", maybe, None, "PEM file with who may sign for it"),
    Setting("ratelimit.redis.tls.client_cert_file", maybe, None, "PEM file we show to it"),
    Setting("ratelimit.redis.tls.client_key_file", maybe, None, "PEM file with its private key"),
    Setting("ratelimit.redis.tls.verify", yes_no, True, "false: whoever answers is believed"),
    Setting(
        "ratelimit.on_outage",
        choice("local_share", "fail_open", "fail_closed"),
        "local_share",
        "while it cannot be asked: each node its share of every limit, the whole of it, or a 503",
    ),
    Setting(
        "ratelimit.timeout_ms",
        integer(1, 60_000),
        8,
        "for its answer; more than three round trips to it",
    ),
    Setting(
        "ratelimit.nodes",
        integer(1, 10_000),
        1,
        "how many nodes share the limits in an outage, where live nodes are not known (by etcd)",
    ),
    Setting(
        "ratelimit.concurrency_ttl_secs",
        integer(3, 86_400),
        30,
        "places of a node that died are free after this; living ones renew theirs",
    ),
    Setting("admin.enabled", yes_no, True, "whether there is an admin API at all"),
    Setting("admin.addr", address, "127.0.0.1:3001", "where the admin API listens"),
    Setting("admin.tls_cert", maybe, None, "as proxy.tls_cert, for the admin API"),
    Setting("admin.tls_key", maybe, None, "as proxy.tls_key, for the admin API"),
    Setting(
        "admin.allowed_hosts",
        words,
        (),
        "names under which it (and /metrics) may be asked for, beside its own: *.example.com, or *",
    ),
    Setting("admin.max_connections", integer(1), 64, "as proxy.max_connections, for the admin API"),
    Setting("admin.admin_keys", words, (), "who may use it; none: one is made on the first start"),
    Setting("capture.enabled", yes_no, True, "whether an admin may capture exchanges of an alias"),
    Setting("capture.max_exchanges", integer(1), 100, "of one capture"),
    Setting("capture.max_secs", integer(1), 3600, "how long one capture may wait for them"),
    Setting("capture.keep_secs", integer(1), 600, "how long they can be fetched after its end"),
    Setting("capture.exchange_limit_bytes", integer(1024), 2 << 20, "of one exchange; in parts"),
    Setting("capture.limit_bytes", integer(1024), 32 << 20, "of one capture; then it ends"),
    *UPSTREAM,
    Setting(
        "downstream.sse_keepalive_interval_secs",
        integer(0),
        15,
        "silence before a comment; 0: never",
    ),
    Setting(
        "downstream.stalled_timeout_secs",
        integer(0),
        300,
        "a caller who takes nothing of a stream for so long is cut off; 0: never",
    ),
    Setting(
        "shutdown.min_drain_secs",
        integer(0),
        0,
        "how long /readyz says no before we stop accepting",
    ),
    Setting(
        "shutdown.max_drain_secs", integer(0), 60, "how long requests under way may still take"
    ),
    Setting("observability.access_log", yes_no, True, "one line per request"),
    Setting(
        "observability.access_log_format",
        choice("json", "text"),
        "json",
        '"json": on standard output; "text": on standard error, as the original AISIX writes them',
    ),
    Setting(
        "shutdown.idle_grace_ms",
        integer(0),
        500,
        "how long a kept connection may still bring a request before it is closed",
    ),
    Setting("observability.log_level", level, "info", "debug, info, warning or error"),
    Setting(
        "observability.metrics_addr",
        maybe_address,
        "127.0.0.1:3002",
        "where Prometheus reads the metrics, and whoever asks for /status/*; null: nowhere",
    ),
    Setting(
        "observability.metrics_path",
        metrics_path,
        "/metrics",
        "their path there; a missing / is put in front",
    ),
    Setting(
        "observability.metrics_max_connections",
        integer(1),
        32,
        "as proxy.max_connections, for /metrics",
    ),
    Setting(
        "observability.trace_upstream",
        yes_no,
        False,
        "whether the upstream is sent traceparent and tracestate",
    ),
    Setting(
        "observability.otlp_endpoint",
        maybe,
        None,
        "URL that takes spans over OTLP/HTTP; needs the extra aisix[otel]",
    ),
    Setting(
        "observability.service_name",
        maybe,
        None,
        "the service its spans are of; null: OTEL_SERVICE_NAME, else aisix",
    ),
    Setting("data_dir", text, "data", "database and keys; made with mode 0700"),
    Setting("workers", integer(0, 1024), 0, "processes; 0: one per core"),
    Setting(
        "event_loop",
        choice("auto", "asyncio", "uvloop"),
        "auto",
        "auto: uvloop when it is installed",
    ),
    Setting(
        "worker_silence_secs", integer(1), 60, "a worker that is stuck for so long is replaced"
    ),
    Setting("mappings", words, (), "folders with a site's own tables, laid over the shipped ones"),
    Setting(
        "mappings_watch_secs", integer(0, 3600), 0, "how often to look for changed tables; 0: never"
    ),
    Setting("mappings_reload_timeout_secs", integer(1, 3600), 120, "how long a reload may take"),
    Setting(
        "names",
        choice(OURS, ORIGINAL),
        OURS,
        'the form of this file; "aisix": the original AISIX\'s, as of a start without a verb',
    ),
    Setting(
        "not_served",
        choice(TELL, REFUSE),
        TELL,
        "guardrails and policies of rate limits, which are not enforced here: tell, or refuse them",
    ),
    *METRICS,
    Setting("resources_file", maybe, None, "a YAML file with every resource, instead of writes"),
    Setting("encryption_key", maybe, None, "protects stored secrets; none: a key file in data_dir"),
    *CLUSTER,
)

PAIRS = (
    ("proxy.tls_cert", "proxy.tls_key"),
    ("admin.tls_cert", "admin.tls_key"),
    ("ratelimit.redis.tls.client_cert_file", "ratelimit.redis.tls.client_key_file"),
    *CLUSTER_PAIRS,
    *UPSTREAM_PAIRS,
)
PATHS = (
    *(name for pair in PAIRS for name in pair),
    *("ratelimit.redis.tls.ca_file", *CLUSTER_FILES, *UPSTREAM_FILES),
)
OF_NODE = (
    "node_id",
    "data_dir",
    "etcd.copy_path",
    "proxy.addr",
    "admin.addr",
    "observability.metrics_addr",
)  # what may differ between nodes of one configuration
