"""The tables of three gateways, each with a folder of its own: all of them, or none, or undone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from aisix.cli.mappings.rollout import CanaryReport
from aisix.standin.server import Standin
from tests.cluster.servers import Etcd
from tests.running import ADMIN_KEY, ROOT, Running, until
from tests.runtime.test_cluster import node

QUICKLY = ("tests.quick_checks",)
MODEL = {"claude-prod": {"model_name": "claude-opus-5-5"}}
TABLES = Path("openai-chat/anthropic-messages")


class Nodes:
    """Three gateways and the command line beside them."""

    def __init__(self, gateways: list[Running]) -> None:
        self.gateways = gateways

    @property
    def urls(self) -> list[str]:
        return [f"http://127.0.0.1:{one.admin_port}" for one in self.gateways]

    def write(self, reason: str, *numbers: int) -> None:
        for number in numbers or range(3):
            folder = self.gateways[number].folder.parent / f"site-{number}" / TABLES
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "values.toml").write_text(f'[stop_reason]\nend_turn = "{reason}"\n')

    def start(self, *words: str) -> subprocess.Popen[str]:
        env = {k: v for k, v in os.environ.items() if not k.startswith("AISIX_")}
        return subprocess.Popen(
            [sys.executable, "-m", "aisix", "mappings", *words, "--nodes", ",".join(self.urls)],
            cwd=ROOT, env={**env, "AISIX_ADMIN_KEY": ADMIN_KEY}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *words: str) -> SimpleNamespace:
        process = self.start(*words)
        out, err = process.communicate(timeout=240)
        return SimpleNamespace(code=process.returncode, out=out, err=err)

    @property
    def digests(self) -> list[str]:
        return [g.admin("GET", "status").json["mappings"]["digest"] for g in self.gateways]


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    folder = tmp_path_factory.mktemp("rollout")
    with ExitStack() as stack:
        upstream = Standin().start()
        stack.callback(upstream.stop)
        gateways = []
        for number in range(3):
            site = folder / f"site-{number}"
            site.mkdir()
            one = Running(folder / f"node-{number}", {"mappings": [str(site)]}, program=QUICKLY)
            gateways.append(stack.enter_context(one))
            one.set_up(upstream.url, MODEL)
            one.allow("claude-prod")
        yield Nodes(gateways)
        assert not [bug for one in gateways for bug in one.bugs]


def test_all_switch_one_after_the_other_and_one_command_brings_all_back(three: Nodes) -> None:
    before = three.digests
    assert len(set(before)) == 1
    three.write("length")
    dry = three.run("rollout", "--dry-run")
    assert (dry.code, three.digests) == (0, before)
    assert "can serve on every node" in dry.out
    done = three.run("rollout", "--pause", "0", "--canary", three.urls[1])
    assert done.code == 0, done.err
    (digest,) = set(three.digests)
    assert digest != before[0]
    lines = done.out.splitlines()
    assert [line.split(": ")[0] for line in lines[:3]] == [three.urls[n] for n in (1, 0, 2)]
    assert lines[-1] == f"{digest} serves on every node"
    again = three.run("rollout", "--json")
    told = json.loads(again.out)
    assert (again.code, told["ok"], told["digest"]) == (0, True, digest)
    assert not any(node["switched"] for node in told["nodes"])

    back = three.run("rollback", "--from", digest)
    assert (back.code, three.digests) == (0, before)
    assert back.out.count(f"{digest} -> {before[0]}") == 3
    once_more = three.run("rollback", "--json")
    assert once_more.code == 0
    assert [node["digest"] for node in json.loads(once_more.out)["nodes"]] == before
    held = three.run("rollout", "--pause", "0")
    assert held.code == 0
    assert held.out.count("was rolled back from") == 3
    assert three.run("rollback").code == 0


def test_a_fault_or_another_table_anywhere_and_nothing_switches(three: Nodes) -> None:
    before = three.digests
    three.write("content_filter")
    file = three.gateways[2].folder.parent / "site-2" / TABLES / "request.toml"
    file.write_text("[field.x\n")
    refused = three.run("rollout", "--json")
    told = json.loads(refused.out)
    assert (refused.code, told["ok"], three.digests) == (1, False, before)
    assert "nothing has switched" in told["message"]
    assert [bool(node["faults"]) for node in told["nodes"]] == [False, False, True]
    assert f"site-2/{TABLES}/request.toml" in told["nodes"][2]["faults"][0]
    plain = three.run("rollout")
    assert (plain.code, plain.out) == (1, "")
    assert plain.err.startswith(f"{three.urls[2]}: site-2/{TABLES}/request.toml")
    file.unlink()
    three.write("length", 1)
    other = three.run("rollout")
    assert (other.code, three.digests) == (1, before)
    assert "different tables on their disks" in other.err
    assert other.err.count("lies on its disk") == 3
    assert three.run("rollout", "--canary", "nobody").code == 2
    gone = subprocess.run(
        [sys.executable, "-m", "aisix", "mappings", "rollout", "--nodes",
         f"{three.urls[0]},http://127.0.0.1:9"],
        cwd=ROOT, env={**os.environ, "AISIX_ADMIN_KEY": ADMIN_KEY}, text=True, capture_output=True,
    )  # fmt: skip
    assert (gone.returncode, three.digests) == (1, before)
    assert "no gateway answers at http://127.0.0.1:9" in gone.stderr


@pytest.mark.parametrize("keep", [False, True])
def test_a_canary_whose_requests_fail_is_rolled_back(three: Nodes, keep: bool) -> None:
    three.write("length")
    three.run("rollout", "--pause", "0")
    (before,) = set(three.digests)
    three.write("content_filter")
    process = three.start("rollout", "--pause", "120", *(["--no-rollback"] if keep else []))
    canary, *others = three.gateways
    try:
        until(lambda: three.digests[0] != before, "the canary did not switch")
        for _ in range(12):
            # What tables at fault would bring about: the canary alone refuses what others answer.
            assert canary.call({"model": "claude-prod", "messages": "spoilt"}).status == 400
            assert others[0].ask("Hi").status == 200
        err = process.communicate(timeout=100)[1]  # long before the pause is over
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 1
    assert "the canary" in err and "requests failed, of the others' 0.0%" in err
    first, *rest = three.digests
    assert set(rest) == {before}
    if keep:
        assert first != before
        assert f"to undo: aisix mappings rollback --from {first} --nodes {three.urls[0]}" in err
        assert three.run("rollback", "--from", first).code == 0
    else:
        assert f"it was rolled back to {before}" in err
        assert "to undo" not in err
    assert set(three.digests) == {before}
    assert canary.ask("Hi").status == 200


def test_a_refusal_midway_stops_it_and_says_who_has_what(three: Nodes) -> None:
    three.write("length")
    three.run("rollout", "--pause", "0")
    (before,) = set(three.digests)
    three.write("stop")
    process = three.start("rollout", "--pause", "5")
    until(lambda: three.digests[0] != before, "the canary did not switch")
    three.write("content_filter", 2)  # not what was checked
    out, err = process.communicate(timeout=100)
    assert process.returncode == 1
    first, second, third = three.digests
    assert first == second != before == third
    assert "no request came in this time" in out
    assert f"{three.urls[2]}: what lies on disk is" in err
    assert all(
        f"{url}: {digest}" in err for url, digest in zip(three.urls, three.digests, strict=True)
    )
    (undo,) = [line for line in err.splitlines() if line.startswith("to undo: ")]
    assert undo.endswith(f"--from {first} --nodes {','.join(three.urls[:2])}")
    back = three.run("rollback", "--from", first)
    assert (back.code, set(three.digests)) == (0, {before})
    assert f"{three.urls[2]}: {before}: left as it is" in back.out


def test_one_gateway_needs_no_list_of_nodes(three: Nodes) -> None:
    one = three.gateways[0]
    before = three.digests[0]
    three.write("content_filter", 0)
    words = ["--admin", three.urls[0]]
    env = {**os.environ, "AISIX_ADMIN_KEY": ADMIN_KEY}

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "aisix", "mappings", *more, *words],
            cwd=ROOT, env=env, text=True, capture_output=True,
        )  # fmt: skip

    assert run("rollout", "--pause", "0").returncode == 0
    after = three.digests
    assert after[0] != before == after[1]
    assert run("rollback").returncode == 0
    assert three.digests[0] == before
    assert one.ask("Hi").status == 200


def test_nodes_of_an_etcd_need_no_list_of_addresses(etcd: Etcd, tmp_path: Path) -> None:
    """Names are enough, and every node tells of every other's tables what is so."""
    with ExitStack() as stack:
        gateways = []
        for name in ("a", "b"):
            (tmp_path / f"site-{name}").mkdir()
            one = node(tmp_path, etcd, name, "/rolled")
            one.more["mappings"], one.program = [str(tmp_path / f"site-{name}")], QUICKLY
            gateways.append(stack.enter_context(one))
        a, _ = gateways

        def tables() -> list[dict[str, str]]:
            told = [one.admin("GET", "nodes").json["items"] for one in gateways]
            return [{row["name"]: row["tables"] for row in rows} for rows in told]

        def run(*words: str) -> subprocess.CompletedProcess[str]:
            at = ["--admin", f"http://127.0.0.1:{a.admin_port}"]
            env = {k: v for k, v in os.environ.items() if not k.startswith("AISIX_")}
            return subprocess.run(
                [sys.executable, "-m", "aisix", "mappings", *words, *at], cwd=ROOT, text=True,
                env={**env, "AISIX_ADMIN_KEY": ADMIN_KEY}, capture_output=True, timeout=240,
            )  # fmt: skip

        until(lambda: all(list(rows) == ["a", "b"] for rows in tables()))
        before = tables()[0]["a"]
        until(lambda: tables() == [{"a": before, "b": before}] * 2)
        for name in ("a", "b"):
            folder = tmp_path / f"site-{name}" / TABLES
            folder.mkdir(parents=True)
            (folder / "values.toml").write_text('[stop_reason]\nend_turn = "length"\n')
        done = run("rollout", "--pause", "0", "--canary", "b")
        assert done.returncode == 0, done.stderr
        first, second, last = done.stdout.splitlines()
        digest = last.removesuffix(" serves on every node")
        assert (first, second) == (f"b: {before} -> {digest}", f"a: {before} -> {digest}")
        until(lambda: tables() == [{"a": digest, "b": digest}] * 2)
        back = run("rollback")
        assert back.returncode == 0, back.stderr
        assert back.stdout.splitlines() == [f"{n}: {digest} -> {before}" for n in ("a", "b")]
        until(lambda: tables() == [{"a": before, "b": before}] * 2)
        assert not [bug for one in gateways for bug in one.bugs]


def test_a_node_that_says_where_others_cannot_reach_it_is_not_taken_for_another(
    etcd: Etcd, tmp_path: Path
) -> None:
    """It says "at 127.0.0.1", as on a machine whose admin.addr was left as it is."""
    with node(tmp_path, etcd, "a", "/unreached") as a:
        url = f"http://127.0.0.1:{a.admin_port}"
        far = {"name": "far", "home": "elsewhere", "proxy": "http://127.0.0.1:3000", "admin": url}
        etcd.put("/x/unreached/nodes/far", json.dumps(far).encode())
        until(lambda: len(a.admin("GET", "nodes").json["items"]) == 2)
        done = subprocess.run(
            [sys.executable, "-m", "aisix", "mappings", "rollout", "--pause", "0", "--admin", url],
            cwd=ROOT, env={**os.environ, "AISIX_ADMIN_KEY": ADMIN_KEY}, text=True,
            capture_output=True,
        )  # fmt: skip
        assert done.returncode == 1 and "is node a's from here: set an admin.addr" in done.stderr


def test_worse_means_by_more_than_the_bound() -> None:
    fair = CanaryReport(100, 0.05, 0.0, 0.04, 0.0, "the others'")
    assert fair.worse(2) == ""
    assert "5.0% of its 100 requests failed" in fair.worse(0.5)
    assert "fell back" in replace(fair, fallbacks=0.5).worse(2)
