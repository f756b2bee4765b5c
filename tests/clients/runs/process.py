"""One command in a process group of its own, bounded in time; nothing it started outlives it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MAX_OUTPUT = 64 << 10  # bytes of each of its outputs that are looked at, the last ones


@dataclass(frozen=True)
class Ran:
    code: int | None  # None: it was not done in time
    out: str
    err: str


def run(
    command: Sequence[str], env: Mapping[str, str], folder: Path, seconds: float, name: str = "run"
) -> Ran:
    """Ends with the command, or kills its group when the time is over. `name`: of its output files."""
    if seconds <= 0:
        return Ran(None, "", "")
    outputs = [folder / f".{name}.{kind}" for kind in ("out", "err")]
    with outputs[0].open("wb") as out, outputs[1].open("wb") as err:
        process = subprocess.Popen(
            command, cwd=folder, env=dict(env), stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            start_new_session=True,
        )  # fmt: skip
        end = time.monotonic() + seconds
        done = None
        try:
            while done is None and time.monotonic() < end:
                # Not yet reaped: its number, which is that of its group, is nobody else's.
                look = os.WEXITED | os.WNOHANG | os.WNOWAIT
                done = os.waitid(os.P_PID, process.pid, look)
                if done is None:
                    time.sleep(0.05)  # between two looks
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return Ran(None if done is None else process.returncode, *map(_tail, outputs))


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - MAX_OUTPUT, 0))
        return file.read().decode("utf-8", "replace")
