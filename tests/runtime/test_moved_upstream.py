"""Settings of the original AISIX for what goes upstream, in running gateways."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.authority import Authority, Tunnel
from tests.rough import CLOSE, HOLD, WAIT, Rough
from tests.rough import json as answer
from tests.rough import stream as head
from tests.running import until
from tests.runtime.test_moved_in import CALLER, Bare
from tests.runtime.test_moved_resources import CHAT

CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}


def chunk(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return b"data: " + json.dumps({**CHUNK, "choices": [choice]}).encode() + b"\n\n"


@contextmanager
def gateway(folder: Path, base: str, settings: dict[str, Any], **env: str) -> Iterator[Bare]:
    made = Bare(folder / "g", resources_file="r.yaml", **settings)
    model = {"provider": "openai", "model_name": "some-model", "provider_key": "k"}
    file = {
        "_format_version": "1",
        "provider_keys": [
            {"display_name": "k", "provider": "openai", "api_key": "sk-1", "api_base": base}
        ],
        "models": [
            {**model, "display_name": "small"},
            {**model, "display_name": "patient", "timeout": 0},
            {**model, "display_name": "own", "stream_timeout": 1500},
        ],
        "api_keys": [
            {"display_name": "ci", "key_env": "CALLER", "allowed_models": ["*"],
             "expires_at": "2099-01-01T00:00:00Z"},
            {"display_name": "old", "key_hash": "a" * 64, "allowed_models": [],
             "expires_at": "2020-01-01T00:00:00Z"},
        ],
    }  # fmt: skip
    (made.folder / "r.yaml").write_text(yaml.safe_dump(file))
    with made.running(CALLER=CALLER, **env):
        yield made


def test_a_private_authority_and_times(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tls")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.sign("server"))
    settings = {
        "upstream": {"tls": {"ca_file": str(authority.file)}, "timeout_ms": 1500, "retries": 0},
        "downstream": {"sse_keepalive_interval_secs": 1},
    }
    with Rough() as upstream:
        upstream.next(answer(CHAT))
        with (
            Tunnel(int(upstream.url.rpartition(":")[2]), context) as tunnel,
            gateway(tmp_path, tunnel.url, settings) as running,
        ):
            until(lambda: running.ask().status == 200)
            # a whole answer that does not come; with 0 of its own the model waits for it
            upstream.next(2.0, answer(CHAT))
            late = running.ask()
            assert late.status == 504 and "timed out" in late.json["error"]["message"]
            upstream.next(2.0, answer(CHAT))
            assert running.ask(model="patient").status == 200
            # a stream that falls silent is cut by the time of a whole answer
            upstream.next(head(), chunk("first"), HOLD)
            cut = running.ask(stream=True)
            assert cut.status == 200 and b"first" in cut.body and b"[DONE]" not in cut.body
            # while it says nothing the head and comments go out ...
            done = chunk("late", "stop"), b"data: [DONE]\n\n", CLOSE
            upstream.next(head(), 1.2, *done)
            slow = running.ask(stream=True)
            assert slow.status == 200 and b"late" in slow.body and b"data: [DONE]" in slow.body
            assert b":" in slow.body.split(b"\n")
            # ... but where the time is the model's own, the head waits for the first chunk
            upstream.next(head(), 1.2, *done)
            waited = running.ask(model="own", stream=True)
            assert waited.status == 200 and b":" not in waited.body.split(b"\n")
            upstream.next(head(), WAIT)
            assert running.ask(model="own", stream=True).status == 504
            upstream.let_go()


def test_the_environments_authorities_are_trusted_beside_the_machines(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tls")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.sign("server"))
    with Rough() as upstream:
        upstream.next(answer(CHAT))
        with Tunnel(int(upstream.url.rpartition(":")[2]), context) as tunnel:
            with gateway(tmp_path / "a", tunnel.url, {"upstream": {"retries": 0}}) as running:
                until(lambda: running.ask().status == 502)
                assert b"certificate" in running.ask().body.lower()
            env = {"SSL_CERT_FILE": str(authority.file)}
            with gateway(tmp_path / "b", tunnel.url, {}, **env) as running:
                until(lambda: running.ask().status == 200)
