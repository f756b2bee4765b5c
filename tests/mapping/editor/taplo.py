"""The real Taplo, run over a folder of tables."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.running import ROOT

CLI = ROOT / "tests" / "clients" / "node_modules" / "@taplo" / "cli" / "dist" / "cli.js"
needed = pytest.mark.skipif(
    shutil.which("node") is None or not CLI.is_file(),
    reason="needs Node and `npm install` in tests/clients (make test does that)",
)
SAID = re.compile(r"^(?:error|warning)(?:\[\w+\])?: (.*)\n\s*┌─ (.*):(\d+):(\d+)$", re.M)


@dataclass(frozen=True)
class Alarm:
    file: str  # below the folder
    line: int
    column: int
    text: str


def lint(folder: Path, files: list[str]) -> list[Alarm]:
    """What Taplo has against these files below a folder, by the schemas they name themselves or
    that its configuration there names."""
    done = subprocess.run(
        ["node", str(CLI), "lint", "--colors", "never", *files],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    said = done.stdout + done.stderr
    found = [
        Alarm(str(Path(file).relative_to(folder)), int(line), int(column), text)
        for text, file, line, column in SAID.findall(said)
    ]
    assert f"found files total={len(files)}" in said, said
    assert bool(found) == bool(done.returncode), said
    return found
