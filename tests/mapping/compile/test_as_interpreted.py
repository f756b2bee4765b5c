"""The compiled form gives what the interpreter gives: for every case, and for random input."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aisix.errors import CallerError
from aisix.mapping.compile.runtime import Bail, CompiledRequest
from aisix.mapping.exchange import Exchange
from aisix.mapping.mappings import Mapping, load_mappings
from aisix.mapping.verify import cases
from tests.long import times
from tests.mapping.test_properties import MODELS, REAL, anything, conversations
from tests.running import ROOT

MAPPINGS = load_mappings([ROOT / "mappings"])
ALL = [
    pytest.param(mapping, case, id=f"{name}/{case.name}")
    for name, mapping in MAPPINGS.mappings.items()
    for case in cases.find((ROOT / "mappings",), name)
]
MAPPING = MAPPINGS.mappings["openai-chat/anthropic-messages"]
CASES = [case for mapping, case in (p.values for p in ALL) if mapping is MAPPING]
some = settings(
    max_examples=times(150), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def both(case: cases.Case, mapping: Mapping) -> tuple[Exchange, Exchange]:
    return (
        cases.exchange(case, mapping),
        cases.exchange(replace(case, compiled=False), mapping),
    )


def request(talk: Exchange, body: Any) -> Any:
    """All that comes of a request."""
    try:
        sent = talk.request(json.loads(json.dumps(body)))
    except CallerError as error:
        return error.kind, error.param, talk.fault(error).body
    return sent, talk.warnings, talk._remember


def test_fields_a_caller_makes_up_do_not_use_up_the_forms() -> None:
    mapping = load_mappings([ROOT / "mappings"]).mappings["openai-chat/anthropic-messages"]
    forms = mapping.effective("claude-sonnet-4-6").forms
    body = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 9}
    answered = 0
    for number in range(100):
        odd = {**body, f"made_up_{number}": 1}
        try:
            forms.translate(odd, CompiledRequest(odd, "m", "claude-sonnet-4-6", {}))
        except Bail:
            continue
        answered += 1
    assert 0 < answered < 50
    call = CompiledRequest(body, "m", "claude-sonnet-4-6", {})
    assert forms.translate(body, call)["max_tokens"] == 9


@pytest.mark.parametrize("named", MAPPINGS.mappings.values(), ids=MAPPINGS.mappings)
def test_a_request_is_the_same_in_both_forms_to_the_byte(named: Mapping) -> None:
    by_form = 0
    for mapping, case in (parameters.values for parameters in ALL):
        if mapping is not named:
            continue
        fast, slow = both(case, mapping)
        body = case.request(mapping.caller)
        headers = dict(case.about.get("caller_headers", {}))
        call = CompiledRequest(body, fast.target.alias, fast.target.upstream_model, headers)
        assert request(fast, body) == request(slow, body), case.name
        try:
            fast.tables.forms.translate(body, call)
            by_form += 1
        except Exception as error:
            # Bail, or a verb's refusal: the interpreter had the last word.
            assert isinstance(error, Bail) or "caller-error.json" in case.files, case.name
    if named is MAPPING:  # or the whole file would compare the interpreter with itself
        assert by_form > len(CASES) * 0.8


@pytest.mark.parametrize(("mapping", "case"), ALL)
def test_an_answer_is_the_same_in_both_forms_to_the_byte(
    mapping: Mapping, case: cases.Case
) -> None:
    slow = replace(case, compiled=False)
    if "upstream-stream.sse" in case.files:
        pieces = [case.files["upstream-stream.sse"]]
        assert cases.stream(case, mapping, pieces) == cases.stream(slow, mapping, pieces)
    if "upstream-response.json" in case.files:
        one, talk = cases.answered(case, mapping, [])
        two, plain = cases.answered(slow, mapping, [])
        assert (one, talk.warnings, talk.tokens) == (two, plain.warnings, plain.tokens)
        assert talk.unknown == plain.unknown


@pytest.mark.parametrize("mapping", MAPPINGS.mappings.values(), ids=MAPPINGS.mappings)
def test_every_answer_has_a_form(mapping: Mapping) -> None:
    for row in mapping.tree.data["models"]["model"]:
        tables = mapping.effective(mapping.example(row))
        names = tables.request.remember
        for words in ({}, dict.fromkeys(names, True), {name: ["x"] for name in names}):
            for wants_usage in (True, False):
                given = {**dict.fromkeys(names), **words}
                # What is not made of blocks and deltas has one form for both, piece by piece.
                made = tables.answer.compiles
                assert (tables.answers.deltas.find(given, wants_usage) is None) is made
                assert (tables.answers.stream.find(given, wants_usage) is not None) is made
                assert (tables.answers.plain.find(given, wants_usage) is not None) is made


# ---------------------------------------------------------------- random input
@some
@given(st.sampled_from(CASES), st.data())
def test_a_spoilt_request_is_the_same_in_both_forms(case: cases.Case, data: st.DataObject) -> None:
    body = json.loads(json.dumps(case.request(MAPPING.caller)))
    spoil(body, data)
    fast, slow = both(case, MAPPING)
    assert request(fast, body) == request(slow, body)


@some
@given(conversations(), st.sampled_from(MODELS), st.sampled_from(REAL))
def test_a_conversation_is_the_same_in_both_forms(
    messages: list[dict[str, Any]], model: str, other: dict[str, Any]
) -> None:
    about = {"model": model}
    fast, slow = both(cases.Case("", ROOT, about, {}), MAPPING)
    body = {**other, "messages": messages}
    assert request(fast, body) == request(slow, body)


def with_file(name: str) -> st.SearchStrategy[tuple[Mapping, cases.Case]]:
    """A case that has it, of each mapping as often as of any other."""
    found = [[p.values for p in ALL if p.values[0] is m and name in p.values[1].files]
             for m in MAPPINGS.mappings.values()]  # fmt: skip
    return st.one_of([st.sampled_from(of_one) for of_one in found if of_one])  # type: ignore[arg-type]


def spoil(node: Any, data: st.DataObject) -> None:
    """One value somewhere becomes another, or goes."""
    spots: list[Any] = []

    def walk(below: Any) -> None:
        for key, value in below.items() if isinstance(below, dict) else enumerate(below):
            spots.append((below, key))
            if isinstance(value, dict | list):
                walk(value)

    walk(node)
    if not spots:
        return
    below, key = data.draw(st.sampled_from(spots))
    if data.draw(st.booleans()):
        below[key] = data.draw(anything)
    else:
        del below[key]


def outcome(run: Any) -> Any:
    try:
        return run()
    except Exception as error:
        return type(error)


@some
@given(with_file("upstream-response.json"), st.data())
def test_a_spoilt_answer_is_the_same_in_both_forms(
    pair: tuple[Mapping, cases.Case], data: st.DataObject
) -> None:
    mapping, case = pair
    body = json.loads(case.files["upstream-response.json"])
    spoil(body, data)
    files = {**case.files, "upstream-response.json": json.dumps(body).encode()}

    def run(compiled: bool) -> Any:
        spoilt = replace(case, files=files, compiled=compiled)
        answer, talk = cases.answered(spoilt, mapping, [])
        return answer, talk.warnings, talk.unknown, talk.tokens

    assert outcome(lambda: run(True)) == outcome(lambda: run(False))


@some
@given(with_file("upstream-stream.sse"), st.data())
def test_a_spoilt_stream_is_the_same_in_both_forms(
    pair: tuple[Mapping, cases.Case], data: st.DataObject
) -> None:
    mapping, case = pair
    frames = []
    for frame in case.files["upstream-stream.sse"].replace(b"\r\n", b"\n").split(b"\n\n"):
        lines = [line for line in frame.split(b"\n") if line.startswith(b"data:")]
        try:
            event = json.loads(b"\n".join(line[5:] for line in lines))
        except ValueError:
            continue
        if isinstance(event, dict):
            frames.append(event)
    for _ in range(data.draw(st.integers(1, 3))):
        how = data.draw(st.sampled_from(["spoil", "leave out", "twice", "swap"]))
        spot = data.draw(st.integers(0, max(0, len(frames) - 1)))
        if how == "spoil":
            spoil(frames, data)
        elif frames and how == "leave out":
            del frames[spot]
        elif frames:
            frames.insert(0 if how == "swap" else spot, frames[spot])
    raw = b"".join(b"data: " + json.dumps(frame).encode() + b"\n\n" for frame in frames)

    def run(compiled: bool) -> Any:
        spoilt = replace(case, compiled=compiled)
        wrong: list[str] = []
        return cases.stream(spoilt, mapping, [raw], wrong), wrong

    assert outcome(lambda: run(True)) == outcome(lambda: run(False))
