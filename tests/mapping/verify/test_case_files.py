"""A case that compares what comes in with nothing is no case."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.running import ROOT

SHIPPED = ROOT / "mappings"


def test_an_answer_nobody_says_anything_about_does_not_hold_and_is_written(tmp_path: Path) -> None:
    case = tmp_path / "mine/openai-chat/anthropic-messages/cases/captured"
    case.mkdir(parents=True)
    (case / "case.toml").write_text('reason = "captured"\n')
    shipped = SHIPPED / "openai-chat/anthropic-messages/cases/answer-text"
    for name in ("upstream-response.json", "upstream-stream.sse"):
        (case / name).write_bytes((shipped / name).read_bytes())

    def run(*more: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "aisix", "mappings", "test", "captured", *more]
        command += ["--dir", str(tmp_path / "mine")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout

    code, said = run()
    assert code == 1
    assert "caller-response.json: missing" in said and "caller-stream.sse: missing" in said
    assert run("--accept")[0] == 0
    assert (case / "caller-response.json").exists() and (case / "caller-stream.sse").exists()
    assert run() == (0, "1 of 1 cases hold\n")
