"""`aisix demo`: the gateway and a stand-in upstream, one plain and one streamed call through both.

Starts the stand-in (real HTTP and SSE, strict about what it is sent) and the gateway as its own
process, makes the three admin calls, and prints what went over each of the four hops. With --real
it calls Anthropic with ANTHROPIC_API_KEY; then the two upstream hops are not to be seen.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from aisix.errors import OperatorError
from aisix.log import redact
from aisix.standin.server import Standin

REAL_BASE = "https://api.anthropic.com"
REAL_MODEL, STANDIN_MODEL = "claude-haiku-4-5", "claude-3-5-haiku-20241022"
START_SECS = 20.0
TIMEOUT_SECS = 120


def main(args: argparse.Namespace) -> int:
    """Run the demo; stays up unless --once."""
    real_key = os.environ.get("ANTHROPIC_API_KEY", "")
    if args.real and not real_key:
        raise OperatorError("--real needs ANTHROPIC_API_KEY in the environment")
    for number in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C does: nothing of ours stays behind
        signal.signal(number, signal.default_int_handler)
    standin = None if args.real else Standin().start()
    with tempfile.TemporaryDirectory(prefix="aisix-demo-") as folder:
        admin_key, caller_key = secrets.token_hex(16), f"sk-demo-{secrets.token_hex(8)}"
        proxy, admin = _free_port(), _free_port()
        process = _gateway(Path(folder), proxy, admin, admin_key, args.verbose)
        try:
            _wait(process, proxy)
            base = REAL_BASE if standin is None else standin.url
            model = REAL_MODEL if standin is None else STANDIN_MODEL
            secret = real_key or f"sk-ant-standin-{secrets.token_hex(8)}"
            _set_up(admin, admin_key, caller_key, base, model, secret)
            for stream in (False, True):
                _call(proxy, caller_key, stream, standin)
            if not args.once:
                _stay(process, proxy, caller_key)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
            if standin is not None:
                standin.stop()
    return 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _gateway(
    folder: Path, proxy: int, admin: int, admin_key: str, verbose: bool
) -> subprocess.Popen[bytes]:
    config = folder / "config.yaml"
    config.write_text(
        f'proxy: {{addr: "127.0.0.1:{proxy}"}}\n'
        f'admin: {{addr: "127.0.0.1:{admin}", admin_keys: ["{admin_key}"]}}\n'
        f"data_dir: {folder / 'data'}\nworkers: 1\n"
        "observability: {metrics_addr: null}\n"
    )
    config.chmod(0o600)
    sink = None if verbose else subprocess.DEVNULL
    command = [sys.executable, "-m", "aisix", "serve", "--config", str(config)]
    # A process group of its own: Ctrl-C is ours, and we stop it in good order.
    return subprocess.Popen(command, stdout=sink, stderr=sink, start_new_session=True)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + START_SECS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise OperatorError("the gateway did not start; see why with --verbose")
        try:
            if _send(port, "GET", "/livez")[0] == 200:
                return
        except OSError:
            time.sleep(0.05)
    raise OperatorError(f"the gateway did not answer within {START_SECS:.0f} s")


def _set_up(
    admin: int, admin_key: str, caller_key: str, base: str, model: str, secret: str
) -> None:
    """The three admin calls."""

    def post(kind: str, body: dict[str, Any]) -> str:
        status, _, raw = _send(admin, "POST", f"/admin/v1/{kind}", admin_key, body)
        if status != 201:
            raise OperatorError(f"POST /admin/v1/{kind}: {status} {raw.decode()}")
        shown = {k: "****" if k == "secret" else v for k, v in body.items()}
        print(f"admin   POST /admin/v1/{kind}  {json.dumps(shown)}")
        return str(json.loads(raw)["id"])

    provider = {"provider": "anthropic", "adapter": "anthropic"}
    key_id = post(
        "provider_keys",
        {"display_name": "anthropic-prod", **provider, "secret": secret, "api_base": base},
    )
    post(
        "models",
        {
            "display_name": "claude-prod",
            "provider": "anthropic",
            "model_name": model,
            "provider_key_id": key_id,
        },
    )
    digest = hashlib.sha256(caller_key.encode()).hexdigest()
    post("apikeys", {"key_hash": digest, "allowed_models": ["claude-prod"]})


def _call(port: int, key: str, stream: bool, standin: Standin | None) -> None:
    body: dict[str, Any] = {
        "model": "claude-prod",
        "messages": [
            {"role": "system", "content": "Answer in one sentence."},
            {"role": "user", "content": "What does a gateway do?"},
        ],
        "temperature": 1.2,
    }
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    status, headers, raw = _send(port, "POST", "/v1/chat/completions", key, body)
    print(f"\n======== {'streamed' if stream else 'plain'} " + "=" * 60)
    _hop(
        "1 caller request",
        "POST /v1/chat/completions",
        {"authorization": f"Bearer {key}"},
        json.dumps(body),
    )
    if standin is not None:
        seen = standin.received[-1]
        shown = {
            k: v
            for k, v in seen.headers.items()
            if k in ("x-api-key", "anthropic-version", "content-type")
        }
        shown = {k: "****" if k == "x-api-key" else v for k, v in shown.items()}
        _hop("2 upstream request", f"POST {seen.path}", shown, json.dumps(seen.body))
        _hop("3 upstream answer", "200", {}, standin.sent[-1].decode())
    shown = {k: v for k, v in headers.items() if k.startswith(("x-", "content-type"))}
    _hop("4 caller answer", str(status), shown, raw.decode())
    if status != 200:
        raise OperatorError(f"the call was answered with {status}")


def _hop(name: str, line: str, headers: dict[str, str], body: str) -> None:
    print(f"\n---- {name}: {line}")
    for header, value in headers.items():
        print(f"{header}: {redact(value)}")
    print(body.rstrip())


def _stay(process: subprocess.Popen[bytes], port: int, key: str) -> None:
    body = '{"model":"claude-prod","messages":[{"role":"user","content":"Hello"}]}'
    streamed = '{"model":"claude-prod","input":"Hello","stream":true}'
    said = (
        f"\nThe gateway stays up on http://127.0.0.1:{port} until Ctrl-C. Try it:\n\n"
        f"curl http://127.0.0.1:{port}/v1/chat/completions -H 'Authorization: Bearer {key}' \\\n"
        f"  -H 'Content-Type: application/json' -d '{body}'\n\n"
        f"curl -N http://127.0.0.1:{port}/v1/responses -H 'Authorization: Bearer {key}' \\\n"
        f"  -H 'Content-Type: application/json' -d '{streamed}'\n"
    )
    try:
        print(said, flush=True)  # who has read it may end us before we come to wait
        process.wait()
    except KeyboardInterrupt:
        print()


def _send(
    port: int, method: str, path: str, key: str = "", body: Any = None
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECS)
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, named, answer.read()
    finally:
        connection.close()
