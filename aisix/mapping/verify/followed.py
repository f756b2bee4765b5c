"""One rule followed through a report: each time it ran, or why it never did."""

from __future__ import annotations

from aisix.mapping.interpret.trace import RuleRun
from aisix.mapping.syntax.rules import Place
from aisix.mapping.verify.explain import Report


def followed(report: Report, rule: str) -> list[RuleRun]:
    """Every time the rule (or one below it) ran; without any, one entry that says why not."""
    trace = report.trace
    assert trace is not None
    if trace.runs:
        return trace.runs
    return [RuleRun(rule, "", "", (), "never ran", _why_not(trace.reached, rule))]


def _why_not(places: dict[Place, int], rule: str) -> str:
    reached = {place.name: times for place, times in places.items()}
    words = rule.split(".")
    for length in range(len(words), 1, -1):
        name = ".".join(words[:length])
        if name in reached:
            return f"{name} was reached {reached[name]} times, and asked for no such rule"
        above = ".".join(words[: length - 1])
        beside = [one for one in reached if one.startswith(f"{above}.")]
        if beside:
            said = ", ".join(f"{one} ({reached[one]} times)" for one in beside[:8])
            return f"nothing reached {name}; what was reached: {said}"
    return "nothing asked for it: no rule of this name, or nothing of this file leads to it"
