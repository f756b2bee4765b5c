"""New tables for a running gateway: in every worker at once, never half, never a faulty set."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aisix.standin.server import Standin
from tests.running import Running, chunks, until

QUICKLY = ("tests.quick_checks",)
MODEL = {"claude-prod": {"model_name": "claude-opus-5-5"}}
TABLES = Path("openai-chat/anthropic-messages")
SETS = {1111: "length", 2222: "stop"}  # default max_tokens of a set, and what end_turn becomes


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables") / "site"
    (folder / TABLES).mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def two(
    site: Path, tmp_path_factory: pytest.TempPathFactory, standin: Standin
) -> Iterator[Running]:
    """A gateway of two workers with a site folder."""
    folder = tmp_path_factory.mktemp("reload") / "gateway"
    with Running(folder, {"mappings": [str(site)]}, workers=2, program=QUICKLY) as gateway:
        gateway.set_up(standin.url, MODEL)
        gateway.allow("claude-prod")
        yield gateway


def write_set(site: Path, number: int) -> None:
    """Two files that only make sense together."""
    (site / TABLES / "values.toml").write_text(f'[stop_reason]\nend_turn = "{SETS[number]}"\n')
    (site / TABLES / "models.toml").write_text(f"[defaults]\ndefault_max_tokens = {number}\n")


def test_reloads_under_load_fail_no_request_and_mix_no_two_sets(
    two: Running, site: Path, standin: Standin
) -> None:
    write_set(site, 1111)
    assert two.admin("POST", "mappings/reload").json["ok"] is True
    done: list[tuple[str, int, str, str]] = []  # text, status, mapping, finish reason
    stop = threading.Event()

    def load(number: int) -> None:
        count = 0
        while not stop.is_set():
            count += 1
            text = f"load {number}-{count}"
            streamed = count % 2 == 0
            answer = two.ask(text, stream=streamed)
            if answer.status != 200:
                reason = "-"
            elif streamed:
                frames = [f for f in chunks(answer.body) if f != "[DONE]"]
                reason = frames[-1]["choices"][0]["finish_reason"]
            else:
                reason = answer.json["choices"][0]["finish_reason"]
            done.append((text, answer.status, answer.headers["x-aisix-mapping"], reason))
            time.sleep(0.005)  # the machine has other things to do

    threads = [threading.Thread(target=load, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    expected: dict[str, int] = {}  # mapping -> set
    try:
        for number in (2222, 1111):
            write_set(site, number)
            told = two.admin("POST", "mappings/reload").json
            assert told["ok"] is True
            assert told["changed"] is True
            assert len({worker["pid"] for worker in told["workers"]}) == 2
            assert {worker["digest"] for worker in told["workers"]} == {told["digest"]}
            # Whichever worker answers: what begins now has the new set.
            for n in range(6):
                answer = two.ask(f"after {number} {n}")
                assert answer.json["choices"][0]["finish_reason"] == SETS[number]
                expected.setdefault(answer.headers["x-aisix-mapping"], number)
                assert expected[answer.headers["x-aisix-mapping"]] == number
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)
    assert {status for _, status, _, _ in done} == {200}
    assert set(expected.values()) == {1111, 2222}
    sent = {
        received.body["messages"][0]["content"][0]["text"]: received.body["max_tokens"]
        for received in list(standin.received)
    }
    kept = [one for one in done if one[0] in sent]  # the stand-in keeps the last ones
    assert len(kept) > 20
    for text, _, mapping, reason in kept:
        assert (sent[text], reason) == (expected[mapping], SETS[expected[mapping]]), text


def test_a_faulty_set_is_refused_with_every_complaint_and_the_last_good_one_serves(
    two: Running, site: Path
) -> None:
    write_set(site, 1111)
    two.admin("POST", "mappings/reload")
    before = two.ask("Hi").headers["x-aisix-mapping"]
    counts = two.admin("GET", "status").json["mappings"]["reloads"]
    failed = 'aisix_reloads_total{what="mappings",result="failed"}'
    shown = two.metrics().get(failed, 0)
    (site / TABLES / "values.toml").write_text("[stop_reason\n")
    (site / TABLES / "request.toml").write_text('[field.top_k]\nform = "top_k"\n')
    refused = two.admin("POST", "mappings/reload")
    assert refused.status == 409
    told = refused.json
    assert told["ok"] is False
    both = {f"site/{TABLES}/values.toml:1", f"site/{TABLES}/request.toml:2"}
    assert {f["where"] for f in told["findings"]} == both
    (site / TABLES / "values.toml").unlink()
    told = two.admin("POST", "mappings/reload").json
    assert told["findings"][0]["where"] == "site/openai-chat/anthropic-messages/request.toml:2"
    assert 'did you mean "from"' in told["faults"][0]
    for _ in range(6):  # both workers
        status = two.admin("GET", "status").json["mappings"]
        assert status["last_reload"]["ok"] is False
        assert status["last_reload"]["faults"] == told["faults"]
        assert status["reloads"] == {"ok": counts["ok"], "failed": counts["failed"] + 2}
        assert two.ask("Hi").headers["x-aisix-mapping"] == before
    assert "mappings not reloaded: site/openai-chat" in two.log
    assert two.metrics()[failed] == shown + 2

    # A worker that dies now begins again with the last good set, not with what lies in the folder.
    victims = children(two.process.pid)
    os.kill(min(victims), signal.SIGKILL)
    until(lambda: len(children(two.process.pid) - victims) == 1, "no successor")
    until(lambda: len(children(two.process.pid)) == 2, "no successor")
    for _ in range(10):
        assert two.ask("Hi").headers["x-aisix-mapping"] == before
    (site / TABLES / "request.toml").unlink()
    told = two.admin("POST", "mappings/reload").json
    assert told["ok"] is True
    assert len(told["workers"]) == 2


def test_a_key_that_changes_nothing_is_a_warning_and_the_set_is_taken_over(
    two: Running, site: Path
) -> None:
    file = site / TABLES / "errors.toml"
    file.write_text('[upstream.overloaded]\nmessage = "wait"\nlongest = 30\n')
    told = two.admin("POST", "mappings/reload").json
    assert (told["ok"], told["changed"]) == (True, True)
    (warning,) = told["warnings"]
    assert "errors.toml:3" in warning and "changes nothing" in warning
    assert two.admin("GET", "status").json["mappings"]["warnings"] == [warning]
    file.unlink()
    assert "warnings" not in two.admin("POST", "mappings/reload").json
    assert two.admin("GET", "status").json["mappings"]["warnings"] == []


def children(pid: int) -> set[int]:
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def test_sighup_reloads_every_worker(two: Running, site: Path) -> None:
    write_set(site, 2222)
    two.process.send_signal(signal.SIGHUP)
    until(
        lambda: (
            two.ask("Hi").json["choices"][0]["finish_reason"] == SETS[2222]
            and two.admin("GET", "status").json["mappings"]["last_reload"].get("by") == "signal"
        ),
        "not reloaded",
    )
    for _ in range(6):
        assert two.ask("Hi").json["choices"][0]["finish_reason"] == SETS[2222]


def test_a_failing_case_of_the_site_refuses_the_set(two: Running, site: Path) -> None:
    write_set(site, 1111)
    case = site / TABLES / "cases" / "ours"
    case.mkdir(parents=True)
    (case / "case.toml").write_text('reason = "our default"\nmodel = "claude-opus-5-5"\n')
    (case / "upstream-request.json").write_text('{"model": "claude-opus-5-5", "max_tokens": 7}')
    told = two.admin("POST", "mappings/reload").json
    assert told["ok"] is False
    assert told["findings"][0] == {
        "where": "site/openai-chat/anthropic-messages/cases/ours",
        "path": "",
        "message": "max_tokens: expected 7, found 1111",
    }
    for file in case.iterdir():
        file.unlink()
    case.rmdir()
    (site / TABLES / "cases").rmdir()


def test_watched_folders_are_reloaded_when_a_change_is_complete(
    tmp_path: Path, standin: Standin
) -> None:
    site = tmp_path / "site"
    (site / TABLES).mkdir(parents=True)
    more: dict[str, Any] = {"mappings": [str(site)], "mappings_watch_secs": 1}
    with Running(tmp_path / "gateway", more, program=QUICKLY) as gateway:
        gateway.set_up(standin.url, MODEL)
        gateway.allow("claude-prod")
        (site / TABLES / "values.toml").write_text('[stop_reason]\nend_trun = "length"\n[s\n')
        until(lambda: "mappings not reloaded" in gateway.log, "the fault was not seen")
        (site / TABLES / "values.toml").write_text('[stop_reason]\nend_turn = "length"\n')
        until(
            lambda: gateway.ask("Hi").json["choices"][0]["finish_reason"] == "length",
            "not reloaded",
        )
        status = gateway.admin("GET", "status").json["mappings"]
        assert status["last_reload"]["by"] == "watch"
        assert status["reloads"] == {"ok": 1, "failed": 1}


# ---------------------------------------------------------------- what the workers share
