"""How callers fare, in a few numbers: what a roll-out of tables looks at.

    traffic(scoreboard)     {"requests": 120, "failed": 3, "fallbacks": 0}

Over all workers since the gateway began, as the metrics count it.
"""

from __future__ import annotations

from aisix.workers.scoreboard import Scoreboard

REQUESTS = "aisix_requests_total"
BROKEN, FALLBACKS = "aisix_streams_failed_total", "aisix_translation_fallbacks_total"
BESIDE = frozenset(("health", "about", "preflight", "none"))  # routes that ask for no translation
# What tables at fault make of a request that was none. Not: who may what, limits, callers who left.
AT_FAULT = frozenset(("400", "404", "405", "415", "422"))


def traffic(scoreboard: Scoreboard) -> dict[str, int]:
    """requests: for all routes but those of probes and browsers' own questions; failed: those that
    were answered with a fault, or ended with one; fallbacks: parts of them that compiled tables
    left to the interpreter."""
    told = {"requests": 0, "failed": 0, "fallbacks": 0}
    for slot in scoreboard.slots:
        for key, values in slot.series():
            count = int(values[0])
            if key[0] == REQUESTS and key[1] not in BESIDE:
                status = key[3]
                told["requests"] += count
                told["failed"] += count * (status in AT_FAULT or status[0] == "5")
            elif key[0] == BROKEN:
                told["failed"] += count
            elif key[0] == FALLBACKS:
                told["fallbacks"] += count
    return told
