"""What an operator must be able to rely on: every worker, every write, no secret anywhere."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aisix.standin.server import Standin
from aisix.store import writes
from aisix.store.opening import open_store
from tests.running import ADMIN_KEY, ROOT, Answer, Running, send, until

SECRET = "sk-ant-the-secret-of-the-provider"
WORKERS = 3
LOOKS = 6  # at least one of them meets another worker than the write did


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory, standin: Standin) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("several"), workers=WORKERS) as gateway:
        gateway.set_up(standin.url, {"base": {"model_name": "claude-opus-5-5"}})
        yield gateway
        assert not gateway.bugs


def looks(gateway: Running, alias: str, key: str) -> set[tuple[int, str]]:
    """(status, code) of several calls, each on a connection of its own."""
    body = {"model": alias, "messages": [{"role": "user", "content": "Hi"}]}
    found = set()
    for _ in range(LOOKS):
        answer = gateway.call(body, key=key)
        found.add((answer.status, answer.error["code"] if answer.status >= 400 else ""))
    return found


OK = {(200, "")}


# ---------------------------------------------------------------- read your write
def test_every_kind_of_change_is_in_effect_everywhere_when_it_is_answered(several: Running) -> None:
    gateway = several
    made = gateway.admin("POST", "apikeys", {"generate": True, "allowed_models": ["base"]}).json
    key, path = made["key"], f"apikeys/{made['id']}"
    assert looks(gateway, "base", key) == OK
    gateway.admin("PATCH", path, {"disabled": True})
    assert looks(gateway, "base", key) == {(401, "disabled_api_key")}
    gateway.admin("PATCH", path, {"disabled": None})
    assert looks(gateway, "base", key) == OK
    gateway.admin("PATCH", path, {"allowed_models": []})
    assert looks(gateway, "base", key) == {(403, "model_not_allowed")}
    gateway.admin("PATCH", path, {"allowed_models": ["b*e", "later"]})
    assert looks(gateway, "base", key) == OK
    assert looks(gateway, "later", key) == {(404, "model_not_found")}
    provider = gateway.admin("GET", "provider_keys").json["items"][0]["id"]
    model = {"provider": "anthropic", "model_name": "claude-opus-5-5", "provider_key_id": provider}
    gateway.create("models", {"display_name": "later", **model})
    assert looks(gateway, "later", key) == OK
    turned = gateway.admin("POST", f"{path}/rotate").json["key"]
    assert looks(gateway, "base", key) == {(401, "invalid_api_key")}
    assert looks(gateway, "base", turned) == OK
    soon = int(time.time()) + 2
    gateway.admin("PATCH", path, {"expires_at": soon})
    until(lambda: time.time() > soon)
    assert looks(gateway, "base", turned) == {(401, "expired_api_key")}
    gateway.admin("DELETE", path)
    assert looks(gateway, "base", turned) == {(401, "invalid_api_key")}


def test_wildcards_exact_beats_pattern_and_the_longest_literal_wins(
    several: Running, standin: Standin
) -> None:
    gateway = several
    provider = gateway.admin("GET", "provider_keys").json["items"][0]["id"]
    for alias, model in (
        ("claude-*", "claude-*"),
        ("claude-opus-*", "claude-opus-*"),
        ("claude-opus-4-6", "claude-sonnet-4-6"),
        ("eu/*", "claude-*-4-6"),
    ):
        row = {"display_name": alias, "provider": "anthropic", "model_name": model}
        gateway.create("models", {**row, "provider_key_id": provider})
    key = gateway.admin(
        "POST", "apikeys", {"generate": True, "allowed_models": ["claude-*", "eu/sonnet"]}
    ).json["key"]

    def upstream(alias: str) -> str:
        assert looks(gateway, alias, key) == OK
        return str(standin.received[-1].body["model"])

    assert upstream("claude-haiku-4-5") == "claude-haiku-4-5"
    assert upstream("claude-opus-5-5") == "claude-opus-5-5"
    assert upstream("claude-opus-4-6") == "claude-sonnet-4-6"
    assert upstream("eu/sonnet") == "claude-sonnet-4-6"
    # By the name alone: what may not be used is not told apart from what does not exist.
    assert looks(gateway, "eu/opus", key) == {(403, "model_not_allowed")}
    assert looks(gateway, "nothing-at-all", key) == {(403, "model_not_allowed")}
    refused = gateway.admin("POST", "models", {"display_name": "a*b*c", "provider": "anthropic",
                            "model_name": "claude-opus-5-5", "provider_key_id": provider})  # fmt: skip
    assert "display_name" in {fault["path"] for fault in refused.error["faults"]}


def test_an_admin_key_may_come_as_bearer_or_header_and_nothing_else_opens(several: Running) -> None:
    def status(**headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return send(several.admin_port, "GET", "/admin/v1/status", None, named).status

    assert status(Authorization=f"Bearer {ADMIN_KEY}") == 200
    assert status(Authorization=f"bearer  {ADMIN_KEY}") == 200
    assert status(X_Api_Key=ADMIN_KEY) == 200
    for wrong in (ADMIN_KEY[:-1], ADMIN_KEY + "x", "", ADMIN_KEY.upper(), "\xff"):
        assert status(Authorization=f"Bearer {wrong}") == 401
        assert status(X_Api_Key=wrong) == 401
    assert status(Authorization=f"Basic {ADMIN_KEY}") == 401
    assert status(Authorization="Bearer x", X_Api_Key=ADMIN_KEY) == 401
    assert status() == 401


# ---------------------------------------------------------------- racing
def test_racing_writers_in_all_workers_and_another_process_lose_nothing(
    several: Running, tmp_path: Path
) -> None:
    """Counters raised with If-Match, by clients and by a process that writes beside the gateway."""
    gateway, rounds, lanes = several, 12, 4
    id = gateway.create("provider_keys", {"display_name": "counter", "provider": "anthropic",
                        "secret": SECRET, "headers": {"x-count": "0"}})  # fmt: skip
    path = f"/admin/v1/provider_keys/{id}"
    stale: list[int] = []

    def raise_it() -> None:
        for _ in range(rounds):
            while True:
                read = gateway.admin("GET", f"provider_keys/{id}")
                count = int(read.json["value"]["headers"]["x-count"]) + 1
                sent = {"Authorization": f"Bearer {ADMIN_KEY}", "If-Match": read.headers["etag"]}
                body = {"headers": {"x-count": str(count)}}
                answer = send(gateway.admin_port, "PATCH", path, body, sent)
                assert answer.status in (200, 412), answer.body
                if answer.status == 200:
                    break
                stale.append(answer.status)

    beside = subprocess.Popen(
        [sys.executable, "-c", BESIDE, str(gateway.folder / "data"), id, str(rounds)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    threads = [threading.Thread(target=raise_it) for _ in range(lanes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    _, said = beside.communicate(timeout=60)
    assert beside.returncode == 0, said
    for _ in range(LOOKS):
        read = gateway.admin("GET", f"provider_keys/{id}").json
        assert read["value"]["headers"]["x-count"] == str(rounds * (lanes + 1))
    assert stale  # they did meet


BESIDE = """
import sys, time
from aisix.store import writes
from aisix.store.opening import open_store
from aisix.store.base import ChangeRefused
store = open_store(sys.argv[1])
for _ in range(int(sys.argv[3])):
    while True:
        entry = store.current().entry("provider_keys", sys.argv[2])
        count = int(entry.document["headers"]["x-count"]) + 1
        try:
            writes.merge(store, "provider_keys", sys.argv[2], {"headers": {"x-count": str(count)}},
                         now=time.time(), if_match=f'"{entry.revision}"')
            break
        except ChangeRefused as refused:
            assert refused.kind == "stale", refused
"""


def test_of_many_who_create_the_same_name_one_wins(several: Running) -> None:
    answers: list[Answer] = []

    def create(number: int) -> None:
        body = {"display_name": "only-one", "provider": "anthropic", "secret": SECRET}
        path = f"provider_keys/racer-{number}"
        answers.append(several.admin("PUT", path, body))

    threads = [threading.Thread(target=create, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    found = several.admin("GET", "provider_keys?display_name=only-one").json
    assert found["total"] == 1


# ---------------------------------------------------------------- audit
def test_every_write_is_audited_by_who_what_and_which_fields(several: Running) -> None:
    before = len(several.audits)
    body = {"display_name": "audited", "provider": "anthropic", "secret": SECRET}
    made = several.admin("PUT", "provider_keys/audited", body).json
    several.admin(
        "PATCH", "provider_keys/audited", {"secret": SECRET + "-2", "api_base": "http://h"}
    )
    several.admin("PATCH", "provider_keys/audited", {"api_base": "http://h"})
    caller = several.admin("POST", "apikeys", {"generate": True, "allowed_models": []}).json
    several.admin("POST", f"apikeys/{caller['id']}/rotate")
    several.admin("PATCH", "provider_keys/audited", {"nope": 1})
    several.admin("DELETE", "provider_keys/audited")
    several.admin("DELETE", f"apikeys/{caller['id']}")
    told = several.audits[before:]
    who = hashlib.sha256(ADMIN_KEY.encode()).hexdigest()[:8]
    assert {one["admin_key"] for one in told} == {who}
    assert {one["remote"] for one in told} == {"127.0.0.1"}
    assert [(one["action"], one["kind"], one["id"], one["changed"]) for one in told] == [
        ("replace", "provider_keys", "audited", ["display_name", "provider", "secret"]),
        ("merge", "provider_keys", "audited", ["api_base", "secret"]),
        ("merge", "provider_keys", "audited", []),
        ("create", "apikeys", caller["id"], ["allowed_models", "key_hash"]),
        ("rotate", "apikeys", caller["id"], ["key_hash"]),
        ("delete", "provider_keys", "audited", []),
        ("delete", "apikeys", caller["id"], []),
    ]
    assert told[0]["revision"] == made["revision"]
    assert all(one["at"].endswith("Z") for one in told)
    assert SECRET not in several.log


# ---------------------------------------------------------------- secrets
def test_no_secret_is_in_any_answer_log_or_file(tmp_path: Path, standin: Standin) -> None:
    hidden = "Xq7-hidden-Zk9-credential-Wv3"  # not of a form the log would mask
    answers: list[bytes] = []
    with Running(tmp_path / "gateway", workers=2) as gateway:

        def ask(method: str, path: str, body: Any = None, **headers: str) -> Answer:
            sent = {"Authorization": f"Bearer {ADMIN_KEY}", **headers}
            answer = send(gateway.admin_port, method, f"/admin/v1/{path}", body, sent)
            answers.append(answer.body + repr(answer.headers).encode())
            return answer

        header = {"x-team": "search", "x-gate-token": hidden + "-in-a-header"}
        good = {"display_name": "a", "provider": "anthropic", "secret": hidden, "headers": header}
        assert ask("PUT", "provider_keys/a", {**good, "api_base": standin.url}).status == 201
        assert ask("PUT", "provider_keys/a", {**good, "secret": hidden + "2"}).status == 200
        assert (
            ask("PATCH", "provider_keys/a", {"api_key": hidden, "api_base": standin.url}).status
            == 200
        )
        assert (
            ask("PUT", "provider_keys/a", ask("GET", "provider_keys/a").json["value"]).status == 200
        )
        # In the wrong place, of the wrong kind, or broken: the refusal does not repeat it.
        for wrong in (
            {**good, "secret": hidden + "\n"}, {**good, "secret": [hidden]}, {**good, "secret": {"k": hidden}},
            {**good, "api_key": hidden}, {**good, "secrt": hidden}, {**good, "provider": hidden},
            {**good, "adapter": hidden + "!"}, {**good, "api_base": f"https://u:{hidden}@h"},
            {**good, "api_base": hidden}, {**good, "headers": {"x-a": hidden + "\n"}},
            {**good, "headers": {"Authorization": hidden}}, {**good, "headers": {"x-api-key": hidden}},
            {**good, "api_base": f"https://h/{hidden}?key={hidden}"}, {**good, "anthropic_version": hidden + " "},
            {**good, "tls": {"ca_file": hidden}}, {**good, "tls": hidden}, {**good, "headers": hidden},
        ):  # fmt: skip
            assert ask("POST", "provider_keys", wrong).status == 400, wrong
        for raw in (f'{{"secret": "{hidden}"', f'{{"secret": {hidden}}}', f'"{hidden}"'):
            assert ask("POST", "provider_keys", raw.encode()).status == 400
        assert (
            ask("POST", "apikeys", {"key_hash": hidden, "allowed_models": [hidden + "**"]}).status
            == 400
        )
        assert (
            ask("POST", "models", {"provider_key": hidden, "provider_key_id": hidden}).status == 400
        )
        assert ask("GET", "status", None, Authorization=f"Bearer {hidden}").status == 401
        caller = ask(
            "POST", "apikeys", {"generate": True, "allowed_models": ["*"], "display_name": "c"}
        ).json
        answers.pop()  # the one answer that shows it
        key = caller["key"]
        assert (
            ask(
                "POST",
                "models",
                {
                    "display_name": "m",
                    "provider": "anthropic",
                    "model_name": "claude-opus-5-5",
                    "provider_key": "a",
                },
            ).status
            == 201
        )
        for method in ("GET", "HEAD"):
            for kind in (
                "provider_keys",
                "models",
                "apikeys",
                "status",
                "provider_keys/a",
                f"apikeys/{caller['id']}",
            ):
                ask(method, kind)
        body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
        for given in (key, hidden):
            called = gateway.call(body, key=given)
            answers.append(called.body + repr(called.headers).encode())
        assert gateway.call(body, key=key).status == 200
        assert standin.received[-1].headers["x-api-key"] == hidden
        assert standin.received[-1].headers["x-gate-token"] == hidden + "-in-a-header"
        ask("PATCH", "provider_keys/a", {"api_base": "http://127.0.0.1:9"})
        called = gateway.call(body, key=key)
        answers.append(called.body)
        assert called.status == 502
        gateway.restart()
        ask("DELETE", "provider_keys/a?cascade=true")
        said = gateway.log + (tmp_path / "gateway" / "out.log").read_text()
    for word in (hidden, hidden[:-1], key, key.removeprefix("sk-aisix-")):
        for answer in answers:
            assert word.encode() not in answer, answer
        assert word not in said
        for file in (tmp_path / "gateway" / "data").iterdir():
            assert word.encode() not in file.read_bytes(), file
    assert ADMIN_KEY not in said


def test_a_deleted_secret_is_gone_from_the_database_even_in_its_sealed_form(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    body = {"display_name": "a", "provider": "p", "secret": SECRET}
    writes.create(store, "provider_keys", body, now=1.0, new_id="a")
    row = store._reader.execute("SELECT secret FROM resources").fetchone()  # type: ignore[attr-defined]
    writes.delete(store, "provider_keys", "a")
    store.close()  # the last one to close empties the write-ahead log
    assert row[0] not in (tmp_path / "aisix.db").read_bytes()
