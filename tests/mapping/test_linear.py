"""No walk over what a caller or an upstream sent costs more than its size: see tests/mapping/linear.

Here the shapes thought of, small; all of them, and those made of every golden case, large, in
`python -m tests.mapping.linear`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest

from aisix.mapping.exchange import Exchange
from aisix.mapping.mappings import Mapping, load_mappings
from aisix.mapping.types import ResolvedModel
from aisix.mapping.verify.cases import Case
from tests.mapping.laid import SHIPPED
from tests.mapping.linear import bad, measure
from tests.mapping.linear.bad_answers import blocks
from tests.mapping.linear.generated import framed
from tests.mapping.linear.jobs import Job
from tests.mapping.linear.measure import Shape
from tests.running import ROOT

PAIRS = [
    f"{caller}/{upstream}"
    for caller in ("openai-chat", "anthropic-messages", "openai-responses")
    for upstream in ("anthropic-messages", "openai-chat")
]
ACROSS = [
    pair for pair in PAIRS if len({*pair.split("/")}) > 1
]  # schemas pass the others as they are
SMALL, LARGE = 0.001, 0.02  # seconds of CPU
MANY = 512
# What only a large size shows: copies of lists and texts, which are quick while they are short.
COPIES = (
    *("request: calls and results", "request: calls without results", "request: calls of one id"),
    *("answer: calls", "answer: texts", "stream: calls", "stream: pieces of arguments"),
    *("stream: calls side by side", "stream: cited blocks", "stream: unknown events"),
)


@cache
def mapping(pair: str) -> Mapping:
    return load_mappings([ROOT / "mappings"]).mappings[pair]


def shapes(pair: str) -> Iterator[Shape]:
    for shape in bad.shapes(mapping(pair)):
        told = "an answer's" not in shape.name and "strict" not in shape.name
        if pair not in ACROSS and shape.job.kind == "request":
            told = shape.name.startswith(("messages", "items", "calls", "turns", "tools"))
        if told and shape.job.kind not in ("explain", "count") and not shape.job.rules:
            yield shape


def small(shape: Shape) -> Shape:
    """With no more items than are quickly written; a suspect gets more."""
    return replace(shape, most=min(shape.most, MANY))


@pytest.mark.parametrize("pair", PAIRS)
def test_cpu_grows_with_the_size_and_no_faster(pair: str) -> None:
    found = [measure.measured(small(shape), SMALL) for shape in shapes(pair)]
    assert len(found) > 30
    assert [row for row in found if row.bad] == []


@pytest.mark.parametrize("pair", ACROSS)
def test_nothing_is_copied_again_and_again(pair: str) -> None:
    known = {f"{pair} {one}" for one in COPIES}  # of the other pairs in the long form
    found = [measure.measured(shape, LARGE) for shape in shapes(pair) if str(shape) in known]
    assert found
    assert [row for row in found if row.bad] == []


@pytest.mark.parametrize(
    ("pair", "line"),
    [
        ("openai-chat/anthropic-messages", "request: messages, alternating"),
        ("openai-chat/anthropic-messages", "request: parts"),
        ("openai-chat/anthropic-messages", "request: a tool's schema: a chain of allOf"),
        ("anthropic-messages/openai-chat", "request: tools"),
    ],
)
def test_a_request_that_costs_too_much_is_refused(pair: str, line: str) -> None:
    shape = next(shape for shape in shapes(pair) if str(shape) == f"{pair} {line}")
    work = replace(shape.job, steps=1000).work(shape.make(2000))
    assert work()[0] == "too_much_work"


def test_what_is_quadratic_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    job = Job("stream", Case("plain", ROOT, {}, {}), mapping(PAIRS[0]))

    def make(size: int) -> list[bytes]:
        return [b"".join(map(framed, blocks({"size": size})))]

    def work(self: Job, raw: list[bytes]) -> measure.Timed:
        size = int(raw[0].split(b'"size":')[1].split(b"}")[0])
        return lambda: ("200", sum(i in range(size) for _ in range(size) for i in range(size)))

    monkeypatch.setattr(Job, "work", work)
    assert measure.measured(Shape("square", job, make, most=1000), LARGE).bad


@pytest.mark.parametrize("seed", ["[", "a", " \n", "a "])
def test_an_error_of_one_repeated_text_is_read_at_once(seed: str) -> None:
    """Texts of a provider are searched by the tables' expressions, which nobody can interrupt."""
    mappings = load_mappings([SHIPPED])
    for name, mapping in sorted(mappings.mappings.items()):
        target = ResolvedModel("a", mapping.example(), False)
        caller = mappings.caller(name.split("/")[0])
        tables = mapping.effective(target.upstream_model)
        exchange = Exchange(tables, caller, target, now=0, new_id=str)
        said = json.dumps({"error": {"message": seed * (100_000 // len(seed)) + "\x01"}})
        assert exchange.response(413, {}, said.encode()).error is not None
