"""Both wire sides of every case of every mapping are valid, by checks that know nothing of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from aisix.mapping.mappings import load_mappings
from aisix.mapping.verify import cases
from aisix.mapping.verify.cases import Case
from aisix.standin import chat
from aisix.standin.rules import complaints
from tests.running import ROOT
from tests.strict import anthropic_wire
from tests.strict.callers import CALLERS, Checks

MAPPINGS = load_mappings([ROOT / "mappings"]).mappings
CASES = [(name, case) for name in MAPPINGS for case in cases.find((ROOT / "mappings",), name)]
OPENAI, ANTHROPIC = "openai-chat", "anthropic-messages"
FULL = f"{OPENAI}/{ANTHROPIC}"
HEADERS = {"content-type": "application/json", "x-request-id": "req_1", "request-id": "req_1"}

# What is passed on as it came, though no strict type has it; and the old name of a limit, which an
# option sends to a server whose model is called like one that refuses it.
AS_IT_CAME = {
    f"{ANTHROPIC}/{ANTHROPIC}": ("answer-new-things", "everything"),
    f"{OPENAI}/{OPENAI}": (
        "answer-extras",
        "answer-usage-hit",
        "answer-usage-hit-whole",
        "messages-untouched",
    ),
    f"{ANTHROPIC}/{OPENAI}": ("limit-option-old",),
    FULL: (),
}


def having(file: str, upstream: str = "", caller: str = "") -> pytest.MarkDecorator:
    """Every case with this file, of the mappings between these two."""
    found = [
        pytest.param(name, case, id=f"{name}/{case.name}")
        for name, case in CASES
        if file in case.files
        and name.startswith(caller)
        and name.endswith(f"/{upstream}" * bool(upstream))
        if case.name not in AS_IT_CAME.get(name, ())
    ]
    return pytest.mark.parametrize(("name", "case"), found)


@having("upstream-request.json", upstream=ANTHROPIC)
def test_the_upstream_accepts_what_it_is_sent(name: str, case: Case) -> None:
    body = case.json("upstream-request.json")
    about = case.about
    version = about.get("version", "2023-06-01")
    betas = set(about.get("headers", {}).get("anthropic-beta", "").split(",")) - {""}
    # `odd`: what a caller insists on goes as it is, and the upstream's refusal is the answer.
    assert bool(complaints(body, version=version, betas=betas)) == about.get("odd", False)


@having("upstream-request.json", upstream=OPENAI)
def test_a_server_of_openais_dialect_accepts_what_it_is_sent(name: str, case: Case) -> None:
    chat.check(case.json("upstream-request.json"))


@having("caller-response.json")
def test_a_client_can_read_the_answer(name: str, case: Case) -> None:
    body, checks = case.json("caller-response.json"), checks_of(name)
    if "error" in body and isinstance(body["error"], dict):
        raw, status = msgspec.json.encode(body), case.about.get("status", 400)
        assert checks.error(status, HEADERS, raw) == []
    else:
        assert checks.answer(body, asked(name, case)) == []


@having("caller-error.json")
def test_a_refusal_has_the_envelope(name: str, case: Case) -> None:
    raw = msgspec.json.encode(case.json("caller-error.json"))
    assert checks_of(name).error(case.about.get("status", 400), HEADERS, raw) == []


@having("caller-stream.sse")
def test_a_client_can_read_the_stream(name: str, case: Case) -> None:
    assert checks_of(name).stream(case.files["caller-stream.sse"], asked(name, case)) == []


def checks_of(name: str) -> Checks:
    return CALLERS[name.partition("/")[0]]


def asked(name: str, case: Case) -> dict[str, Any]:
    """The request that the case's answer is to, with the alias under which it is told."""
    caller = MAPPINGS[name].caller
    return {**case.request(caller), "model": case.about.get("alias") or caller.sample_alias}


# Blocks and keys the SDK has no type for, or that a case leaves bare on purpose.
WITHOUT_TYPES = {
    case.name
    for _, case in CASES
    if case.name.startswith(("answer-block-", "answer-unknown-keys", "stop-reason-none"))
    or case.name in ("answer-connector-text", "stop-reason-compaction", "usage-nulls")
    or case.name in ("answer-tool-use-without-call", "answer-ids-empty-or-twice")
    or case.name == "answer-input-as-text"
    or case.about.get("odd")
}


@having("upstream-response.json", upstream=ANTHROPIC, caller=OPENAI)
def test_the_upstream_really_answers_like_that(name: str, case: Case) -> None:
    raw = case.files["upstream-response.json"]
    if case.about.get("upstream_status", 200) != 200 or case.about.get("status", 200) != 200:
        return
    body = msgspec.json.decode(raw)
    unknown = any("of_tomorrow" in str(word) for word in (body["stop_reason"], raw))
    if not unknown and case.name not in WITHOUT_TYPES:
        assert anthropic_wire.anthropic_message_errors(body) == []


def test_the_tables_have_nothing_to_complain_about() -> None:
    from aisix.mapping.verify.check import check

    assert check([ROOT / "mappings"], with_cases=False) == []


def test_there_is_a_case_for_every_row() -> None:
    assert len([name for name, _ in CASES if name == FULL]) > 150
