"""What is counted and told of requests, beside the log.

    families.py          every metric, declared once
    metrics.py           the counters of one process, on the workers' scoreboard
    page.py              the page that Prometheus reads
    original/            the metrics of the original AISIX, counted and shown
    traffic.py           how callers fare, in a few numbers
    metrics_endpoint.py  the metrics listener
    metrics_listener.py  what its pages share
    status_pages.py      /status/*, on the same listener
    trace_context.py     W3C `traceparent`: read, made, passed on
    otlp.py              spans to an OpenTelemetry collector (extra `otel`)

Must never know: a caller's text, a credential.
"""
