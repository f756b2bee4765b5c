"""`make clients`: what it writes is true of the declarations, and its parts are bounded and judge right."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from aisix.cli.use.declared import Client, Install, Run, clients
from tests.clients.runs import table
from tests.clients.runs.installing import NotInstalled, install, npm_version
from tests.clients.runs.process import Ran, run
from tests.clients.runs.trial import verdict
from tests.running import until

AGAIN = "make clients CLIENTS='{}'"


def test_the_page_is_what_the_results_and_declarations_say() -> None:
    if os.environ.get("AISIX_WRITE_DOCS"):
        table.PAGE.write_text(table.page())
    assert table.PAGE.read_text() == table.page(), f"AISIX_WRITE_DOCS=1 pytest {__file__}"


def test_every_client_was_run_with_the_settings_it_has_now() -> None:
    found = table.results()
    known = {name: table.digest(client) for name, client in clients().items()}
    told = {name: one.get("anthropic", {}).get("settings") for name, one in found.items()}
    old = [name for name in known if told.get(name) != known[name]]
    assert old == [], f"run them again: {AGAIN.format(' '.join(old))}"
    assert set(found) == set(known)


def test_a_result_tells_its_version_each_verdict_and_no_place_of_a_machine() -> None:
    every = [(name, one) for name, by in table.results().items() for one in by.values()]
    for name, one in every:
        assert set(one["verdicts"]) == set(clients()[name].run.can)
        for said in one["verdicts"].values():
            assert said == "yes" or re.fullmatch(r"no: .+", said)
        assert one["version"] or all("installed" in said for said in one["verdicts"].values())
    assert not re.search(r"/(tmp|root|home|work|Users)/", table.RESULTS.read_text())


def line(**more: Any) -> dict[str, Any]:
    return {"method": "POST", "path": "/v1/responses", "status": 200, "alias": "a", **more}


CLIENT = Client("t", "a", ["/v1/responses"], Install(), [], Run(call='sh {"c": "echo from-tool"}'))
SAID = Ran(0, "You said:\n Say ping-4711\n", "")
STREAMED = line(first_byte_ms=1.0)


@pytest.mark.parametrize(
    ("mode", "ran", "lines", "told"),
    [
        ("plain", SAID, [line()], "yes"),
        ("stream", SAID, [line(), STREAMED], "yes"),
        ("tool", Ran(0, "The tool says: from-tool", ""), [line(), line()], "yes"),
        ("tool", Ran(0, "The tool says: an error", ""), [line()], "no: The tool says: an error"),
        ("plain", SAID, [], "no: it did not ask the gateway"),
        ("plain", SAID, [STREAMED], "no: it asked for a stream"),
        ("stream", SAID, [line()], "no: it did not ask for a stream"),
        ("plain", SAID, [line(path="/v1/x")], "no: it called /v1/x"),
        ("plain", SAID, [line(requested_path="/v1/v1/x")], "no: it called /v1/v1/x"),
        ("plain", Ran(1, "", "x"), [line(), line(status=404)], "no: 404 on /v1/responses"),
        ("plain", Ran(None, "", ""), [line()], "no: it was not done in time"),
        ("plain", Ran(1, "a\n", "the Error in /h/me\nb\n"), [], "no: the Error in ..."),
        ("plain", Ran(3, "", ""), [], "no: it ended with 3"),
        ("plain", Ran(1, SAID.out, "at last\n"), [line()], "no: Say ping-4711"),
    ],
)
def test_a_verdict(mode: Any, ran: Ran, lines: list[Any], told: str) -> None:
    assert verdict(mode, CLIENT, ran, lines, ("/h/me",)) == told


def test_a_command_ends_in_time_and_with_all_it_started(tmp_path: Path) -> None:
    child = "import subprocess, sys; subprocess.Popen(['sleep', '600']); print('said', flush=True)"
    begun = run([sys.executable, "-c", child], os.environ, tmp_path, 60)
    assert (begun.code, begun.out) == (0, "said\n")
    hangs = child + "; import time; time.sleep(600)"
    ended = run([sys.executable, "-c", hangs], os.environ, tmp_path, 2)
    assert ended.code is None
    until(lambda: not sleepers(tmp_path), "what it started is still there")


def sleepers(folder: Path) -> list[str]:
    """Processes that run in the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve() == folder and " Z " not in (
                process / "stat"
            ).read_text():
                found.append(process.name)
        except OSError:
            continue
    return found


def test_what_cannot_be_installed_is_told_and_not_kept(tmp_path: Path) -> None:
    wanted = Install(pip=["./no-such-file.whl"])
    for _ in range(2):
        with pytest.raises(NotInstalled, match="cannot be installed: "):
            install(wanted, tmp_path, lambda: 60, False)
    with pytest.raises(NotInstalled, match="not done in time"):
        install(Install(pip=["./other.whl"]), tmp_path, lambda: -5, False)
    assert npm_version(tmp_path, "none") == ""
