"""A site's own folder on a running gateway: every kind of change, and what an alias may say."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from aisix.standin.server import Standin
from tests.mapping.test_recipes import recipes, written
from tests.running import Running, chunks, send

TABLES = Path("openai-chat/anthropic-messages")
ALIASES: dict[str, dict[str, Any]] = {
    "plain": {"model_name": "claude-opus-4-1"},
    "new": {"model_name": "claude-opus-6-20270101"},
    "traited": {"model_name": "claude-haiku-4-5", "traits": ["shout"]},
    "optioned": {
        "model_name": "claude-opus-5-5",
        "options": {"auto_cache": True, "default_max_tokens": 555},
    },
    "strict": {"model_name": "claude-opus-5-5", "strict": True},
    "careful": {"model_name": "claude-opus-5-5", "mapping": "careful"},
}
FILES = {
    "values.toml": '[stop_reason]\nend_turn = "length"\n',  # one value
    "models.toml": "[defaults]\nmore_traits = []\n[model.opus-6]\nmax_tokens = 777\n"  # a row
    "[model.opus-4-1]\ndefault_max_tokens = 1234\n[model.3]\ndrop = true\n",  # and one less
    "traits/shout.toml": '[request.field.system.concat.shout]\nvalue = [{ type = "text", text = "LOUD" }]\n',
    "request.toml": '[field.inference_geo]\ndefault = "eu"\n'  # a rule added,
    "[field.service_tier]\ndrop = true\n"  # one taken away,
    '[rest]\nservice_tier = "warn"\n',
    "answer.toml": "[event.ping]\ndrop = true\n",
    "../caller.toml": '[fault.no_such_model]\nmessage = "Nobody here is called {alias}."\n',
    "../careful/mapping.toml": 'like = "anthropic-messages"\ntitle = "Careful"\n',
    "../careful/request.toml": "[field.max_tokens]\nmax = 99\n",
}


class Acme(BaseHTTPRequestHandler):
    """The upstream of the README's last recipe."""

    seen: list[Any] = []  # noqa: RUF012  of all connections

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append((self.path, self.headers["X-Acme-Token"], body))
        spent = {"in": 3, "out": 2}
        if body.get("live"):
            events = [
                {"kind": "hello", "ref": "r1"},
                {"kind": "part", "n": 0, "say": "Hel"},
                {"kind": "more", "n": 0, "say": "lo"},
                {"kind": "bye", "why": "done", "spent": spent},
            ]
            out = "".join(f"data: {json.dumps(e)}\n\n" for e in events).encode()
            kind = "text/event-stream"
        else:
            parts = [{"kind": "words", "say": "Hello"}]
            answer = {"kind": "reply", "ref": "r1", "parts": parts, "why": "full", "spent": spent}
            out, kind = json.dumps(answer).encode(), "application/json"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(out)))
        self.end_headers()
        self.wfile.write(out)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def acme() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Acme)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join(5)
    server.server_close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = written(tmp_path_factory.mktemp("overlays") / "mine", list(FILES.items()))
    return written(folder, recipes()["add a new provider dialect"])


@pytest.fixture(scope="module")
def ours(
    site: Path, standin: Standin, acme: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("ours"), {"mappings": [str(site)]}) as gateway:
        gateway.set_up(standin.url, ALIASES)
        acme_key = {
            "provider": "acme",
            "adapter": "acme",
            "secret": "acme-secret-1",
            "api_base": acme,
        }
        key = gateway.create("provider_keys", {"display_name": "acme", **acme_key})
        model = {"display_name": "other", "provider": "acme", "model_name": "m1"}
        gateway.create("models", {**model, "provider_key_id": key})
        gateway.allow(*ALIASES, "other", "nobody")
        yield gateway


def sent(standin: Standin) -> Any:
    return list(standin.received)[-1].body


def test_one_value_a_default_of_one_model_and_rules_added_and_taken_away(
    ours: Running, standin: Standin
) -> None:
    answer = ours.ask("Hi", "plain", service_tier="auto")
    assert answer.json["choices"][0]["finish_reason"] == "length"
    assert sent(standin)["max_tokens"] == 1234
    assert sent(standin)["inference_geo"] == "eu"
    assert "service_tier" not in sent(standin)
    assert answer.headers["x-aisix-warnings"] == "service_tier=dropped"


def test_a_model_that_came_out_today(ours: Running, standin: Standin) -> None:
    ours.ask("Hi", "new")
    assert sent(standin)["max_tokens"] == 777


def test_a_trait_of_ones_own_for_one_alias(ours: Running, standin: Standin) -> None:
    ours.ask("Hi", "traited")
    assert sent(standin)["system"] == [{"type": "text", "text": "LOUD"}]
    ours.ask("Hi", "plain")
    assert "system" not in sent(standin)


def test_options_and_strict_mode_of_one_alias(ours: Running, standin: Standin) -> None:
    ours.ask("Hi", "optioned")
    assert sent(standin)["cache_control"] == {"type": "ephemeral"}
    assert sent(standin)["max_tokens"] == 555
    refused = ours.ask("Hi", "strict", logit_bias={"1": 1})
    assert refused.status == 400
    assert refused.error["param"] == "logit_bias"
    assert ours.ask("Hi", "optioned", logit_bias={"1": 1}).status == 200


def test_a_variant_of_the_mapping_for_one_alias(ours: Running, standin: Standin) -> None:
    answer = ours.ask("Hi", "careful")
    assert sent(standin)["max_tokens"] == 99
    assert answer.headers["x-aisix-mapping"].startswith("openai-chat/careful@")
    ours.ask("Hi", "optioned")
    assert sent(standin)["max_tokens"] == 555


def test_a_whole_new_mapping_plain_and_streamed(ours: Running) -> None:
    answer = ours.ask("Hi", "other", max_tokens=7)
    assert answer.json["choices"][0]["message"]["content"] == "Hello"
    assert answer.json["choices"][0]["finish_reason"] == "length"
    assert answer.headers["x-aisix-mapping"].startswith("openai-chat/acme-chat@")
    path, token, body = Acme.seen[-1]
    assert (path, token) == ("/v2/chat", "acme-secret-1")
    assert body == {"engine": "m1", "limit": 7, "turns": [{"who": "human", "say": "Hi"}]}
    frames = list(chunks(ours.ask("Hi", "other", stream=True).body))
    assert "".join(f["choices"][0]["delta"].get("content", "") for f in frames[:-1]) == "Hello"
    assert frames[-1] == "[DONE]"


def test_the_admin_api_knows_what_the_site_added(ours: Running) -> None:
    id = next(
        one["id"]
        for one in ours.admin("GET", "models").json["items"]
        if '"plain"' in json.dumps(one)
    )
    wrong = ours.admin("PATCH", f"models/{id}", {"traits": ["shuot"]})
    assert wrong.status == 400
    assert 'did you mean \\"shout\\"' in wrong.body.decode()
    wrong = ours.admin("PATCH", f"models/{id}", {"mapping": "carefull"})
    assert wrong.status == 400
    wrong = ours.admin("PATCH", f"models/{id}", {"options": {"auto_cash": True}})
    assert 'did you mean \\"auto_cache\\"' in wrong.body.decode()


def test_every_answer_names_the_tables_it_was_made_by(ours: Running) -> None:
    """Also refusals: by the mapping, when one was chosen, else by the caller's dialect."""
    mapping, dialect = "openai-chat/anthropic-messages@", "openai-chat@"
    asked = {
        dialect: [
            ours.call(b"{"),
            ours.call({"model": "plain", "messages": []}, key=None),
            ours.call({"messages": []}),
            ours.ask("Hi", "nobody"),
            ours.ask("Hi", "forbidden"),
            send(ours.proxy_port, "GET", "/v1/nothing"),
            send(ours.proxy_port, "PUT", "/v1/chat/completions", b"{}"),
        ],
        mapping: [
            ours.ask("Hi", "plain"),
            ours.ask("Hi", "plain", stream=True),
            ours.ask("Hi", "plain", temperature="hot"),
            ours.ask("standin:error-529", "plain"),
            ours.ask("Hi", "strict", foo=1),
        ],
    }
    for tag, answers in asked.items():
        for answer in answers:
            assert answer.headers["x-aisix-mapping"].startswith(tag), answer
    assert asked[dialect][3].error["message"] == "Nobody here is called nobody."
    named = {answer.headers["x-aisix-mapping"] for answer in asked[mapping]}
    assert len(named) == 1
    status = ours.admin("GET", "status").json["mappings"]
    assert asked[dialect][0].headers["x-aisix-mapping"] == f"openai-chat@{status['digest']}"
