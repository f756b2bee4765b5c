"""The admin API of a running gateway: what an operator or a script meets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from aisix.standin.server import Standin
from tests.running import Answer, Running, send

KEY = {
    "display_name": "prod",
    "provider": "anthropic",
    "adapter": "anthropic",
    "secret": "sk-1234567890abcdef",
}
HASH = hashlib.sha256(b"sk-someone").hexdigest()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("admin")) as running:
        yield running


@pytest.fixture
def fresh(gateway: Running) -> Running:
    """One that knows of nothing."""
    gateway.empty()
    return gateway


def fault(answer: Answer, status: int, code: str, path: str | None = None) -> str:
    """It is this refusal, about this field; what is said of it."""
    assert answer.status == status, answer.body
    assert answer.error["code"] == code
    faults = {one["path"]: one["message"] for one in answer.error.get("faults", [])}
    if path is None:
        return str(answer.error["message"])
    assert path in faults, faults
    return str(faults[path])


def model(key_id: str, **more: Any) -> dict[str, Any]:
    usual = {
        "display_name": "claude-prod",
        "provider": "anthropic",
        "model_name": "claude-opus-5-5",
    }
    return {**usual, "provider_key_id": key_id, **more}


def test_nobody_gets_in_without_an_admin_key(fresh: Running) -> None:
    for key in ("", "wrong", "sk-caller-of-the-tests"):
        answer = fresh.admin("GET", "models", key=key)
        assert "Bearer" in fault(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert send(fresh.admin_port, "GET", "/admin/v1/models").status == 401


def test_create_read_list_and_delete(fresh: Running) -> None:
    made = fresh.admin("POST", "provider_keys", KEY)
    assert made.status == 201
    assert made.headers["location"] == f"/admin/v1/provider_keys/{made.json['id']}"
    assert set(made.json) == {"id", "value", "revision", "created_at", "updated_at"}
    read = fresh.admin("GET", f"provider_keys/{made.json['id']}")
    assert read.json == made.json
    assert read.json["value"]["secret"] == "****cdef"
    assert fresh.admin("GET", "provider_keys").json["items"] == [made.json]
    gone = fresh.admin("DELETE", f"provider_keys/{made.json['id']}")
    assert gone.json == {"deleted": True, "id": made.json["id"]}
    fault(fresh.admin("GET", f"provider_keys/{made.json['id']}"), 404, "not_found")
    fault(fresh.admin("DELETE", f"provider_keys/{made.json['id']}"), 404, "not_found")


def test_every_fault_of_a_body_is_told_at_once_with_its_path(fresh: Running) -> None:
    bad = {"display_name": 3, "provider": "anthropic", "secrt": "x", "api_base": "ftp://x"}
    answer = fresh.admin("POST", "provider_keys", bad)
    assert 'did you mean "secret"' in fault(answer, 400, "invalid", "secrt")
    assert fault(answer, 400, "invalid", "display_name")
    assert fault(answer, 400, "invalid", "api_base")
    assert fault(answer, 400, "invalid", "secret")
    assert fresh.admin("GET", "provider_keys").json["total"] == 0


def test_an_adapter_no_mapping_speaks_is_refused(fresh: Running) -> None:
    answer = fresh.admin("POST", "provider_keys", {**KEY, "adapter": "nobody"})
    assert "anthropic" in fault(answer, 400, "invalid", "adapter")


def test_a_model_is_checked_against_the_tables(fresh: Running) -> None:
    key_id = fresh.create("provider_keys", KEY)
    options = {"default_max_tokns": 5}
    answer = fresh.admin("POST", "models", model(key_id, options=options))
    assert "default_max_tokens" in fault(answer, 400, "invalid", "options")
    answer = fresh.admin("POST", "models", model(key_id, traits=["no-samplig"]))
    assert "no-sampling" in fault(answer, 400, "invalid", "traits")
    several = model(key_id, options={"nope": 1, "nay": 2}, traits=["zz"])
    answer = fresh.admin("POST", "models", several)
    paths = [one["path"] for one in answer.json["error"]["faults"]]
    assert (answer.status, paths) == (400, ["options", "options", "traits"])
    assert (
        fresh.admin("POST", "models", model(key_id, options={"default_max_tokens": 5})).status
        == 201
    )


def test_a_model_needs_a_provider_key_that_exists(fresh: Running) -> None:
    answer = fresh.admin("POST", "models", model("nothing"))
    assert fault(answer, 400, "invalid", "provider_key_id")
    fresh.create("provider_keys", KEY)
    by_name = {k: v for k, v in model("").items() if k != "provider_key_id"} | {
        "provider_key": "prod"
    }
    assert fresh.admin("POST", "models", by_name).status == 201


def test_a_name_or_a_hash_that_is_taken_is_a_409(fresh: Running) -> None:
    key_id = fresh.create("provider_keys", KEY)
    assert fault(fresh.admin("POST", "provider_keys", KEY), 409, "conflict", "display_name")
    fresh.create("models", model(key_id))
    assert fault(fresh.admin("POST", "models", model(key_id)), 409, "conflict", "display_name")
    fresh.create("apikeys", {"key_hash": HASH, "allowed_models": []})
    again = fresh.admin("POST", "api_keys", {"key_hash": HASH, "allowed_models": []})
    assert fault(again, 409, "conflict", "key_hash")


def test_a_hash_that_is_none_says_how_to_make_one(fresh: Running) -> None:
    for bad in ("sk-plain-text", HASH.upper(), HASH[:-1]):
        answer = fresh.admin("POST", "apikeys", {"key_hash": bad, "allowed_models": []})
        assert "sha" in fault(answer, 400, "invalid", "key_hash").lower()
        assert bad not in answer.body.decode()


def test_a_key_can_be_made_for_the_caller_and_is_shown_once(
    fresh: Running, standin: Standin
) -> None:
    fresh.set_up(standin.url, {"claude-prod": {"model_name": "claude-opus-5-5"}})
    made = fresh.admin("POST", "api_keys", {"generate": True, "allowed_models": ["claude-*"]})
    key = made.json["key"]
    ask = {"model": "claude-prod", "messages": [{"role": "user", "content": "Hi"}]}
    assert fresh.call(ask, key=key).status == 200
    assert key not in fresh.admin("GET", f"api_keys/{made.json['id']}").body.decode()
    turned = fresh.admin("POST", f"apikeys/{made.json['id']}/rotate").json["key"]
    assert fresh.call(ask, key=key).status == 401
    assert fresh.call(ask, key=turned).status == 200


def test_a_put_can_be_run_twice_and_a_stale_revision_is_a_412(fresh: Running) -> None:
    first = fresh.admin("PUT", "provider_keys/mine", KEY)
    assert first.status == 201
    assert fresh.admin("PUT", "provider_keys/mine", KEY).status == 200
    headers = {"Authorization": "Bearer admin-key-of-the-tests", "If-Match": '"999999"'}
    path = "/admin/v1/provider_keys/mine"
    stale = send(fresh.admin_port, "PATCH", path, {"api_base": "http://x.example"}, headers)
    fault(stale, 412, "stale")
    del headers["If-Match"]
    headers["If-None-Match"] = "*"
    body = {**KEY, "api_base": "http://x.example"}
    fault(send(fresh.admin_port, "PUT", path, body, headers), 412, "stale")
    assert fresh.admin("GET", "provider_keys/mine").json["value"]["api_base"] != body["api_base"]
    other = {**KEY, "display_name": "other"}
    assert send(fresh.admin_port, "PUT", path + "-2", other, headers).status == 201


def test_what_is_still_referred_to_stays_unless_dependants_go_along(fresh: Running) -> None:
    key_id = fresh.create("provider_keys", KEY)
    model_id = fresh.create("models", model(key_id))
    fault(fresh.admin("DELETE", f"provider_keys/{key_id}"), 409, "conflict")
    gone = fresh.admin("DELETE", f"provider_keys/{key_id}?cascade=true").json
    assert gone["cascaded"] == [{"kind": "models", "id": model_id}]
    assert fresh.admin("GET", "models").json["total"] == 0


@pytest.mark.parametrize("raw", [b"{", b"[]", b"\xff", b"[" * 50_000, b""])
def test_a_body_that_is_no_object_is_a_400(fresh: Running, raw: bytes) -> None:
    fault(fresh.admin("POST", "models", raw), 400, "bad_json")


def test_lists_come_in_pages(fresh: Running) -> None:
    names = [f"key-{n}" for n in range(5)]
    for name in names:
        fresh.create("provider_keys", {**KEY, "display_name": name})
    seen, cursor = [], "0"
    while cursor is not None:
        page = fresh.admin("GET", f"provider_keys?limit=2&cursor={cursor}").json
        seen += [item["value"]["display_name"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert seen == names


def test_the_status_tells_of_tables_and_store_and_a_reload_keeps_serving(fresh: Running) -> None:
    status = fresh.admin("GET", "status").json
    assert status["store"]["writable"] is True
    assert "openai-chat/anthropic-messages" in status["mappings"]["names"]
    assert fresh.admin("POST", "mappings/reload").json["ok"] is True
    fault(fresh.admin("GET", "nothing"), 404, "not_found")


def test_another_worker_sees_a_write_before_it_is_answered(tmp_path: Any, standin: Standin) -> None:
    with Running(tmp_path / "two", workers=3) as gateway:
        gateway.set_up(standin.url, {"claude-prod": {"model_name": "claude-opus-5-5"}})
        ask = {"model": "claude-prod", "messages": [{"role": "user", "content": "Hi"}]}
        for number in range(10):
            key = f"sk-number-{number}"
            id = gateway.allow("claude-prod", key=key)
            assert {gateway.call(ask, key=key).status for _ in range(4)} == {200}
            assert gateway.admin("DELETE", f"apikeys/{id}").status == 200
            assert {gateway.call(ask, key=key).status for _ in range(4)} == {401}
