"""No server that a test starts outlives the process of the tests, however that ends.

    process = subprocess.Popen(..., start_new_session=True)
    end_with_us(process.pid)

A fixture that is not torn down, as in a worker of the tests that is killed, would leave its servers
running. One small process per process of the tests waits for that to be gone, then kills each group
it was told of that is still the one it was told of. PR_SET_PDEATHSIG would not do: it goes by the
thread that started a server, and some tests start theirs in threads that end.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading

REAPER = r"""
import os, select, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
parent, told, rest = int(sys.argv[1]), {}, b""

def born(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[19]
    except OSError:
        return None

while True:
    there = os.getppid() == parent  # a forked child may hold the other end of the pipe open
    if select.select([0], [], [], 0.5 if there else 0)[0]:  # what was told is read in any case
        data = os.read(0, 4096)
        if not data:
            break
        *lines, rest = (rest + data).split(b"\n")
        told.update((int(line), born(int(line))) for line in lines)
    elif not there:
        break
for pid, at in told.items():
    if at is not None and born(pid) == at:
        try:
            os.killpg(pid, signal.SIGKILL)
        except OSError:
            pass
"""

_lock = threading.Lock()
_reapers: dict[int, subprocess.Popen[bytes]] = {}  # by the pid of the tests' process


def end_with_us(pid: int) -> None:
    """The process group `pid` leads is killed when this process is gone."""
    with _lock:
        reaper = _reapers.get(os.getpid())
        if reaper is None:
            command = [sys.executable, "-I", "-S", "-c", REAPER, str(os.getpid())]
            reaper = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
            )
            _reapers[os.getpid()] = reaper
        assert reaper.stdin is not None
        reaper.stdin.write(f"{pid}\n".encode())
        reaper.stdin.flush()
