"""The suite as a job in the background, where a shell starts it with SIGINT ignored."""

from __future__ import annotations

import subprocess
import sys

from tests.running import ROOT

# What a test starts, told to end by SIGINT: -2 when it does.
STARTS = """
import subprocess, sys
{setting}
sys.exit(subprocess.run(["sh", "-c", "kill -INT $$"]).returncode == -2)
"""


def in_the_background(setting: str) -> int:
    job = [
        "sh",
        "-c",
        'trap "" INT; exec "$0" -c "$1"',
        sys.executable,
        STARTS.format(setting=setting),
    ]
    return subprocess.run(job, cwd=ROOT, timeout=60).returncode


def test_what_a_test_starts_hears_sigint() -> None:
    assert in_the_background("import tests.conftest") == 1
    assert in_the_background("") == 0, "it would anyway"
