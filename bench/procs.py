"""What processes cost, from /proc: CPU seconds and memory of a process and all it started."""

from __future__ import annotations

import os
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """The process and its descendants that are alive."""
    found = [pid]
    for each in found:
        for task in _listed(Path(f"/proc/{each}/task")):
            try:
                found += map(int, Path(f"/proc/{each}/task/{task}/children").read_text().split())
            except OSError:
                continue
    return found


def cpu(pid: int) -> float:
    """Seconds of CPU of the tree, user and system, ended threads included."""
    total = 0
    for each in tree(pid):
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def memory(pid: int) -> int:
    """Resident bytes of the tree; a page that processes share is counted once."""
    total = 0
    for each in tree(pid):
        try:
            lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))
    return total


def _listed(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
