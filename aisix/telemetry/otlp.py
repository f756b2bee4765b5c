"""Spans for an OpenTelemetry collector: the extra `aisix[otel]`, off unless an endpoint is set.

    spans = OtlpExporter(endpoint)       in a worker; its thread sends batches over OTLP/HTTP
    spans.finished(trace, name, record)  one span per request, made of the access line's record

Headers, timeouts and the like are set as the OpenTelemetry SDK says: OTEL_EXPORTER_OTLP_HEADERS.
A collector that does not answer costs spans (the SDK says so), never a request.

Must never know: a request's content.
"""

from __future__ import annotations

import logging
import os
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any

from aisix import __version__
from aisix.errors import OperatorError
from aisix.telemetry.trace_context import TraceContext

CLOSE_MS = 2000  # for the last batch when a worker ends
# What of an access line becomes an attribute, under the name the conventions give it.
ATTRIBUTES = {
    "method": "http.request.method",
    "path": "url.path",
    "status": "http.response.status_code",
    "remote": "client.address",
    "request_id": "aisix.request_id",
    "upstream_request_id": "aisix.upstream_request_id",
    "api_key_id": "aisix.api_key_id",
    "alias": "gen_ai.request.model",
    "upstream_model": "gen_ai.response.model",
    "served_by": "aisix.served_by",
    "mapping": "aisix.mapping",
    "attempts": "aisix.attempts",
    "warnings": "aisix.warnings",
    "first_token_ms": "aisix.first_token_ms",
    "error": "error.type",
}


def check() -> None:
    """Raises OperatorError when the extra is not installed."""
    try:
        import opentelemetry.exporter.otlp.proto.http.trace_exporter
        import opentelemetry.sdk.trace.export  # noqa: F401
    except ImportError:
        text = "observability.otlp_endpoint: needs the extra: pip install 'aisix[otel]'"
        raise OperatorError(text) from None


class OtlpExporter:
    """Sends spans to one endpoint, such as "http://127.0.0.1:4318/v1/traces"."""

    def __init__(
        self,
        endpoint: str,
        failed: Callable[[BaseException], object] = lambda error: None,
        service: str | None = None,
    ) -> None:
        """failed: told of what went wrong with a span, which is lost; the request is not."""
        check()
        self._failed = failed
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk import trace as sdk
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        logging.getLogger("opentelemetry").handlers = logging.getLogger("aisix").handlers
        self._span = sdk.ReadableSpan
        self._scope = InstrumentationScope("aisix", __version__)
        self._resource = Resource.create(
            {
                "service.name": service or os.environ.get("OTEL_SERVICE_NAME", "aisix"),
                "service.version": __version__,
                "service.instance.id": str(os.getpid()),
            }
        )
        exporter = OTLPSpanExporter(endpoint, session=_session())
        self._processor = BatchSpanProcessor(exporter)

    def finished(self, trace: TraceContext, name: str, record: Mapping[str, Any]) -> None:
        """One request: ended now, began `ms` ago. Never raises."""
        if trace.sampled:
            try:
                self._finished(trace, name, record)
            except Exception as error:
                self._failed(error)

    def _finished(self, trace: TraceContext, name: str, record: Mapping[str, Any]) -> None:
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.status import Status, StatusCode

        now = time.time_ns()
        attributes = {said: record[key] for key, said in ATTRIBUTES.items() if key in record}
        for kind, count in (record.get("tokens") or {}).items():
            attributes[f"gen_ai.usage.{kind}_tokens"] = count
        failed = record["status"] >= 500 or (record["status"] == 200 and "error" in record)
        span = self._span(
            name,
            context=_context(trace, trace.span_id, remote=False),
            parent=_context(trace, trace.parent, remote=True) if trace.parent else None,
            resource=self._resource,
            attributes=attributes,
            kind=SpanKind.SERVER,
            status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
            start_time=now - int(record["ms"] * 1e6),
            end_time=now,
            instrumentation_scope=self._scope,
        )
        self._processor.on_end(span)

    def close(self) -> None:
        """Send what is left, for at most two seconds."""
        self._processor.force_flush(CLOSE_MS)
        self._processor.shutdown()  # type: ignore[no-untyped-call]


def _session() -> Any:
    """Checks certificates on every Python as on 3.11: since 3.13 the default is strict about their
    form too and refuses many private authorities (see admin_client). None: one that the SDK is told
    to make."""
    if any(name.endswith("_CREDENTIAL_PROVIDER") for name in os.environ):
        return None
    import requests
    from requests.adapters import HTTPAdapter

    session, adapter = requests.Session(), HTTPAdapter()
    # Spans and the headers that let them in go to the endpoint and nowhere it sends them on to.
    session.get_redirect_target = lambda resp: None  # type: ignore[method-assign]
    adapter.init_poolmanager(10, 10, ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    session.mount("https://", adapter)
    return session


def _context(trace: TraceContext, span_id: str, *, remote: bool) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags
    from opentelemetry.trace.span import TraceState

    return SpanContext(
        int(trace.trace_id, 16),
        int(span_id, 16),
        is_remote=remote,
        trace_flags=TraceFlags(trace.flags),
        trace_state=TraceState.from_header([trace.state]) if trace.state else None,
    )
