"""aisix: an AI gateway whose translation is data.

    cli.py, __main__.py   the command line              mappings_cli.py   see, check, try tables
    settings.py           config.yaml and environment   log.py            access lines, redaction
    service.py            sockets, plans, reloads       errors.py         errors by whose fault
    supervisor.py         the parent of the workers     board.py          numbers they share
    server.py             one worker, from fork to end  metrics.py        what is counted
    certificates.py       what our listeners show       scrape.py         the metrics listener
    notify.py             systemd                       trace.py, otel.py traceparent, spans
    doctor.py             aisix check, aisix doctor
    setting_*.py          what a setting may hold       open_files.py     their limit, raised
    paths.py              where the shipped tables are
    listener/             callers' connections, under the handlers of proxy/ and admin/
    proxy/                callers' HTTP: glue between the parts below
    admin/                operators' HTTP
    mapping/              the engine: tables in, translations out; pure
    upstream/             HTTP to providers, over libcurl
    store/                provider keys, models, api keys
    limits/               rate limits, counted over all workers
    standin/              a strict stand-in for the upstream, and the demo

A request: proxy/base (who calls) -> proxy/chat (which alias) -> mapping/exchange.request ->
upstream/curl -> mapping/exchange.response (or proxy/relay for a stream) -> the caller.
Imports go only downward; tests/test_layers.py holds the table.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  # a sentence, where the next import would fail
    sys.exit("aisix needs Python 3.11 or newer; this is Python " + sys.version.split()[0])

__version__ = "0.1.0"
