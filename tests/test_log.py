"""Access lines and traces: one line per request whatever became of it, and never its content."""

from __future__ import annotations

import http.client
import http.server
import json
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from aisix import log
from aisix.standin.server import Standin
from aisix.telemetry.trace_context import TraceContext
from tests.authority import Authority
from tests.running import CALLER_KEY, ROOT, Answer, Running, send, until

MODELS = {"claude-prod": {"model_name": "claude-opus-5-5"}}
PARENT = f"00-{'ab' * 16}-{'cd' * 8}-01"


@pytest.fixture(scope="module")
def gateway(standin: Standin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    more = {"upstream": {"retries": 1}, "observability": {"trace_upstream": True}}
    with Running(tmp_path_factory.mktemp("lines"), more) as running:
        running.set_up(standin.url, MODELS)
        running.allow("*")
        yield running


def ask(gateway: Running, text: str, x_request_id: str, **more: Any) -> Answer:
    """One user turn; what is named like a header is sent as one."""
    named = {"x_request_id": x_request_id}
    for name in ("traceparent", "tracestate"):
        if name in more:
            named[name] = more.pop(name)
    words = [{"role": "user", "content": text}]
    return gateway.call({"model": "claude-prod", "messages": words, **more}, **named)


def line(gateway: Running, request_id: str) -> dict[str, Any]:
    """The one line of a request."""
    found: list[dict[str, Any]] = []

    def there() -> bool:
        found[:] = [one for one in gateway.lines if one["request_id"] == request_id]
        return bool(found)

    until(there)
    assert len(found) == 1
    return found[0]


def test_a_good_request_is_told_with_ids_times_tokens_and_tables(gateway: Running) -> None:
    answer = ask(gateway, "a secret wish", logit_bias={"1": 2}, x_request_id="mine-1")
    assert answer.headers["x-request-id"] == "mine-1"
    told = line(gateway, "mine-1")
    assert told["status"] == 200
    assert told["alias"] == "claude-prod"
    assert told["upstream_model"] == "claude-opus-5-5"
    assert told["upstream_request_id"] == answer.headers["x-upstream-request-id"]
    assert told["mapping"] == answer.headers["x-aisix-mapping"]
    assert told["warnings"] == answer.headers["x-aisix-warnings"]
    assert told["tokens"]["output"] == answer.json["usage"]["completion_tokens"]
    assert told["attempts"] == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told["at"])
    ask(gateway, "a secret wish", stream=True, x_request_id="mine-2")
    told = line(gateway, "mine-2")
    assert 0 < told["first_byte_ms"] <= told["first_token_ms"] <= told["ms"]


def test_refused_and_failed_requests_have_their_line_too(gateway: Running) -> None:
    gateway.call({"model": "claude-prod"}, key="sk-nobody-0123456789", x_request_id="r-1")
    assert line(gateway, "r-1")["error"] == "bad_key"
    gateway.call(b"{", x_request_id="r-2")
    assert (line(gateway, "r-2")["status"], line(gateway, "r-2")["error"]) == (400, "bad_json")
    ask(gateway, "standin:status-529", x_request_id="r-3")
    told = line(gateway, "r-3")
    assert (told["status"], told["upstream_status"], told["attempts"]) == (503, 529, 2)
    with socket.create_connection(("127.0.0.1", gateway.proxy_port)) as raw:
        raw.sendall(b"no http at all\r\n\r\n")
        assert b" 400 " in raw.recv(1000)
    assert line(gateway, "")["error"] == "no_request"
    assert gateway.metrics()['aisix_requests_total{route="none",alias="",status="400"}'] == 1


def test_a_refusal_before_the_body_was_read_is_no_leaving(gateway: Running) -> None:
    key = {"Authorization": f"Bearer {CALLER_KEY}", "X-Request-Id": "r-4"}
    assert send(gateway.proxy_port, "POST", "/v1/embeddings", {"input": "x"}, key).status == 404
    told = line(gateway, "r-4")
    assert (told["status"], told["error"]) == (404, "unknown_url")
    metric = 'aisix_requests_total{route="other",alias="",status="404"}'
    assert gateway.metrics()[metric] == 1


def test_a_caller_who_leaves_is_a_499_with_the_tokens_so_far(gateway: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.proxy_port, timeout=10)
    words = {"role": "user", "content": "standin:slow-100 standin:long-900"}
    body = {"model": "claude-prod", "stream": True, "messages": [words]}
    key = {"Authorization": f"Bearer {CALLER_KEY}", "X-Request-Id": "gone"}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), key)
    answer = connection.getresponse()
    answer.read(300)
    answer.close()
    connection.close()
    told = line(gateway, "gone")
    assert told["status"] == 499
    assert told["tokens"]["input"] > 0
    assert told["first_byte_ms"] > 0


def test_an_odd_request_id_is_replaced(gateway: Running) -> None:
    for odd in ("a b", "x" * 129, "<script>", 'a"b'):
        assert ask(gateway, "Hi", x_request_id=odd).headers["x-request-id"].startswith("req_")


def test_no_line_holds_content_a_key_or_a_field_that_is_not_described(gateway: Running) -> None:
    ask(gateway, "a secret wish", x_request_id="last")
    line(gateway, "last")
    known = {name for name, _ in log.FIELDS}
    for one in gateway.lines:
        assert set(one) <= known, set(one) - known
    text = (gateway.folder / "out.log").read_text() + gateway.log
    for secret in ("a secret wish", "sk-nobody-0123456789", CALLER_KEY, "sk-ant-the-secret"):
        assert secret not in text


def test_the_documentation_lists_every_field() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    for name, what in log.FIELDS:
        assert f"| `{name}` | {what} |" in text


# ---------------------------------------------------------------- traces
def test_a_trace_is_continued_and_handed_on(gateway: Running, standin: Standin) -> None:
    ask(gateway, "Hi", x_request_id="t-1", traceparent=PARENT, tracestate="vendor=1")
    told = line(gateway, "t-1")
    assert told["trace_id"] == "ab" * 16
    assert told["span_id"] != "cd" * 8
    sent = {name.lower(): value for name, value in standin.received[-1].headers.items()}
    assert sent["traceparent"] == f"00-{'ab' * 16}-{told['span_id']}-01"
    assert sent["tracestate"] == "vendor=1"


def test_without_the_setting_the_upstream_is_sent_no_trace(
    tmp_path: Path, standin: Standin
) -> None:
    with Running(tmp_path / "gateway") as other:
        other.set_up(standin.url, MODELS)
        other.allow("*")
        ask(other, "Hi", x_request_id="t-2", traceparent=PARENT)
        assert line(other, "t-2")["trace_id"] == "ab" * 16
        ask(other, "Hi", x_request_id="t-3")
        assert "trace_id" not in line(other, "t-3")
        assert all(
            "traceparent" not in {n.lower() for n in r.headers} for r in [standin.received[-1]]
        )


@pytest.mark.parametrize(
    "odd",
    [
        "",
        "00-" + "0" * 32 + "-" + "cd" * 8 + "-01",
        "00-" + "ab" * 16 + "-" + "0" * 16 + "-01",
        "ff-" + "ab" * 16 + "-" + "cd" * 8 + "-01",
        "00-" + "AB" * 16 + "-" + "cd" * 8 + "-01",
        "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01-more",
        PARENT + "\n",
        "00-" + "ab" * 16,
    ],
)
def test_what_is_no_traceparent_is_not_believed(odd: str) -> None:
    trace = TraceContext.continued(odd, "vendor=1", lambda n: b"\x01" * n)
    assert (trace.trace_id, trace.parent, trace.state) == ("01" * 16, "", "")


def test_a_later_version_of_traceparent_is_read_as_far_as_it_is_known() -> None:
    later = "01-" + "ab" * 16 + "-" + "cd" * 8 + "-03-more"
    trace = TraceContext.continued(later, None, lambda n: b"\x02" * n)
    assert trace.header == "00-" + "ab" * 16 + "-" + "02" * 8 + "-01"


class Collector(http.server.BaseHTTPRequestHandler):
    """Takes spans over OTLP/HTTP."""

    spans: list[Any] = []  # noqa: RUF012

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            import gzip

            body = gzip.decompress(body)
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
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
        more = {"observability": {"otlp_endpoint": endpoint}}
        with Running(tmp_path / "gateway", more, env=env) as gateway:
            gateway.set_up(standin.url, MODELS)
            gateway.allow("*")
            ask(gateway, "a secret wish", x_request_id="s-1", traceparent=PARENT)
            ask(gateway, "standin:status-529", x_request_id="s-2")
            unsampled = PARENT[:-2] + "00"
            ask(gateway, "Hi", x_request_id="s-3", traceparent=unsampled)
            line(gateway, "s-3")
            until(lambda: len(Collector.spans) == 2)
        first, second = Collector.spans
        assert first.trace_id.hex() == "ab" * 16
        assert first.parent_span_id.hex() == "cd" * 8
        assert first.span_id.hex() == line(gateway, "s-1")["span_id"]
        assert first.name == "POST openai-chat"
        assert first.end_time_unix_nano > first.start_time_unix_nano
        told = {one.key: one.value for one in first.attributes}
        assert told["gen_ai.request.model"].string_value == "claude-prod"
        assert told["http.response.status_code"].int_value == 200
        assert told["gen_ai.usage.output_tokens"].int_value > 0
        assert second.status.code == 2
        assert not second.parent_span_id
        assert b"secret wish" not in first.SerializeToString()
        assert len(Collector.spans) == 2  # the unsampled one was not sent at the end either
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
