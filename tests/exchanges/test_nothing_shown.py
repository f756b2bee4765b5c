"""However an upstream fails, a caller learns no host, path, key, file or word of the libraries that
said so; and no key is in a log."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.authority import Authority, Tunnel
from tests.rough import CLOSE, RESET, Rough, answer
from tests.rough import json as as_json
from tests.running import CALLER_KEY, Answer, Running, free_port, send

KEY = "Xq7telling-secret-Zk9"
HEADER = "Wv3telling-header-Yt1"
TELLING = (
    "telling", KEY, HEADER, base64.b64encode(KEY.encode()).decode(), "127.0.0.1", "localhost", "curl",
    "ssl", "tls", "certificate", "resolve", "connect to", "refused", "errno", "169.254", ".pem",
)  # fmt: skip
ECHO = (
    f"no: key {KEY}, Bearer {HEADER}, at http://telling-host.internal:8/telling-path by 127.0.0.1"
)


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Any]]]:
    """Provider keys whose upstream fails, each in its way."""
    folder = tmp_path_factory.mktemp("telling")
    with ExitStack() as stack:
        yield dict(_ways(folder, stack))


def _ways(folder: Path, stack: ExitStack) -> Iterator[tuple[str, dict[str, Any]]]:
    ours, other = Authority(folder / "telling-a"), Authority(folder / "telling-b", "other")
    ca = {"ca_file": str(ours.file)}

    def tunnel(days: int, to: int = 9) -> str:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*ours.sign(f"telling-{days}", days))
        url = stack.enter_context(Tunnel(to, context)).url
        return f"{url}/telling-path"

    def rough(*steps: Any) -> str:
        peer = stack.enter_context(Rough())
        peer.next(*steps)
        return f"{peer.url.rstrip(chr(47))}/telling-path"

    yield "dns", {"api_base": "http://telling-host.invalid:81/telling-path"}
    yield "refused", {"api_base": f"http://127.0.0.1:{free_port()}/telling-path"}
    yield "untrusted", {"api_base": tunnel(9), "tls": {"ca_file": str(other.file)}}
    yield "misnamed", {"api_base": tunnel(8).replace("127.0.0.1", "localhost"), "tls": ca}
    yield "expired", {"api_base": tunnel(-1), "tls": ca}
    yield "behind", {"api_base": tunnel(7), "tls": ca}  # nobody answers behind the handshake
    yield "no file", {"api_base": tunnel(6), "tls": {"ca_file": "GONE"}}
    plain = rough(as_json(b"{}"))
    yield "no tls", {"api_base": plain.replace("http:", "https:")}
    yield "reset", {"api_base": rough(RESET)}
    yield "closed", {"api_base": rough(CLOSE)}
    yield "garbage", {"api_base": rough(f"telling garbage {KEY}\r\n\r\n".encode(), CLOSE)}
    moved = f"location: http://telling-host.internal/{KEY}"
    yield "moved", {"api_base": rough(answer(b"", "307 Temporary Redirect", moved))}
    for status in ("400 Bad", "401 No", "403 No", "404 No", "429 Slow", "500 Oops", "529 Full"):
        body = json.dumps({"error": {"type": "odd_error", "message": ECHO}, "request": ECHO})
        said = (f"request-id: {KEY}", f"x-request-id: {HEADER}", f"retry-after: {KEY}")
        yield status, {"api_base": rough(as_json(body.encode(), status, *said))}
    html = f"<html>{ECHO}</html>".encode()
    yield "html", {"api_base": rough(answer(html, "502 Bad Gateway", "content-type: text/html"))}


def callers(gateway: Running, alias: str, key: str) -> Iterator[Answer]:
    """Both dialects, plain and streamed."""
    body = {"model": alias, "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    for path in ("/v1/chat/completions", "/v1/messages"):
        for stream in (False, True):
            asked = {**body, "stream": stream}
            yield send(gateway.proxy_port, "POST", path, asked, headers)


def assert_nothing_told(gateway: Running, alias: str, key: str, way: str) -> None:
    for found in callers(gateway, alias, key):
        assert found.status >= 400, (way, found.body)
        own = {"x-upstream-model", "x-aisix-served-by", "x-aisix-mapping", "date", "server"}
        shown = [f"{name}: {text}" for name, text in found.headers.items() if name not in own]
        text = "\n".join([*shown, found.body.decode()]).lower()
        for word in TELLING:
            assert word.lower() not in text, (way, word, text)


@pytest.mark.parametrize("adapter", ["anthropic", "openai"])
def test_no_failure_tells_a_caller_where_or_with_what(
    gateway: Running, ways: dict[str, dict[str, Any]], adapter: str, tmp_path: Path
) -> None:
    name = f"told-{adapter}"
    key = {"display_name": name, "provider": "anthropic", "adapter": adapter, "secret": KEY}
    key["headers"] = {"x-gate-token": f"Bearer {HEADER}"}  # type: ignore[assignment]
    id = gateway.create("provider_keys", {**key, "api_base": "http://127.0.0.1:9"})
    model = {"provider": "x", "model_name": "claude-opus-5-5", "provider_key_id": id}
    gateway.create("models", {"display_name": name, **model})
    caller = gateway.allow(name, key=f"{CALLER_KEY}-{name}")
    there = tmp_path / "telling-gone.pem"
    there.write_bytes(Authority(tmp_path / "tls").file.read_bytes())
    for way, more in ways.items():
        gone = more.get("tls") == {"ca_file": "GONE"}
        body = {**key, **more, **({"tls": {"ca_file": str(there)}} if gone else {})}
        assert gateway.admin("PUT", f"provider_keys/{id}", body).status == 200
        if gone:
            there.unlink()
        assert_nothing_told(gateway, name, f"{CALLER_KEY}-{name}", way)
    gateway.admin("DELETE", f"apikeys/{caller}")
    gateway.admin("DELETE", f"provider_keys/{id}?cascade=true")
    said = gateway.log + (gateway.folder / "out.log").read_text()
    for word in (KEY, HEADER):
        assert word not in said
    assert "telling-host.invalid" in said  # the operator is told where
