"""The way back: what served before serves again, in every worker, and stays until files change."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aisix.standin.server import Standin
from tests.running import Running, until

QUICKLY = ("tests.quick_checks",)
MODEL = {"claude-prod": {"model_name": "claude-opus-5-5"}}
TABLES = Path("openai-chat/anthropic-messages")
SHIPPED = "stop"


def write(site: Path, reason: str) -> None:
    """Tables with which every finished turn says `reason`."""
    (site / TABLES).mkdir(parents=True, exist_ok=True)
    (site / TABLES / "values.toml").write_text(f'[stop_reason]\nend_turn = "{reason}"\n')


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


@pytest.fixture
def two(site: Path, tmp_path: Path, standin: Standin) -> Iterator[Running]:
    with Running(
        tmp_path / "gateway", {"mappings": [str(site)]}, workers=2, program=QUICKLY
    ) as gateway:
        gateway.set_up(standin.url, MODEL)
        gateway.allow("claude-prod")
        yield gateway
        assert not gateway.bugs


def reasons(gateway: Running) -> set[str]:
    """What several requests, to whichever worker, end with."""
    return {gateway.ask("Hi").json["choices"][0]["finish_reason"] for _ in range(8)}


def tables(gateway: Running) -> dict[str, Any]:
    return dict(gateway.admin("GET", "status").json["mappings"])


def reload(gateway: Running, site: Path, reason: str) -> str:
    write(site, reason)
    told = gateway.admin("POST", "mappings/reload").json
    assert (told["ok"], told["changed"]) == (True, True), told
    return str(told["digest"])


def again(gateway: Running) -> dict[str, Any]:
    """A reload by a signal, and what came of it."""
    before = sum(tables(gateway)["reloads"].values())
    gateway.process.send_signal(signal.SIGHUP)
    until(lambda: sum(tables(gateway)["reloads"].values()) > before, "no reload")
    return dict(tables(gateway)["last_reload"])


def test_a_check_says_what_would_serve_and_changes_nothing(two: Running, site: Path) -> None:
    before = tables(two)
    told = two.admin("POST", "mappings/check").json
    assert (told["ok"], told["changed"], told["held"]) == (True, False, None)
    assert told["digest"] == told["serving"] == before["digest"]
    write(site, "length")
    would = two.admin("POST", "mappings/check").json
    assert (would["ok"], would["changed"]) == (True, True)
    assert would["serving"] == before["digest"] != would["digest"]
    write(site, "no such reason")
    (site / TABLES / "request.toml").write_text("[field.x\n")
    refused = two.admin("POST", "mappings/check")
    assert refused.status == 409
    assert "site/openai-chat/anthropic-messages/request.toml" in refused.json["faults"][0]
    after = tables(two)
    assert (after["digest"], after["reloads"]) == (before["digest"], before["reloads"])
    assert reasons(two) == {SHIPPED}
    assert not [one for one in two.audits if one["kind"] == "mappings"]

    # Only what was looked at is taken over.
    (site / TABLES / "request.toml").unlink()
    write(site, "content_filter")
    other = two.admin("POST", f"mappings/reload?digest={would['digest']}")
    assert other.status == 409
    assert f"and not {would['digest']}" in other.json["faults"][0]
    write(site, "length")
    assert two.admin("POST", f"mappings/reload?digest={would['digest']}").json["ok"] is True
    assert reasons(two) == {"length"}


def test_a_rollback_brings_the_set_before_to_every_worker_and_is_told(
    two: Running, site: Path
) -> None:
    refused = two.admin("POST", "mappings/rollback")
    assert refused.status == 409
    assert "no earlier tables are kept" in refused.json["faults"][0]
    first = tables(two)
    assert (first["by"], first["previous"], first["held"]) == ("start", None, None)
    bad = reload(two, site, "length")
    status = tables(two)
    assert (status["by"], status["previous"]["digest"]) == ("admin", first["digest"])
    assert status["since"] >= status["previous"]["since"] == first["since"]
    info = f'aisix_mappings_info{{digest="{bad}",previous="{first["digest"]}",by="admin"}}'
    assert two.metrics()[info] == 1
    assert two.admin("POST", "mappings/rollback?from=0a0a0a0a").status == 409
    assert reasons(two) == {"length"}

    # Also with files that could not even be read: what serves is not on disk.
    (site / TABLES / "request.toml").write_text("[field.x\n")
    back = two.admin("POST", f"mappings/rollback?from={bad}").json
    assert (back["ok"], back["changed"], back["digest"]) == (True, True, first["digest"])
    assert {worker["digest"] for worker in back["workers"]} == {first["digest"]}
    assert len(back["workers"]) == 2
    assert reasons(two) == {SHIPPED}
    status = tables(two)
    assert (status["by"], status["previous"]) == ("rollback", None)
    assert status["held"]["digest"] == back["held"]["digest"] == bad
    assert status["last_reload"]["rollback"] is True
    page = two.metrics()
    assert page["aisix_mappings_held"] == 1
    assert page['aisix_reloads_total{what="rollback",result="ok"}'] == 1
    assert page['aisix_reloads_total{what="rollback",result="failed"}'] == 2
    assert "mappings rolled back (admin" in two.log
    (told,) = [one for one in two.audits if one["action"] == "rollback" and one["ok"]]
    assert (told["digest"], told["changed"]) == (first["digest"], True)

    # Asked for again, also as the rest of a command that broke off: nothing changes, it is well.
    for query in ("", f"?from={bad}"):
        once_more = two.admin("POST", f"mappings/rollback{query}")
        assert (once_more.status, once_more.json["changed"]) == (200, False)
    assert reasons(two) == {SHIPPED}
    # A worker that begins now has it, too.
    victims = set(two.worker_pids)
    os.kill(min(victims), signal.SIGKILL)
    until(lambda: len(set(two.worker_pids) - victims) == 1, "no successor")
    until(lambda: two.admin_workers.count("ready") == 2, "no successor")
    assert reasons(two) == {SHIPPED}


def test_what_was_rolled_back_from_comes_back_only_when_asked_for_or_changed(
    two: Running, site: Path
) -> None:
    good, bad = tables(two)["digest"], reload(two, site, "length")
    two.admin("POST", "mappings/rollback")
    told = again(two)
    assert (told["by"], told["ok"], told["changed"]) == ("signal", True, False)
    assert told["held"]["digest"] == bad
    assert two.log.count("are left alone until they change") == 1
    assert reasons(two) == {SHIPPED}

    two.restart()
    assert reasons(two) == {SHIPPED}
    status = tables(two)
    assert (status["digest"], status["by"], status["held"]["digest"]) == (good, "rollback", bad)
    assert two.log.count("are left alone until they change") == 2

    # Settings that change replace the workers, not the tables.
    config = json.loads((two.folder / "config.yaml").read_text())
    config["proxy"]["idle_timeout_secs"] = 77
    (two.folder / "config.yaml").write_text(json.dumps(config))
    olds = set(two.worker_pids)
    two.process.send_signal(signal.SIGHUP)
    until(lambda: not olds & set(two.worker_pids) and len(two.worker_pids) == 2, "not replaced")
    until(lambda: two.admin_workers == ["ready", "ready"], "not ready")
    assert reasons(two) == {SHIPPED}
    assert two.admin("POST", "mappings/check").json["held"]["digest"] == bad

    # Who asks for just these gets them, and the way back is there again.
    told = two.admin("POST", "mappings/reload").json
    assert (told["changed"], told["digest"], told["held"]) == (True, bad, None)
    assert tables(two)["previous"]["digest"] == good
    two.restart()
    assert reasons(two) == {"length"}
    assert tables(two)["previous"]["digest"] == good
    assert two.admin("POST", "mappings/rollback").json["digest"] == good

    # A change is taken over by a signal, as ever; and then the old files are files like any other.
    write(site, "content_filter")
    told = again(two)
    assert (told["changed"], told["held"]) == (True, None)
    assert reasons(two) == {"content_filter"}
    write(site, "length")
    assert again(two)["digest"] == bad
    assert tables(two)["held"] is None


def test_files_put_back_as_they_were_are_no_longer_held(two: Running, site: Path) -> None:
    write(site, "length")
    good = two.admin("POST", "mappings/reload").json["digest"]
    bad = reload(two, site, "content_filter")
    assert two.admin("POST", "mappings/rollback").json["digest"] == good
    write(site, "length")
    told = again(two)
    assert (told["digest"], told["changed"], told["held"]) == (good, False, None)
    assert tables(two)["held"] is None
    write(site, "content_filter")
    assert again(two)["digest"] == bad


def test_other_files_at_a_start_are_taken_and_end_what_was_kept(two: Running, site: Path) -> None:
    reload(two, site, "length")
    two.admin("POST", "mappings/rollback")
    two.stop()
    write(site, "content_filter")
    two.start()
    assert reasons(two) == {"content_filter"}
    assert tables(two)["held"] is None
    two.stop()
    write(site, "length")  # they were rolled back from once, and came back as others' followers
    two.start()
    assert reasons(two) == {"length"}


def test_watching_leaves_alone_what_was_rolled_back_from(
    site: Path, tmp_path: Path, standin: Standin
) -> None:
    more: dict[str, Any] = {"mappings": [str(site)], "mappings_watch_secs": 1}
    with Running(tmp_path / "gateway", more, program=QUICKLY) as gateway:
        gateway.set_up(standin.url, MODEL)
        gateway.allow("claude-prod")
        write(site, "length")
        until(lambda: reasons(gateway) == {"length"}, "not reloaded")
        assert tables(gateway)["by"] == "watch"
        assert gateway.admin("POST", "mappings/rollback").json["ok"] is True
        write(site, "length")  # the same, saved again
        until(lambda: tables(gateway)["last_reload"].get("held"), "not looked at")
        assert reasons(gateway) == {SHIPPED}
        write(site, "content_filter")
        until(lambda: reasons(gateway) == {"content_filter"}, "not reloaded")


def test_without_room_on_disk_a_rollback_lasts_until_a_restart_and_says_so(
    two: Running, site: Path
) -> None:
    (two.folder / "data" / "tables").write_text("a file where the folder would be")
    reload(two, site, "length")
    assert "will not outlast a restart" in two.log
    assert two.admin("POST", "mappings/rollback").json["ok"] is True
    assert reasons(two) == {SHIPPED}
