"""Gateways that know of each other: listed, waited for, told apart; names, audits, metrics."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from aisix.standin.server import Standin
from tests.cluster.servers import Etcd, Redis, b64
from tests.running import ROOT, Running, free_port, send, until
from tests.runtime.test_cluster import ASK, node

KEY = {"display_name": "k", "provider": "anthropic", "adapter": "anthropic", "secret": "sk-1"}


def nodes(gateway: Running) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in gateway.admin("GET", "nodes").json["items"]}


def status(gateway: Running) -> subprocess.CompletedProcess[str]:
    """`aisix status` with the gateway's own settings."""
    command = [sys.executable, "-m", "aisix", "status", "--config"]
    command.append(str(gateway.folder / "config.yaml"))
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_the_nodes_are_listed_with_what_they_differ_in(etcd: Etcd, tmp_path: Path) -> None:
    with ExitStack() as stack:
        a, b = (stack.enter_context(node(tmp_path, etcd, n, "/listed", 2)) for n in ("a", "b"))
        until(lambda: list(nodes(a)) == list(nodes(b)) == ["a", "b"])
        until(lambda: nodes(a)["b"]["state"] != "starting")
        one = nodes(a)["b"]
        assert one["proxy"] == f"http://127.0.0.1:{b.proxy_port}"
        assert one["admin"] == f"http://127.0.0.1:{b.admin_port}"
        assert one["state"] == "ready" and one["age_seconds"] < 60
        assert one["tables"] == b.admin("GET", "status").json["mappings"]["digest"]
        assert one["key_ids"] == nodes(b)["b"]["key_ids"] and len(one["key_ids"]) == 1
        assert not a.admin("GET", "nodes").json["differences"]
        told = status(a)
        assert told.returncode == 0, told.stdout + told.stderr
        assert [line.split()[:2] for line in told.stdout.split("\n")[:3]] == [
            ["node", "state"], ["a*", "ready"], ["b", "ready"],
        ]  # fmt: skip
        b.stop()
        until(lambda: list(nodes(a)) == ["a"])
        b.more["limits"] = {"max_steps": 123456789}
        b.start()
        until(lambda: a.admin("GET", "nodes").json["differences"])
        [difference] = a.admin("GET", "nodes").json["differences"]
        assert difference.startswith("2 settings digests on 2 nodes: ")
        assert difference in status(a).stdout
        assert not a.admin("GET", "nodes").json["warnings"], "not for five minutes yet"
        [info] = [name for name in a.metrics() if name.startswith("aisix_node_info")]
        assert 'node="a"' in info and f'tables="{nodes(a)["a"]["tables"]}"' in info
        assert not a.bugs and not b.bugs


def test_a_second_live_node_of_one_name_does_not_start(etcd: Etcd, tmp_path: Path) -> None:
    with node(tmp_path, etcd, "a", "/named") as first:
        until(lambda: nodes(first)["a"]["revision"] >= 0 and etcd.get("/x/named/nodes/a"))
        second = node(tmp_path / "other", etcd, "a", "/named")
        with pytest.raises(AssertionError, match="did not start"), second:
            pass
        assert "node_id: a live node is called a already" in second.log
        os.killpg(first.process.pid, signal.SIGKILL)
        first.process.wait()
        first.start()  # its own entry is there yet
        until(lambda: first.admin("GET", "status").json["store"]["connected"])
        assert first.admin("GET", "status").json["store"]["not_registered"] is None


def settings_told(gateway: Running) -> dict[str, str]:
    """The digest of a node's settings, by where it is told."""
    told = status(gateway)
    return {
        "entry": nodes(gateway)[gateway.more["node_id"]]["settings"],
        "status": gateway.admin("GET", "status").json["config"]["digest"],
        "metric": next(
            name.partition('settings="')[2].partition('"')[0]
            for name in gateway.metrics()
            if name.startswith("aisix_node_info{")
        ),
        "command": told.stdout.split("\n")[1].split()[4],
    }


def raw_entry(etcd: Etcd, key: str) -> dict[str, Any]:
    """As etcd tells it: `create_revision` stays as long as the key was never away."""
    [kv] = etcd.call("/v3/kv/range", {"key": b64(key)})["kvs"]
    return dict(kv)


def test_an_entry_follows_settings_that_change_and_is_never_away(
    etcd: Etcd, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        a, b = (stack.enter_context(node(tmp_path, etcd, n, "/changes")) for n in ("a", "b"))
        until(lambda: list(nodes(a)) == list(nodes(b)) == ["a", "b"])
        until(lambda: nodes(b)["a"]["state"] == "ready")
        before, born = settings_told(a), raw_entry(etcd, "/x/changes/nodes/a")["create_revision"]
        assert len({digest[:12] for digest in before.values()}) == 1
        a.more["limits"] = {"max_steps": 123456789}
        a.write_config()
        a.process.send_signal(signal.SIGHUP)
        until(lambda: nodes(b)["a"]["settings"] not in ("", before["entry"]))
        until(lambda: len({digest[:12] for digest in settings_told(a).values()}) == 1)
        after = settings_told(a)
        assert after["entry"] == nodes(b)["a"]["settings"] != before["entry"]
        assert b.admin("GET", "nodes").json["differences"]
        a.more["limits"] = {}
        a.write_config()
        a.process.send_signal(signal.SIGHUP)
        until(lambda: not b.admin("GET", "nodes").json["differences"])
        assert settings_told(a) == before
        assert raw_entry(etcd, "/x/changes/nodes/a")["create_revision"] == born
        assert a.admin("PUT", "provider_keys/k?wait=all&timeout_ms=20000", KEY).status == 201
        assert b.admin("GET", "provider_keys/k").status == 200
        assert not a.bugs and not b.bugs


def test_a_node_that_is_called_otherwise_leaves_no_entry_of_its_old_name(
    etcd: Etcd, tmp_path: Path
) -> None:
    with node(tmp_path, etcd, "a", "/renamed") as a:
        until(lambda: nodes(a)["a"]["state"] == "ready" and etcd.get("/x/renamed/nodes/a"))
        until(lambda: b"127.0.0.1" in (etcd.get("/x/renamed/nodes/a") or b""))
        lease = raw_entry(etcd, "/x/renamed/nodes/a")["lease"]
        a.more["node_id"] = "b"
        a.write_config()
        a.process.send_signal(signal.SIGHUP)

        def alone() -> bool:
            etcd.call("/v3/lease/keepalive", {"ID": lease})  # it does not run out: it is given back
            return list(nodes(a)) == ["b"]

        until(alone)
        assert not a.bugs


def test_a_program_that_takes_over_is_no_second_node_of_its_name(
    etcd: Etcd, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        a, b = (stack.enter_context(node(tmp_path, etcd, n, "/becomes")) for n in ("a", "b"))
        until(lambda: list(nodes(a)) == list(nodes(b)) == ["a", "b"])
        until(lambda: nodes(b)["a"]["state"] == "ready")
        born = raw_entry(etcd, "/x/becomes/nodes/a")
        began = nodes(b)["a"]["started_at"], a.worker_pids
        a.process.send_signal(signal.SIGUSR2)
        until(lambda: set(began[1]).isdisjoint(a.worker_pids) and len(a.worker_pids) == 2)
        until(lambda: raw_entry(etcd, "/x/becomes/nodes/a")["lease"] != born["lease"])
        assert a.process.poll() is None and "called a already" not in a.log
        until(lambda: a.admin("GET", "status").json["store"]["connected"])
        assert a.admin("GET", "status").json["store"]["not_registered"] is None
        assert list(nodes(b)) == ["a", "b"]
        assert raw_entry(etcd, "/x/becomes/nodes/a")["create_revision"] == born["create_revision"]
        made = b.admin("PUT", "provider_keys/k?wait=all&timeout_ms=20000", KEY)
        assert made.status == 201 and "x-aisix-behind" not in made.headers
        assert not a.bugs and not b.bugs


def test_a_write_waits_for_every_live_node_or_names_who_is_behind(
    etcd: Etcd, standin: Standin, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        a, b = (stack.enter_context(node(tmp_path, etcd, n, "/waits")) for n in ("a", "b"))
        until(lambda: list(nodes(a)) == list(nodes(b)) == ["a", "b"])
        for turn in range(20):
            made = a.admin(
                "PUT", "provider_keys/k?wait=all&timeout_ms=20000", {**KEY, "secret": f"sk-{turn}"}
            )
            assert made.status in (200, 201) and "x-aisix-behind" not in made.headers
            revision = made.headers["x-aisix-revision"]
            seen = b.admin("GET", f"provider_keys/k?min_revision={revision}")
            assert seen.json["revision"] == made.json["revision"]
        assert int(b.admin("GET", "status").headers["x-aisix-revision"]) >= int(revision)
        workers = {one["pid"] for one in b.admin("GET", "status").json["workers"]}
        [follower] = set(b.worker_pids) - workers
        os.kill(follower, signal.SIGSTOP)
        try:
            late = a.admin("DELETE", "provider_keys/k?wait=all&timeout_ms=100")
            assert (late.status, late.headers["x-aisix-behind"]) == (200, "b")
            newer = int(late.headers["x-aisix-revision"])
            told = b.admin("GET", f"provider_keys?min_revision={newer}")
            assert told.status == 412 and f"and not {newer} yet" in told.error["message"]
        finally:
            os.kill(follower, signal.SIGCONT)
        for wrong in ("wait=none", "timeout_ms=1", "wait=all&timeout_ms=x"):
            assert a.admin("PUT", f"provider_keys/k?{wrong}", KEY).status == 400
        assert a.admin("GET", "provider_keys/k").status == 404, "and nothing was written"
        assert a.metrics()["aisix_config_write_seconds_count"] >= 21


def test_a_clock_that_is_wrong_is_told_by_every_node(etcd: Etcd, tmp_path: Path) -> None:
    with ExitStack() as stack:
        a, late = (node(tmp_path, etcd, n, "/clocks") for n in ("a", "late"))
        late.program = ("tests.late_clock",)
        for one in (a, late):
            stack.enter_context(one)
        until(lambda: nodes(a).get("late", {}).get("clock_offset_seconds"))
        [told] = a.admin("GET", "nodes").json["warnings"]
        assert told.startswith("late: its clock is ") and "s behind etcd's" in told
        off = nodes(a)["late"]["clock_offset_seconds"]
        assert -6 < off < -2
        assert nodes(a)["a"]["clock_offset_seconds"] == 0
        assert f"trouble: {told}" in status(a).stdout
        assert late.metrics()["aisix_clock_offset_seconds"] < -2
        assert late.log.count("its clock is") == 1 and "its clock is" not in a.log


def test_a_node_that_never_reached_etcd_is_none_that_is_ready(etcd: Etcd, tmp_path: Path) -> None:
    a = node(tmp_path, etcd, "a", "/never")
    a.more["etcd"]["endpoints"] = [f"http://127.0.0.1:{free_port()}"]
    with a:
        [one] = nodes(a).values()
        assert (one["state"], one["age_seconds"]) == ("starting", None)
        assert send(a.proxy_port, "GET", "/readyz").status == 503
        told = status(a)
        assert told.returncode == 1 and "a*  " in told.stdout and "starting" in told.stdout


def test_audits_say_which_node_and_who_wrote_past_us(etcd: Etcd, tmp_path: Path) -> None:
    with ExitStack() as stack:
        a, b = (stack.enter_context(node(tmp_path, etcd, n, "/audited")) for n in ("a", "b"))
        until(lambda: list(nodes(a)) == list(nodes(b)) == ["a", "b"])
        assert a.admin("PUT", "provider_keys/k?wait=all", KEY).status == 201
        revision = etcd.put("/audited/models/m", b'{"display_name": "m"}')
        for gateway, name in ((a, "a"), (b, "b")):
            until(lambda g=gateway: any(one.get("by") == "etcd" for one in g.audits))  # type: ignore[misc]
            [told] = [one for one in gateway.audits if one.get("by") == "etcd"]
            assert (told["node"], told["revision"]) == (name, revision)
            assert (told["action"], told["kind"], told["id"]) == ("create", "models", "m")
        assert [one["node"] for one in a.audits if "admin_key" in one] == ["a"]
        assert not [one for one in b.audits if "admin_key" in one]


def test_the_share_of_limits_is_by_live_nodes(etcd: Etcd, standin: Standin, tmp_path: Path) -> None:
    """Without Redis each of two nodes lets half of a limit through, without being told how many."""
    with ExitStack() as stack:
        a, b = (node(tmp_path, etcd, n, "/shares") for n in ("a", "b"))
        for one in (a, b):
            away = {"mode": "single", "url": "redis://127.0.0.1:1"}
            one.more["ratelimit"] = {"backend": "redis", "redis": away}
            stack.enter_context(one)
        until(lambda: list(nodes(a)) == list(nodes(b)) == ["a", "b"])
        a.set_up(standin.url, {"m": {"model_name": "claude-opus-5-5"}})
        a.allow("m", rate_limit={"rpm": 6})
        until(
            lambda: all(g.admin("GET", "status").json["limits"]["share"] == "1/2" for g in (a, b))
        )
        until(lambda: b.admin("GET", "apikeys").json["total"] == 1)
        answers = {g.folder.name: [g.call(ASK).status for _ in range(5)] for g in (a, b)}
        assert answers == {name: [200, 200, 200, 429, 429] for name in "ab"}


def test_who_leaves_an_outage_of_redis_leaves_the_others_more(
    etcd: Etcd, standin: Standin, tmp_path: Path
) -> None:
    """A third each of three nodes, and half each of two: in the same window, and without a word."""
    with ExitStack() as stack:
        redis = stack.enter_context(Redis(tmp_path))
        a, b, c = three = [node(tmp_path, etcd, n, "/leaves") for n in ("a", "b", "c")]
        for one in three:
            one.more["ratelimit"] = {"backend": "redis", "redis": {"url": redis.url}}
            stack.enter_context(one)
        until(lambda: all(list(nodes(one)) == ["a", "b", "c"] for one in three))
        a.set_up(standin.url, {"m": {"model_name": "claude-opus-5-5"}})
        a.allow("m", rate_limit={"rpd": 12})
        until(lambda: all(g.admin("GET", "apikeys").json["total"] == 1 for g in three))

        def limits(gateway: Running) -> tuple[bool, str]:
            told = gateway.admin("GET", "status").json["limits"]
            return told["up"], told["share"]

        redis.kill()
        until(lambda: all(limits(one) == (False, "1/3") for one in three))
        assert [one.call(ASK).status for one in three for _ in range(5)] == ([200] * 4 + [429]) * 3
        c.stop()
        until(lambda: limits(a) == limits(b) == (False, "1/2"))
        assert [a.call(ASK).status for _ in range(3)] == [200, 200, 429]
