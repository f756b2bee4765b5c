"""What is counted: name, kind, labels and help of every metric, each once.

Labels are bounded by what an operator wrote: aliases by the stored models (a wildcard counts as its
pattern), kinds and rules by the tables. What a caller makes up never becomes a label.

Must never know: who counts it.
"""

from __future__ import annotations

from dataclasses import dataclass

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
CALL_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.05, 0.25, 1)


@dataclass(frozen=True, slots=True)
class Family:
    name: str
    kind: str  # counter | gauge | histogram
    labels: tuple[str, ...]
    help: str
    bounds: tuple[float, ...] = SECONDS  # of a histogram

    @property
    def width(self) -> int:
        """Cells: of a histogram one per bucket, one for what is above all, and the sum."""
        return len(self.bounds) + 2 if self.kind == "histogram" else 1


_A = ("alias",)
FAMILIES = (
    Family("aisix_requests_total", "counter", ("route", "alias", "status"), "Requests answered."),
    Family(
        "aisix_request_seconds",
        "histogram",
        ("alias", "stream"),
        "From the head of a chat request to the end of its answer.",
    ),
    Family(
        "aisix_first_token_seconds",
        "histogram",
        _A,
        "From the head of a streamed request to the first chunk with something to read.",
    ),
    Family(
        "aisix_tokens_total",
        "counter",
        ("alias", "kind"),
        "Tokens as the upstream counts them, by kind as the tables' [meter] names it; by estimate "
        "where it did not.",
    ),
    Family(
        "aisix_tokens_estimated_total",
        "counter",
        ("alias", "kind"),
        "Those of aisix_tokens_total that are estimated: callers who left, streams that broke off, "
        "upstreams that do not count.",
    ),
    Family(
        "aisix_errors_total",
        "counter",
        ("alias", "kind"),
        "Answers that were an error, or ended with one, by the kind the tables name.",
    ),
    Family("aisix_streams_failed_total", "counter", _A, "Of those: after the answer had begun."),
    Family(
        "aisix_upstream_errors_total",
        "counter",
        ("alias", "kind"),
        "Failed attempts upstream, also those that were repeated: dns, connect, address, tls, "
        "reset, first_byte, idle, total, truncated, in_stream ..., or the status.",
    ),
    Family("aisix_retries_total", "counter", _A, "Further attempts upstream."),
    Family("aisix_cancelled_total", "counter", _A, "Requests whose caller left (499)."),
    Family(
        "aisix_warnings_total",
        "counter",
        ("alias", "rule", "how"),
        "What the translation dropped, clamped or rewrote, by the rule that did.",
    ),
    Family(
        "aisix_translation_fallbacks_total",
        "counter",
        ("mapping", "part", "reason"),
        "Requests, streams and plain answers that compiled tables left to the interpreter.",
    ),
    Family(
        "aisix_translations_refused_total",
        "counter",
        ("mapping",),
        "Requests that would have taken more work than limits.max_steps.",
    ),
    Family("aisix_in_flight", "gauge", (), "Requests under way."),
    Family("aisix_connections", "gauge", ("listener",), "Open connections of callers."),
    Family(
        "aisix_connections_given_up_total",
        "counter",
        ("listener",),
        "Connections, idle or slow, that were closed for a new one.",
    ),
    Family(
        "aisix_connections_refused_total",
        "counter",
        ("listener", "why"),
        "Connections not taken: full, address (too many from one), files (no descriptor is left).",
    ),
    Family(
        "aisix_hung_requests_total",
        "counter",
        ("where",),
        "Requests that nothing moved any more, ended by force: a bug; each is logged.",
    ),
    Family(
        "aisix_admin_requests_total", "counter", ("method", "status"), "Requests of the admin API."
    ),
    Family(
        "aisix_reloads_total",
        "counter",
        ("what", "result"),
        "Reloads: mappings (and the thorough check after one), rollback, settings, certificates,"
        " resources; ok or failed.",
    ),
    Family(
        "aisix_worker_exits_total", "counter", ("how",), "Workers that ended without being told."
    ),
    Family(
        "aisix_task_failures_total",
        "counter",
        ("task",),
        "Mistakes of ours beside the requests; the task goes on, the log has the place.",
    ),
    Family(
        "aisix_store_failures_total",
        "counter",
        (),
        "Looks at the store that failed: the last good content serves.",
    ),
    Family("aisix_series_refused_total", "counter", (), "Counts lost: too many label values."),
    Family(
        "aisix_limits_calls_total",
        "counter",
        ("call", "result"),
        "Calls to the counters of rate limits elsewhere: admit, book, settle, hold; ok, late, lost "
        "(the connection), error; probe: emptied (it came back and had lost all it counted).",
    ),
    Family(
        "aisix_limits_seconds",
        "histogram",
        ("call",),
        "Until they were answered.",
        CALL_SECONDS,
    ),
    Family(
        "aisix_limits_fallback_total",
        "counter",
        ("policy", "why"),
        "Requests that were let through or refused by this node alone (ratelimit.on_outage).",
    ),
    Family(
        "aisix_limits_dropped_tokens_total",
        "counter",
        (),
        "Tokens used that the counters elsewhere were never told.",
    ),
    Family("aisix_config_write_seconds", "histogram", (), "Admin writes.", CALL_SECONDS),
    # Made when the page is read, not counted:
    Family(
        "aisix_limits_backend_up",
        "gauge",
        (),
        "Whether every worker can ask the counters of rate limits elsewhere.",
    ),
    Family("aisix_limit_holders", "gauge", (), "Keys and models whose use is counted for limits."),
    Family(
        "aisix_limit_refusals_total",
        "counter",
        (),
        "Requests refused because no more keys and models could be counted.",
    ),
    Family("aisix_workers", "gauge", ("state",), "Worker processes."),
    Family("aisix_store_trouble", "gauge", (), "1 while the store cannot be read anew."),
    Family(
        "aisix_config_age_seconds", "gauge", (), "Since what serves was known to be what etcd has."
    ),
    Family("aisix_config_revision", "gauge", (), "etcd's revision that this node has."),
    Family("aisix_clock_offset_seconds", "gauge", (), "That our clock is ahead of etcd's."),
    Family("aisix_config_refused", "gauge", ("kind",), "Documents of etcd that do not serve."),
    Family(
        "aisix_config_not_served",
        "gauge",
        ("kind",),
        "Documents of kinds that are stored and not served here.",
    ),
    Family(
        "aisix_config_resyncs_total", "counter", ("why",), "Times that all of etcd was read anew."
    ),
    Family("aisix_etcd_errors_total", "counter", ("code",), "Calls of the follower that failed."),
    Family("aisix_store_quarantined", "gauge", ("kind",), "Stored resources that cannot be read."),
    Family("aisix_models_quarantined", "gauge", (), "Aliases whose overlay does not fit."),
    Family("aisix_info", "gauge", ("version", "mappings"), "1; the digest of the tables in use."),
    Family(
        "aisix_mappings_info",
        "gauge",
        ("digest", "previous", "by"),
        "1; the tables in use, those a roll-back leads to, whose doing: start, admin, signal, "
        "watch, rollback.",
    ),
    Family("aisix_mappings_since_seconds", "gauge", (), "Unix time at which they began to serve."),
    Family("aisix_mappings_held", "gauge", (), "1 while files on disk were rolled back from."),
    Family(
        "aisix_certificate_expires_seconds",
        "gauge",
        ("listener",),
        "Unix time at which the listener's certificate ends.",
    ),
    Family("aisix_node_info", "gauge", ("node", "version", "tables", "settings"), "1; this node."),
    Family("aisix_process_memory_bytes", "gauge", ("worker",), "Resident memory."),
    Family("aisix_process_cpu_seconds_total", "counter", ("worker",), "Processor time used."),
    Family("aisix_process_open_files", "gauge", ("worker",), "Open file descriptors."),
)
BY_NAME = {family.name: family for family in FAMILIES}
