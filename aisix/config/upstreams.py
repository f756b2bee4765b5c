"""The settings of what goes upstream: times, retries, connections, whom to trust.

Must never know: a file, a provider.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from aisix.config.checks import integer, maybe, yes_no
from aisix.config.setting import Setting

MOST_PEM = 16 << 20  # bytes of a file of certificates

UPSTREAM = (
    Setting(
        "upstream.timeout_ms", integer(0), 600_000, "a whole answer, from start to end; 0: none"
    ),
    Setting(
        "upstream.stream_timeout_ms",
        integer(0),
        300_000,
        "the longest silence of a stream; 0, or not given where timeout_ms is: as timeout_ms",
    ),
    Setting(
        "upstream.stream_total_timeout_ms",
        integer(0),
        0,
        "a stream, from start to end; 0: no limit",
    ),
    Setting(
        "upstream.first_byte_timeout_ms",
        integer(0),
        0,
        "until an answer begins; 0: as long as a stream may be silent, a plain answer may take",
    ),
    Setting(
        "upstream.connect_timeout_ms",
        integer(0),
        5_000,
        "name lookup, TCP and TLS together; 0: libcurl's own, 300 s",
    ),
    Setting("upstream.count_timeout_ms", integer(1), 5_000, "to count tokens; then by estimate"),
    Setting(
        "upstream.retries", integer(0, 10), 1, "further attempts when nothing can be billed twice"
    ),
    Setting(
        "upstream.retry_after_limit_secs",
        integer(0),
        10,
        "told to wait longer, we do not: the caller is told",
    ),
    Setting(
        "upstream.retry_budget_percent",
        integer(0, 100),
        20,
        "retries per 100 requests to one upstream (beside 10 at first and 1 each second)",
    ),
    Setting(
        "upstream.cooldown_failures",
        integer(1),
        3,
        "failures in a row that make a target cool down",
    ),
    Setting(
        "upstream.cooldown_secs",
        integer(0),
        30,
        "for how long it is not asked; doubled up to 8 times while its probes fail; 0: never",
    ),
    Setting("upstream.max_connections", integer(1), 4096, "connections upstream, per worker"),
    Setting("upstream.max_connections_per_host", integer(1), 4096, "of these, to one host"),
    Setting(
        "upstream.idle_secs",
        integer(0),
        60,
        "an idle connection is not used after this; 0: it always is",
    ),
    Setting(
        "upstream.tcp_keepalive_secs",
        integer(0, 32_767),
        60,
        "silence of a connection before the system asks whether the other side lives; 0: never",
    ),
    Setting(
        "upstream.tcp_keepalive_interval_secs",
        integer(0, 32_767),
        30,
        "between two of these; 0: the system's",
    ),
    Setting(
        "upstream.tcp_keepalive_retries",
        integer(0, 127),
        5,
        "so many unanswered end it; 0: as many as the system's",
    ),
    Setting(
        "upstream.tls.ca_file",
        maybe,
        None,
        "PEM file with certificates to trust beside this machine's own, for every upstream; a "
        "provider key's own `tls` goes before these four, field by field",
    ),
    Setting("upstream.tls.client_cert_file", maybe, None, "PEM file we show to every upstream"),
    Setting("upstream.tls.client_key_file", maybe, None, "PEM file with its private key"),
    Setting(
        "upstream.tls.verify", yes_no, True, "false: whoever answers is believed; for tests only"
    ),
    Setting(
        "upstream.response_body_limit_bytes", integer(1024), 32 << 20, "a longer answer is a 502"
    ),
    Setting(
        "upstream.stream_event_limit_bytes",
        integer(1024),
        8 << 20,
        "a longer event ends the stream",
    ),
    Setting(
        "upstream.allow_link_local",
        yes_no,
        False,
        "whether requests may go to link-local and metadata addresses, where a cloud keeps a "
        "machine's credentials",
    ),
    Setting("upstream.proxy", maybe, None, "URL of an HTTP proxy; the environment's is ignored"),
)
UPSTREAM_PAIRS = (("upstream.tls.client_cert_file", "upstream.tls.client_key_file"),)
UPSTREAM_FILES = ("upstream.tls.ca_file",)


def settled(values: dict[str, Any], given: Callable[[str], bool]) -> None:
    """Put in what one setting says of another: a stream may be silent as long as an answer may
    take, where nobody says otherwise; a body without a limit has that of all bodies."""
    timeout, silence = "upstream.timeout_ms", "upstream.stream_timeout_ms"
    if values[silence] == 0 or (given(timeout) and not given(silence)):
        values[silence] = values[timeout]
    body = "proxy.request_body_limit_bytes"
    values[body] = values[body] or values["proxy.bodies_limit_bytes"]


def untrusted(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(setting, what is wrong) of the files upstreams are checked with, or shown."""
    ca, (cert, key) = UPSTREAM_FILES[0], UPSTREAM_PAIRS[0]
    paths = {name: values[name] for name in (ca, cert, key) if values[name] is not None}
    wrong = {name: why for name, path in paths.items() if (why := _unreadable(path))}
    yield from wrong.items()
    if ca in paths and ca not in wrong and not _authorities(paths[ca]):
        yield ca, "holds no certificate in PEM that can be used"
    if {cert, key} <= paths.keys() and not {cert, key} & wrong.keys():
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_cert_chain(paths[cert], paths[key], password=lambda: "")
        except (OSError, ValueError):  # SSLError is an OSError
            yield cert, f"is no certificate in PEM with the private key of {key}"


def _unreadable(path: Path) -> str:
    try:
        if not path.is_file():
            return "is no file that can be read"
        if path.stat().st_size > MOST_PEM:
            return f"is longer than {MOST_PEM} bytes"
        return "" if os.access(path, os.R_OK) else "cannot be read"
    except (OSError, ValueError):
        return "cannot be read"


def _authorities(path: Path) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(path)
    except (OSError, ValueError):
        return False
    return bool(context.cert_store_stats()["x509"])
