"""Spans as a collector receives them."""

from __future__ import annotations

import http.client
import http.server
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from aisix.standin.server import Standin
from tests.authority import Authority
from tests.running import Running, until
from tests.telemetry.asking import MODELS, PARENT, told


class Collector(http.server.BaseHTTPRequestHandler):
    """Takes spans over OTLP/HTTP."""

    spans: list[Any] = []  # noqa: RUF012
    services: set[str] = set()  # noqa: RUF012

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            import gzip

            body = gzip.decompress(body)
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            of = {one.key: one.value.string_value for one in resource.resource.attributes}
            self.services.add(of["service.name"])
            for scope in resource.scope_spans:
                self.spans += scope.spans
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_spans_reach_a_collector(tmp_path: Path, standin: Standin, scheme: str) -> None:
    Collector.spans.clear()
    Collector.services.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    env = {"OTEL_BSP_SCHEDULE_DELAY": "100"}
    if scheme == "https":
        authority = Authority(tmp_path / "tls")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.sign("collector"))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        env["OTEL_EXPORTER_OTLP_CERTIFICATE"] = str(authority.file)
        env |= {"REQUESTS_CA_BUNDLE": "", "CURL_CA_BUNDLE": ""}  # they would win over it
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        endpoint = f"{scheme}://127.0.0.1:{server.server_address[1]}/v1/traces"
        service = {"service_name": "mine"} if scheme == "https" else {}
        more = {"observability": {"otlp_endpoint": endpoint, **service}}
        with Running(tmp_path / "gateway", more, env=env) as gateway:
            gateway.set_up(standin.url, MODELS)
            gateway.allow("*")
            line = told(gateway, "a secret wish", traceparent=PARENT)
            told(gateway, "standin:status-529")
            told(gateway, traceparent=PARENT[:-2] + "00")  # not sampled
            until(lambda: len(Collector.spans) == 2)
        first, second = Collector.spans
        assert first.trace_id.hex() == "ab" * 16
        assert first.parent_span_id.hex() == "cd" * 8
        assert first.span_id.hex() == line["span_id"]
        assert first.name == "POST openai-chat"
        assert first.end_time_unix_nano > first.start_time_unix_nano
        attributes = {one.key: one.value for one in first.attributes}
        assert attributes["gen_ai.request.model"].string_value == "claude-prod"
        assert attributes["http.response.status_code"].int_value == 200
        assert attributes["gen_ai.usage.output_tokens"].int_value > 0
        assert second.status.code == 2
        assert not second.parent_span_id
        assert Collector.services == {service.get("service_name", "aisix")}
        assert b"secret wish" not in first.SerializeToString()
        assert len(Collector.spans) == 2  # the unsampled one was not sent at the end either
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
