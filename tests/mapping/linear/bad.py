"""Shapes thought of: what is many, deep, alike, out of order or in small pieces.

Bodies that are valid, or nearly so, in the words of each dialect: the places where requests have
lists and maps, the ways upstreams repeat, interleave and cut.
"""

from __future__ import annotations

from collections.abc import Iterator

from aisix.mapping.mappings import Mapping
from aisix.mapping.verify.cases import Case
from tests.mapping.linear.bad_answers import ANSWERS, ERRORS, PIECES, STREAMS
from tests.mapping.linear.bad_requests import REQUESTS
from tests.mapping.linear.generated import encoded, framed
from tests.mapping.linear.jobs import Job
from tests.mapping.linear.measure import Shape
from tests.running import ROOT

DEEPEST = 400  # in one another: deeper is refused by whoever reads JSON


def shapes(mapping: Mapping) -> Iterator[Shape]:
    """Every shape of one pair of dialects, by the compiled form and rule by rule."""
    caller, upstream = mapping.name.split("/")
    plain = Case("plain", ROOT, {}, {})  # the dialect's own sample is asked
    for rules in (False, True):
        for name, body in REQUESTS[caller].items():
            job = Job("request", plain, mapping, rules)
            yield Shape(name, job, lambda n, body=body: [encoded(body(n))], _most(name))
        for name, body in ANSWERS[upstream].items():
            job = Job("answer", plain, mapping, rules)
            yield Shape(name, job, lambda n, body=body: [encoded(body(n))], _most(name))
        for name, events in STREAMS[upstream].items():
            job = Job("stream", plain, mapping, rules)
            yield Shape(name, job, lambda n, events=events: [b"".join(map(framed, events(n)))])
    for name, body in REQUESTS[caller].items():
        yield Shape(
            name,
            Job("explain", plain, mapping),
            lambda n, body=body: [encoded(body(n))],
            _most(name),
        )
        yield Shape(
            name, Job("count", plain, mapping), lambda n, body=body: [encoded(body(n))], _most(name)
        )
    for name, body in ERRORS.items():
        yield Shape(
            name, Job("error", plain, mapping), lambda n, body=body: [encoded(body(n))], _most(name)
        )
    for name, pieces in PIECES.items():
        job = Job("stream", plain, mapping)
        base = b"".join(map(framed, STREAMS[upstream]["texts"](2)))
        yield Shape(name, job, lambda n, pieces=pieces, base=base: pieces(n, base))


def _most(name: str) -> int:
    return DEEPEST if "deep" in name else 1 << 15
