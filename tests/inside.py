"""A gateway inside the test's own process and loop, for what no configuration can bring about.

async with Inside.serving(tmp_path, upstream_url) as inside:
    inside.gateway ...                 # whose parts the test may replace
    answer = await inside.ask(stream=True)

`good` is an upstream that answers well, for tests/upstream/peer.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tornado.netutil import bind_sockets

from aisix.config.settings import load_settings
from aisix.config.shipped import shipped_mappings
from aisix.listener.fast import FastListener
from aisix.listener.limits import ListenerLimits
from aisix.mapping.mappings import Mappings, load_mappings
from aisix.proxy.app import make_proxy_app
from aisix.proxy.gateway import Gateway
from aisix.store.opening import open_store
from aisix.upstream.curl import Driver
from tests import rough
from tests.listener.caller import Answer, Caller
from tests.strict import samples
from tests.upstream.peer import Call

ALIAS = "claude-prod"
CALLER_KEY, SECRET = "sk-caller-of-the-tests", "sk-ant-the-secret-of-the-provider"
PATH = "/v1/chat/completions"


def streamed(reason: str = "end_turn") -> bytes:
    """A whole stream of the upstream's, which ends with the connection."""
    text = samples.text_block(0, "Hel", "lo")
    events = [samples.opening(), *text, *samples.closing(reason)]
    framed = (f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events)
    return rough.stream() + b"".join(framed)


async def good(call: Call) -> None:
    if b'"stream":true' in call.body:
        await call.write(streamed())
        call.close()
    else:
        await call.write(rough.json(json.dumps(samples.ANTHROPIC_MESSAGE).encode()))


TOKENS = 32  # that either costs


@lru_cache(1)
def mappings() -> Mappings:
    return load_mappings([shipped_mappings()])


@dataclass
class Inside:
    gateway: Gateway
    listener: FastListener
    port: int

    @classmethod
    @asynccontextmanager
    async def serving(
        cls,
        folder: Path,
        upstream: str,
        *,
        limit: dict[str, int] | None = None,
        env: dict[str, str] | None = None,
        **model: Any,
    ) -> AsyncIterator[Inside]:
        """One alias, and one key for it with the rate limit `limit`; env: of its settings."""
        key = {"id": "main", "display_name": "main", "provider": "anthropic", "api_base": upstream}
        named = {"display_name": ALIAS, "provider": "anthropic", "model_name": "claude-opus-5-5"}
        digest = hashlib.sha256(CALLER_KEY.encode()).hexdigest()
        caller = {"key_hash": digest, "allowed_models": ["*"], "rate_limit": limit or {}}
        document = {
            "provider_keys": [{**key, "adapter": "anthropic", "secret": SECRET}],
            "models": [{**named, "provider_key_id": "main", **model}],
            "apikeys": [caller],
        }
        file = folder / "resources.yaml"
        file.write_text(json.dumps(document))  # JSON is YAML
        store = open_store(folder / "data", resources_file=file)
        store.reload()
        driver = Driver()
        gateway = Gateway.open(load_settings(None, env or {}), store, driver, mappings())
        limits = ListenerLimits(body=1 << 20, head_secs=20, body_secs=20, idle_secs=20)
        listener = FastListener(make_proxy_app(gateway), limits)
        sockets = bind_sockets(0, "127.0.0.1")
        await listener.accept(sockets)
        try:
            yield cls(gateway, listener, sockets[0].getsockname()[1])
        finally:
            listener.stop()
            await listener.close_all_connections()
            driver.close()
            store.close()

    async def asking(self, path: str = PATH, **more: Any) -> Caller:
        """A connection with one request on it."""
        body = {"model": ALIAS, "messages": [{"role": "user", "content": "Hi"}], **more}
        raw = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(raw)}\r\n"
        caller = await Caller.connect(self.port)
        caller.send(f"{head}Authorization: Bearer {CALLER_KEY}\r\n\r\n".encode() + raw)
        return caller

    async def ask(self, path: str = PATH, **more: Any) -> Answer:
        caller = await self.asking(path, **more)
        answer = await caller.answer("POST")
        caller.writer.close()
        assert answer is not None
        return answer
