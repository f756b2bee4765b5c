"""Which handler answers what, also after the tables have changed."""

from __future__ import annotations

from pathlib import Path

from aisix.standin.server import Standin
from tests.running import CALLER_KEY, Running, send

MODEL = {"claude-prod": {"model_name": "claude-opus-5-5"}}
BODY = {"model": "claude-prod", "messages": [{"role": "user", "content": "Hi"}]}
KEY = {"Authorization": f"Bearer {CALLER_KEY}"}


def test_routes_and_bases_are_those_of_the_tables_of_now(tmp_path: Path, standin: Standin) -> None:
    table = tmp_path / "site" / "openai-chat" / "caller.toml"
    table.parent.mkdir(parents=True)

    def status(path: str) -> int:
        return send(gateway.proxy_port, "POST", path, BODY, KEY).status

    with Running(tmp_path / "gateway", {"mappings": [str(tmp_path / "site")]}) as gateway:
        gateway.set_up(standin.url, MODEL)
        gateway.allow("claude-prod")
        assert (status("/v1/chat/completions"), status("/v2/talk")) == (200, 404)
        table.write_text('route = "/v2/talk"\nbases = ["/acme"]\n')
        assert gateway.admin("POST", "mappings/reload").json["ok"] is True
        assert status("/v2/talk") == status("/talk") == status("/acme/v2/talk") == 200
        told = send(gateway.proxy_port, "POST", "/v1/chat/completions", BODY, KEY)
        assert told.status == 404 and "POST /v2/talk" in told.error["message"]
        table.unlink()
        told = gateway.admin("POST", "mappings/reload").json
        assert told["ok"] is True, told
        assert status("/v1/chat/completions") == 200
        assert (status("/v2/talk"), status("/acme/v1/chat/completions")) == (404, 404)
        assert not gateway.bugs
