"""Many exchanges, or one: python -m tests.differential [--count N] [--seed N] [--minutes M] [--pair P].

Prints each kind of fault with the number of the first exchange that showed it; `--only NUMBER` runs that
one again and prints what was sent. Ends with 1 when there was one.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections import Counter
from random import Random

from tests.differential.run import PAIRS, SIDES, judged

VARIABLE = re.compile(r"q\d+z|\d{3,}[.\d]*|\[\d+\]")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="exchanges of each pair")
    parser.add_argument("--seed", type=int, default=0, help="the number of the first")
    parser.add_argument("--minutes", type=float, default=20, help="stop after this long")
    parser.add_argument("--pair", choices=PAIRS, action="append", help="only this one")
    parser.add_argument("--only", type=int, help="one exchange, with its request")
    options = parser.parse_args()
    pairs = options.pair or PAIRS
    if options.only is not None:
        return _one(pairs[0], options.only)
    until, failed = time.monotonic() + options.minutes * 60, False
    for pair in pairs:
        failed = _many(pair, range(options.seed, options.seed + options.count), until) or failed
    return int(failed)


def _many(pair: str, numbers: range, until: float) -> bool:
    tried, refused = 0, 0
    kinds: Counter[str] = Counter()
    first: dict[str, tuple[int, str]] = {}
    for number in numbers:
        if time.monotonic() > until:
            print(f"{pair}: time is up before exchange {number}")
            break
        found = judged(pair, number)
        tried, refused = tried + 1, refused + found.refused
        for fault in found.faults:
            kind = VARIABLE.sub("*", fault)
            kinds[kind] += 1
            first.setdefault(kind, (number, fault))
    print(f"{pair}: {tried} exchanges, {refused} requests refused, {len(kinds)} kinds of fault")
    for kind, count in kinds.most_common():
        number, fault = first[kind]
        print(f"  {count:5}  --pair {pair} --only {number}: {fault}")
    return bool(kinds)


def _one(pair: str, number: int) -> int:
    body = SIDES[pair.split("/")[0]].request(Random(f"{pair} {number}"))
    found = judged(pair, number)
    print(json.dumps(body, indent=1))
    print("refused" if found.refused else "translated", *found.faults, sep="\n")
    return int(bool(found.faults))


if __name__ == "__main__":
    sys.exit(main())
