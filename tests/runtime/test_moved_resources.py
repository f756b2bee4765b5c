"""Resources of the original AISIX in a running gateway: what each field does to a call."""

from __future__ import annotations

import hashlib
import json
import ssl
from collections.abc import Iterator
from typing import Any

import pytest

from tests.authority import Authority, Tunnel
from tests.cluster.servers import Etcd
from tests.rough import Rough
from tests.rough import json as answer
from tests.running import Answer, free_port, send, until
from tests.runtime.test_moved_in import CALLER, Bare
from tests.upstream.peer import Call

OTHER = "another-caller-of-the-tests"
CHAT = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-5",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
        | {"prompt_cache_hit_tokens": 4},
    }
).encode()
MESSAGE = json.dumps(
    {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-5-5",
        "content": [{"type": "text", "text": "Hi"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 9, "output_tokens": 3},
    }
).encode()
REQUEST = {
    "default_headers": {
        "x-tenant": "${request.api_key.team_id}",
        "x-ids": "${model.id}/${provider_key.id}/${request.api_key.id}",
        "x-model": "${model.name}",
        "x-request": "${request.id}",
        "x-both": "operator",
        "cookie": "never=1",
    },
    "forward_client_headers": ["anthropic-beta", "x-trace-*", "x-both"],
    "default_body_fields": {"safe": True},
    "param_renames": {"seed": "start"},
    "param_constraints": {"temperature_max": 0.5},
}
PUT = {"provider": "openai", "adapter": "openai", "api_key": "sk-1"}


class World:
    def __init__(self, gateway: Bare, chat: Rough, messages: Rough) -> None:
        self.gateway, self.chat, self.messages = gateway, chat, messages

    def ask(
        self, model: str, caller: str = CALLER, path: str = "chat/completions", **headers: str
    ) -> Answer:
        given = {"authorization": f"Bearer {caller}", "x-forwarded-for": "10.1.2.3"}
        given |= {name.replace("_", "-"): text for name, text in headers.items()}
        body = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
        if path == "chat/completions":
            body |= {"temperature": 1.5, "seed": 9}
        return send(self.gateway.port, "POST", f"/v1/{path}", body, given)

    def sent(self, upstream: Rough, model: str, **more: Any) -> Call:
        """What the upstream got of one request that is served."""
        before = len(upstream.calls)
        found = self.ask(model, **more)
        assert found.status == 200, found.body
        [call] = upstream.calls[before:]
        return call


def documents(chat: str, messages: str, tls: str, ca: str, other_ca: str) -> dict[str, Any]:
    keys = {
        "plain": {"api_base": f"{chat}/v1"},
        "adds": {"api_base": f"{chat}/v1", "request": REQUEST},
        "bare": {"api_base": chat},
        "v2": {"api_base": f"{chat}/v2/"},
        "pasted": {"api_base": f"{chat}/x/chat/completions"},
        "native": {"provider": "byo", "adapter": "anthropic", "api_base": f"{messages}/a/v1",
                   "request": REQUEST},
        "other": {"api_base": messages},
        "nowhere": {"provider": "openrouter"},
        "nourl": {"api_base": "ftp//[x"},
        "unfit": {"api_base": chat, "api_key": "sk-live\n-injected"},
        "noone": {"provider": "acme", "adapter": None, "api_base": chat},
        "trusted": {"api_base": tls, "tls": {"ca_cert": ca}},
        "wrong": {"api_base": tls, "tls": {"ca_cert": other_ca}},
        "unchecked": {"api_base": tls, "tls": {"verify": False}},
    }  # fmt: skip
    put: dict[str, Any] = {
        f"provider_keys/k-{name}": {**PUT, "display_name": name, **more}
        for name, more in keys.items()
    }
    for name in keys:
        company = "anthropic" if name == "other" else "openai"
        put[f"models/m-{name}"] = {"display_name": name, "provider": company,
                                   "model_name": "some-model", "provider_key_id": f"k-{name}"}  # fmt: skip
    inside = {"provider": "openai", "model_name": "some-model", "provider_key_id": "k-plain"}
    put |= {
        "models/in": {**inside, "display_name": "in", "allowed_cidrs": ["10.0.0.0/8"]},
        "models/none": {**inside, "display_name": "none", "allowed_cidrs": ["10.1.2.3"]},
        "models/zero": {**inside, "display_name": "zero", "rate_limit": {"rpm": 0}},
        "models/fast": {**inside, "display_name": "fast", "retries": 40},
        "models/g": {
            "display_name": "g",
            "allowed_cidrs": ["10.0.0.0/8", "192.0.2.0/24"],
            "routing": {"targets": [{"model": "in"}, {"model": "none"}]},
        },
        "models/tells": {
            "display_name": "tells",
            "routing": {"targets": [{"model": "unfit"}, {"model": "plain"}]},
        },
    }
    for id, text, more in (
        ("a", CALLER, {"display_name": "ci", "team_id": "t-7", "allowed_models": ["*"]}),
        ("b", OTHER, {"allowed_models": ["a*", "*d*s"]}),
        ("c", "late", {"allowed_models": ["*"], "expires_at": "2020-01-01T00:00:00Z"}),
    ):
        put[f"api_keys/{id}"] = {"key_hash": hashlib.sha256(text.encode()).hexdigest(), **more}
    put["api_keys/odd"] = {"key_hash": "no hash", "allowed_models": ["*"]}
    return put


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, etcd: Etcd) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("moved")
    authority = Authority(folder / "tls")
    cert, key = authority.sign("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    other = Authority(folder / "other").file.read_text()
    with Rough() as chat, Rough() as messages:
        chat.next(answer(CHAT))
        messages.next(answer(MESSAGE))
        with Tunnel(int(chat.url.rpartition(":")[2]), context) as tunnel:
            urls = chat.url, messages.url, tunnel.url
            put = documents(*urls, authority.file.read_text(), other)
            for name, document in put.items():
                etcd.put(f"/resources/{name}", json.dumps(document).encode())
            port = free_port()
            gateway = Bare(
                folder / "g",
                etcd={"endpoints": etcd.endpoints, "prefix": "/resources"},
                proxy={
                    "addr": f"127.0.0.1:{port}",
                    "workers": 1,
                    "real_ip": {"trusted_proxies": ["127.0.0.1"], "recursive": True},
                },
                upstream={"retries": 0},
            )
            gateway.port = port
            with gateway.running():
                found = World(gateway, chat, messages)
                until(lambda: found.ask("fast").status == 200)
                yield found


def test_headers_are_filled_in_for_each_call(world: World) -> None:
    call = world.sent(world.chat, "adds", x_trace_id="t", x_both="caller", x_other="no",
                      anthropic_beta="b", x_api_key="caller", x_aisix_request_id="r-9")  # fmt: skip
    assert call.header("x-tenant") == "t-7" and call.header("x-model") == "adds"
    assert call.header("x-ids") == "m-adds/k-adds/a"
    assert call.header("x-both") == "operator"
    assert call.header("x-trace-id") == "t" and call.header("anthropic-beta") == "b"
    assert call.header("authorization") == "Bearer sk-1"
    assert [call.header(name) for name in ("x-other", "x-api-key", "cookie")] == [None] * 3
    assert call.header("x-request")
    teamless = world.sent(world.chat, "adds", caller=OTHER)
    assert teamless.header("x-tenant") is None and teamless.header("x-both") == "operator"


def test_fields_of_a_body_are_renamed_bounded_and_filled_up(world: World) -> None:
    body = json.loads(world.sent(world.chat, "adds").body)
    assert (body["start"], body["temperature"], body["safe"]) == (9, 0.5, True)
    assert "seed" not in body
    assert json.loads(world.sent(world.chat, "plain").body)["temperature"] == 1.5


def test_messages_go_to_an_upstream_that_speaks_them_as_they_are(world: World) -> None:
    call = world.sent(world.messages, "native", path="messages", anthropic_beta="x")
    assert call.line.startswith("POST /a/v1/messages ")
    assert call.header("x-model") == "native" and call.header("anthropic-beta") == "x"
    assert json.loads(call.body)["max_tokens"] == 9  # changes of a body are another adapter's
    call = world.sent(world.messages, "other", path="messages")  # by the model's own company
    assert call.line.startswith("POST /v1/messages ") and call.header("x-api-key") == "sk-1"


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("plain", "/v1/chat/completions"),
        ("bare", "/chat/completions"),
        ("v2", "/v2/chat/completions"),
        ("pasted", "/x/chat/completions"),
    ],
)
def test_what_stands_in_an_address_stays(world: World, model: str, path: str) -> None:
    assert world.sent(world.chat, model).line.split()[1] == path


@pytest.mark.parametrize(
    ("model", "status"),
    [("nowhere", 400), ("nourl", 400), ("unfit", 401), ("noone", 503), ("tells", 401)],
)
def test_what_cannot_be_asked_says_so_at_the_call_alone(
    world: World, model: str, status: int
) -> None:
    before = len(world.chat.calls)
    found = world.ask(model)
    assert found.status == status, found.body
    assert b"sk-live" not in found.body and b"ftp" not in found.body
    assert len(world.chat.calls) == before
    listed = send(world.gateway.port, "GET", "/v1/models", None,
                  {"authorization": f"Bearer {CALLER}"})  # fmt: skip
    assert model in [one["id"] for one in listed.json["data"]]


def test_callers_from_elsewhere_are_refused_before_limits_and_upstream(world: World) -> None:
    before = len(world.chat.calls)
    assert world.ask("in").status == 200
    for model, address in (
        ("in", "192.0.2.9"), ("in", "nonsense"), ("none", "10.1.2.3"), ("g", "198.51.100.1"),
        ("g", "192.0.2.9"),
    ):  # fmt: skip
        found = world.ask(model, x_forwarded_for=address)
        assert found.status == 403, (model, address, found.body)
        assert found.json["error"]["code"] == "ip_restricted"
        assert b"10.0.0.0" not in found.body
        counted = world.ask(model, path="messages/count_tokens", x_forwarded_for=address)
        assert counted.status == (
            200 if (model, address) == ("g", "192.0.2.9") else 403
        )  # by estimate
    assert world.ask("g").status == 200  # the one that lets in
    assert len(world.chat.calls) == before + 2
    lines = [one for one in world.gateway.log.splitlines() if "198.51.100.1" in one]
    assert lines, "the caller's address is in the access line"


def test_keys_and_limits(world: World) -> None:
    assert world.ask("plain", caller="late").status == 401
    assert world.ask("adds", caller=OTHER).status == 200
    assert world.ask("plain", caller=OTHER).status == 403
    assert world.ask("zero").status == 429
    usage = world.ask("fast").json["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] == usage["prompt_cache_hit_tokens"] == 4


@pytest.mark.parametrize(
    ("model", "status"), [("trusted", 200), ("wrong", 502), ("unchecked", 200)]
)
def test_whom_a_key_trusts_is_its_own(world: World, model: str, status: int) -> None:
    assert world.ask(model).status == status


def test_what_was_let_pass_is_told(world: World) -> None:
    store = world.gateway.admin("GET", "status").json["store"]
    ignored = store["ignored"]
    assert ignored["provider_keys/k-unfit"] == ["secret"]
    assert ignored["provider_keys/k-nourl"] == ["api_base"]
    assert ignored["apikeys/odd"] == ["key_hash"]
    assert ignored["apikeys/b"] == ["allowed_models"]
    assert ignored["models/none"] == ["allowed_cidrs"]
    assert store["quarantined"] == []
    log = world.gateway.log
    assert "etcd: models: allowed_cidrs: entries that are no network in CIDR are left out" in log
    assert "etcd: provider_keys: secret: is loaded as it stands, and nothing can use it" in log
    assert "sk-live" not in world.gateway.log
    key = world.gateway.admin("GET", "provider_keys/k-adds").json["value"]
    assert key["forward_client_headers"] == REQUEST["forward_client_headers"]
