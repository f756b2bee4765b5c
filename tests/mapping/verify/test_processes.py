"""Work shared out among processes comes out as if one had done it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from aisix.mapping.verify.processes import FEW, MOST, spread, usable

# A process of its own: there are threads in this one (xdist's), and it does not fork.
SCRIPT = """
import os, signal
from aisix.mapping.verify.processes import spread
first = os.getpid()
def work(number):
    other = os.getpid() != first
    {then}
    return str(number) * 40
found = spread(range(4000), work, processes={count}, kind=str)
assert found == [str(number) * 40 for number in range(4000)], found[:3]
try:
    os.waitpid(-1, 0)
except ChildProcessError:
    print("whole")
"""


@pytest.mark.parametrize(
    ("then", "count"),
    [
        ("pass", 2),
        ("pass", 7),
        ("assert not other", 3),  # a mistake there is made here too, or is none
        ("if other and number > 3990: os.kill(os.getpid(), signal.SIGKILL)", 3),
        ("if other and number > 3990: return b'no text'", 2),
    ],
)
def test_what_others_did_not_do_is_done_here(then: str, count: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(then=then, count=count)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.stdout.strip(), done.returncode) == ("whole", 0), done.stderr


def test_a_mistake_here_ends_the_others() -> None:
    # The other one never comes to an end by itself, nor takes all of the work.
    then = "if not other: raise ValueError('a mistake')\n    signal.pause()"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(then=then, count=2)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stderr.strip().endswith("ValueError: a mistake")


def test_little_is_done_by_one() -> None:
    def work(number: int) -> int:
        return number + 1

    assert spread([], work, 2, int) == []
    assert spread(range(FEW), work, 2, int) == list(range(1, FEW + 1))
    assert 1 <= usable() <= MOST
