"""Gateways over one etcd: what one writes the other serves, and an etcd that is away stops nobody."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from aisix.cli.main import main
from aisix.standin.server import Standin
from tests.cluster.servers import PASSWORD, USER, Etcd, after, b64
from tests.running import ROOT, Running, chunks, send, until
from tests.store.etcd.following import KEY

ALL = {"generate": True, "allowed_models": ["*"]}
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
OTHER_KEY = "b3RoZXJrZXlvdGhlcmtleW90aGVya2V5b3RoZXJrZXk="


def node(folder: Path, etcd: Etcd, name: str, prefix: str, workers: int = 1) -> Running:
    more: dict[str, Any] = {
        "etcd": {"endpoints": etcd.endpoints, "prefix": prefix},
        "encryption_key": KEY,
        "node_id": name,
        "upstream": {"retries": 0},
    }
    return Running(folder / name, more, workers=workers)


def store_of(gateway: Running) -> dict[str, Any]:
    return dict(gateway.admin("GET", "status").json["store"])


def test_what_one_node_writes_the_others_serve(
    etcd: Etcd, standin: Standin, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        a, b = (stack.enter_context(node(tmp_path, etcd, n, "/two", 2)) for n in ("a", "b"))
        a.set_up(standin.url, {"m": {"model_name": "claude-opus-5-5"}})
        a.allow("m")
        assert a.call(ASK).status == 200
        until(lambda: b.call(ASK).status == 200)
        key = a.admin("GET", "provider_keys").json["items"][0]
        seen = b.admin("GET", f"provider_keys/{key['id']}")
        assert seen.json == key and seen.headers["etag"] == f'"{key["revision"]}"'
        stored = b"".join(etcd.all("/two/").values())
        assert b"sealed:" in stored and b"sk-" not in stored
        etcd.put("/two/models/bad", b'{"display_name": 7, "model_name": "SECRET"}')
        until(lambda: store_of(b)["quarantined"])
        [bad] = store_of(b)["quarantined"]
        assert (bad["kind"], bad["id"]) == ("models", "bad") and "display_name: must be" in bad[
            "why"
        ]
        assert "SECRET" not in str(bad)
        assert a.call(ASK).status == 200
        etcd.delete("/two/models/bad")
        until(lambda: not store_of(b)["quarantined"])


def test_an_etcd_that_is_away_stops_no_caller_and_no_start(
    standin: Standin, tmp_path: Path
) -> None:
    with Etcd(tmp_path) as etcd, node(tmp_path, etcd, "a", "/aisix") as gateway:
        gateway.set_up(standin.url, {"m": {"model_name": "claude-opus-5-5"}})
        gateway.allow("m")
        etcd.members[0].kill()
        until(lambda: store_of(gateway)["connected"] is False)
        assert gateway.call(ASK).status == 200
        until(lambda: "what was read at" in (store_of(gateway)["trouble"] or ""))
        refused = gateway.admin("POST", "apikeys", {"generate": True, "allowed_models": ["m"]})
        assert refused.status == 503 and "nothing was written" in refused.error["message"]
        gateway.stop()
        gateway.start()
        assert gateway.call(ASK).status == 200, "from the copy on disk"
        assert store_of(gateway)["age_seconds"] > 0
        etcd.members[0].start()
        until(lambda: store_of(gateway)["connected"])
        assert (
            gateway.admin("POST", "apikeys", {"generate": True, "allowed_models": ["m"]}).status
            == 201
        )
        assert gateway.metrics()["aisix_config_age_seconds"] < 60


def test_an_etcd_that_lost_all_is_told_and_taken_over_by_one_command(
    standin: Standin, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Etcd(tmp_path) as etcd, node(tmp_path, etcd, "a", "/aisix") as gateway:
        config = ["--config", str(tmp_path / "a" / "config.yaml")]
        gateway.set_up(standin.url, {"m": {"model_name": "claude-opus-5-5"}})
        gateway.allow("m")
        assert main(["store", "accept", *config]) == 1
        assert "refuses no emptied etcd" in capsys.readouterr().err
        [member] = etcd.members
        member.kill()
        shutil.rmtree(member.folder / "data")
        member.start()
        until(lambda: store_of(gateway)["refused"])
        since = store_of(gateway)["refused"]["since"]
        assert gateway.call(ASK).status == 200
        refused = gateway.admin("POST", "apikeys", {"generate": True, "allowed_models": ["m"]})
        assert refused.status == 503 and "aisix store accept" in refused.error["message"]
        assert main(["status", *config]) == 1
        assert f"takes the empty one over, since {since}" in capsys.readouterr().out
        gateway.stop()
        gateway.start()
        until(lambda: store_of(gateway)["refused"])
        assert store_of(gateway)["refused"]["since"] == since
        assert gateway.call(ASK).status == 200
        assert main(["store", "accept", *config]) == 0
        assert "is taken over: 3 resources serve no more" in capsys.readouterr().out
        until(lambda: gateway.call(ASK).status == 401)
        until(lambda: store_of(gateway)["trouble"] is None)
        gateway.set_up(standin.url, {"m": {"model_name": "claude-opus-5-5"}})


def test_only_workers_hold_the_sockets_that_are_called(etcd: Etcd, tmp_path: Path) -> None:
    """With the last of them gone a caller is refused, and a balancer asks another node."""

    def held(pid: int) -> set[str]:
        links = []
        for one in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed since it was listed
                links.append(os.readlink(one))
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return {where for where, state, inode in ((w[1], w[3], w[9]) for w in lines)
                if state == "0A" and f"socket:[{inode}]" in links}  # fmt: skip

    with node(tmp_path, etcd, "a", "/sockets", workers=2) as gateway:
        workers = {one["pid"] for one in gateway.admin("GET", "status").json["workers"]}
        assert all(len(held(pid)) == 3 for pid in workers)
        until(lambda: set(gateway.worker_pids) - workers)
        [follower] = set(gateway.worker_pids) - workers
        until(lambda: not held(follower), "the follower of etcd keeps callers waiting")


def test_a_gateway_with_the_right_to_read_documents_alone_starts_serves_and_says_what_it_lacks(
    standin: Standin,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A wrong password is told as that, and no reason not to start."""
    with Etcd(tmp_path, auth=True) as etcd, ExitStack() as stack:

        def as_user(name: str, user: str, password: str) -> Running:
            made = node(tmp_path, etcd, name, "/aisix")
            made.more["etcd"] |= {"user": user, "password_env": "ETCD_WORD"}
            made.env["ETCD_WORD"] = password
            return made

        for path, body in (
            ("user/add", {"name": "narrow", "password": PASSWORD}),
            ("role/add", {"name": "narrow"}),
            ("user/grant", {"user": "narrow", "role": "narrow"}),
            ("role/grant", {"name": "narrow", "perm": {
                "permType": 0, "key": b64("/aisix/"), "range_end": b64(after("/aisix/"))}}),
        ):  # fmt: skip
            etcd.call(f"/v3/auth/{path}", body)
        full = stack.enter_context(as_user("full", USER, PASSWORD))
        full.set_up(standin.url, {"m": {"model_name": "claude-opus-5-5"}})
        full.allow("m")
        narrow = stack.enter_context(as_user("narrow", "narrow", PASSWORD))
        until(lambda: narrow.call(ASK).status == 200)
        needed = "the role of user narrow (etcd.user) needs READ on /x/aisix/*"
        assert needed in store_of(narrow)["not_registered"] and needed in narrow.log
        refused = narrow.admin("POST", "apikeys", {"generate": True, "allowed_models": ["m"]})
        assert refused.status == 409 and needed in refused.error["message"]
        config = ["--config", str(tmp_path / "narrow" / "config.yaml")]
        monkeypatch.setenv("ETCD_WORD", PASSWORD)
        assert main(["status", *config]) == 1
        assert needed in capsys.readouterr().out
        wrong = stack.enter_context(as_user("wrong", USER, "another-word"))
        until(lambda: "authentication failed" in (store_of(wrong)["trouble"] or ""))
        assert send(wrong.proxy_port, "GET", "/readyz").status == 503
        assert "another-word" not in wrong.log + wrong.admin("GET", "status").body.decode()


def test_a_follower_that_dies_is_started_again(etcd: Etcd, tmp_path: Path) -> None:
    with node(tmp_path, etcd, "a", "/dies") as gateway:
        until(lambda: store_of(gateway)["connected"])

        def children() -> set[int]:
            parent = gateway.process.pid
            told = Path(f"/proc/{parent}/task/{parent}/children").read_text()
            return {int(pid) for pid in told.split()}

        workers = {one["pid"] for one in gateway.admin("GET", "status").json["workers"]}
        [follower] = children() - workers
        os.kill(follower, signal.SIGKILL)
        until(lambda: children() - workers - {follower})
        etcd.put("/dies/api_keys/x", b"{}")
        until(lambda: store_of(gateway)["quarantined"])


def test_a_node_with_another_key_does_not_start(etcd: Etcd, tmp_path: Path) -> None:
    with node(tmp_path, etcd, "a", "/keys"):
        other = node(tmp_path, etcd, "b", "/keys")
        other.more["encryption_key"] = OTHER_KEY
        try:
            with other:
                raise AssertionError("it started")
        except AssertionError:
            told = (tmp_path / "b" / "err.log").read_text()
        assert "secrets are encrypted with the key" in told and "which is not here" in told


def test_without_etcd_nothing_of_it_is_loaded(tmp_path: Path) -> None:
    code = (
        "import sys; from aisix.config.settings import load_settings;"
        "import aisix.runtime.service; from aisix.runtime.resources import store_of;"
        f"store_of(load_settings(None, {{'AISIX_DATA_DIR': {str(tmp_path)!r}}})).close();"
        "print([name for name in sys.modules if 'etcd' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_a_drain_ends_within_its_bound_while_etcd_hangs(standin: Standin, tmp_path: Path) -> None:
    """A stream is finished; an admin's write that waits for etcd is given up with the drain."""
    with Etcd(tmp_path) as etcd, node(tmp_path, etcd, "a", "/aisix") as gateway:
        gateway.more["shutdown"] = {"min_drain_secs": 0, "max_drain_secs": 3}
        gateway.restart()
        gateway.set_up(standin.url, {"claude-prod": {"model_name": "claude-opus-5-5"}})
        gateway.allow("claude-prod")
        with ThreadPoolExecutor(1) as pool:
            with gateway.streaming("standin:slow-40 standin:long-60") as stream:
                etcd.members[0].stop()
                write = pool.submit(gateway.admin, "POST", "apikeys", ALL)
                of_admins = 'aisix_connections{listener="admin"}'
                until(lambda: gateway.metrics()[of_admins] == 1)
                gateway.process.send_signal(signal.SIGTERM)
                assert list(chunks(stream.read()))[-1] == "[DONE]"
            assert gateway.process.wait(40) == 0
            with contextlib.suppress(OSError, http.client.HTTPException):
                assert write.result(20).status == 503
        assert "does not end" not in gateway.log and not gateway.bugs
