"""aisix: an AI gateway whose translation is data.

    cli/         the command line: serve, check, doctor, demo, resources, mappings, store
    runtime/     processes: before the fork, the parent, one worker, reload, systemd
    proxy/       callers' HTTP: who calls, rate limits, admission, the call, streams
    admin/       operators' HTTP: provider keys, models, api keys; status, OpenAPI
    routing/     which upstream: targets, load balancer, circuit breaker, retries
    mapping/     the engine: tables in, translations out; pure
    listener/    callers' connections, under the handlers of proxy/ and admin/
    upstream/    HTTP to providers, over libcurl
    store/       provider keys, models, api keys: SQLite, or a file an operator writes
    config/      config.yaml and the environment
    movein/      the original AISIX's settings and documents, read into ours
    limits/      rate limits, counted over all workers
    telemetry/   metrics, their listener, trace context, OTLP spans
    workers/     what the processes of one gateway share
    standin/     a strict stand-in for the upstream, and the demo
    errors.py    errors, by whose fault they are
    log.py       access lines, messages, redaction
    text_lines.py  ... as the original AISIX writes them
    timer.py     timers that are cheap to put off
    __main__.py  python -m aisix

A request: proxy/base (who calls) -> proxy/chat (which alias) -> proxy/call -> mapping/exchange
.request -> upstream/curl -> mapping/exchange.response (or proxy/relay for a stream) -> the caller.
Imports go only downward; tests/test_layers.py holds the table. CONTRIBUTING.md says where to begin.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  # a sentence, where the next import would fail
    sys.exit("aisix needs Python 3.11 or newer; this is Python " + sys.version.split()[0])

__version__ = "0.1.0"
