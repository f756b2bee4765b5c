"""A process of the tests that is killed takes the servers it started with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from tests.running import ROOT, until

PROGRAM = """
import subprocess, sys, threading, time
from tests.leftovers import end_with_us

def start():
    server = subprocess.Popen(["sleep", "600"], start_new_session=True, stdout=subprocess.DEVNULL)
    end_with_us(server.pid)
    print(server.pid, flush=True)

thread = threading.Thread(target=start)  # the server lives on when the thread that started it ends
thread.start()
thread.join()
sys.stdin.read()
"""


def gone(pid: int) -> bool:
    """Not there, or a zombie that nobody has asked for yet."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_ends_with_the_process_of_the_tests(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as tests:  # fmt: skip
        assert tests.stdout is not None
        server = int(tests.stdout.readline())
        try:
            assert not gone(server)
            tests.send_signal(number)
            tests.wait(30)
            until(lambda: gone(server))
        finally:
            with suppress(ProcessLookupError):
                os.kill(server, signal.SIGKILL)
