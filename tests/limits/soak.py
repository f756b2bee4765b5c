"""Limits for long: many holders, several processes, kill -9 at random; exact counts at the end.

    python -m tests.limits.soak [--holders 20000] [--workers 4] [--kills 50] [--each 3]

Every process asks for random holders, each of which may have `each` requests in an hour and one at
a time, and writes down what it was granted before it says so. At the end every holder must have had
no more than it may, and exactly as many as the table says but for those a killed process had in
hand; no place is held.
"""

from __future__ import annotations

import argparse
import mmap
import os
import random
import signal
import sys
import time

from aisix.limits import Grant, Holder, SharedRateLimiter, clock, rules_of


def worker(
    limits: SharedRateLimiter, number: int, args: argparse.Namespace, told: mmap.mmap
) -> None:
    limits.sit(number)
    dice = random.Random()
    rules = rules_of({"rph": args.each, "concurrency": 1, "tpd": 10**9}.get)
    counts = memoryview(told).cast("I")[number * args.holders : (number + 1) * args.holders]
    while True:
        which = dice.randrange(args.holders)
        verdict = limits.admit([Holder(f"key:{which}", rules)], clock(), 5)
        if isinstance(verdict, Grant):
            counts[which] += 1
            if dice.random() < 0.3:
                limits.book(verdict, 7, clock())
            limits.settle(verdict, 9, clock())


def main() -> int:
    parser = argparse.ArgumentParser()
    for name, usual in (("holders", 20_000), ("workers", 4), ("kills", 50), ("each", 3)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    args = parser.parse_args()
    limits = SharedRateLimiter(places=args.workers + 1)
    told = mmap.mmap(-1, 4 * args.holders * (args.workers + 1))
    pids: dict[int, int] = {}

    def start(number: int) -> None:
        pid = os.fork()
        if not pid:
            worker(limits, number, args, told)
            os._exit(0)
        pids[number] = pid

    def kill(number: int) -> None:
        os.kill(pids[number], signal.SIGKILL)
        os.waitpid(pids.pop(number), 0)
        while not limits.free(number):
            time.sleep(0.001)

    dice = random.Random(17)
    for number in range(1, args.workers + 1):
        start(number)
    for _ in range(args.kills):
        time.sleep(dice.random() * 0.3)
        number = dice.randrange(args.workers) + 1
        kill(number)
        start(number)
    time.sleep(1)
    for number in list(pids):
        kill(number)

    counts = memoryview(told).cast("I")
    rules = rules_of({"rph": args.each, "concurrency": 1, "tpd": 10**9}.get)
    granted = booked = over = held = 0
    for which in range(args.holders):
        seen = sum(counts[which :: args.holders])
        granted += seen
        over += seen > args.each
        asked = limits.admit([Holder(f"key:{which}", rules)], clock())
        held += not isinstance(asked, Grant) and asked.rule.name == "concurrency"
        left = next(level.left for level in asked.levels if level.counts == "requests")
        booked += args.each - left - isinstance(asked, Grant)
    missing = booked - granted
    print(f"granted {granted}, counted {booked}: {missing} in hand of {args.kills + args.workers}")
    print(f"over their limit: {over}; places held: {held}; holders: {limits.holders}")
    return int(over or held or not 0 <= missing <= args.kills + args.workers)


if __name__ == "__main__":
    sys.exit(main())
