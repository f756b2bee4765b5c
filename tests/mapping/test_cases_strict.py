"""Both wire sides of every case of every mapping are valid, by checks that know nothing of it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from aisix.mapping.mappings import load_mappings
from aisix.mapping.verify import cases
from aisix.mapping.verify.cases import Case
from aisix.standin import chat
from aisix.standin.rules import complaints
from tests.running import ROOT
from tests.strict import anthropic_wire, openai_wire

MAPPINGS = load_mappings([ROOT / "mappings"]).mappings
CASES = [(name, case) for name in MAPPINGS for case in cases.find((ROOT / "mappings",), name)]
OPENAI, ANTHROPIC = "openai-chat", "anthropic-messages"
FULL = f"{OPENAI}/{ANTHROPIC}"
HEADERS = {"content-type": "application/json", "x-request-id": "req_1", "request-id": "req_1"}

# What is passed on as it came, though no strict type has it; and the old name of a limit, which an
# option sends to a server whose model is called like one that refuses it.
AS_IT_CAME = {
    f"{ANTHROPIC}/{ANTHROPIC}": ("answer-new-things", "everything"),
    f"{OPENAI}/{OPENAI}": ("answer-extras", "messages-untouched"),
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
    body = case.json("caller-response.json")
    if "error" in body:
        assert (
            error_errors(name)(case.about.get("status", 400), HEADERS, msgspec.json.encode(body))
            == []
        )
    elif name.startswith(OPENAI):
        assert openai_wire.openai_completion_errors(body, ("Choice.stop_reason",)) == []
    else:
        assert anthropic_wire.anthropic_message_errors(body) == []


@having("caller-error.json")
def test_a_refusal_has_the_envelope(name: str, case: Case) -> None:
    raw = msgspec.json.encode(case.json("caller-error.json"))
    assert error_errors(name)(case.about.get("status", 400), HEADERS, raw) == []


def error_errors(name: str) -> Callable[[int, dict[str, str], bytes], list[str]]:
    if name.startswith("openai"):
        return openai_wire.openai_error_errors
    return anthropic_wire.anthropic_error_errors


@having("caller-stream.sse", caller=OPENAI)
def test_an_openai_client_can_read_the_stream(name: str, case: Case) -> None:
    data = case.files["caller-stream.sse"]
    asked = case.request(MAPPINGS[name].caller)
    if any(tool.get("type") == "custom" for tool in asked.get("tools", ())):
        return  # the SDK's chunk types know functions only
    usage = (asked.get("stream_options") or {}).get("include_usage", False)
    ends = "done" if b"[DONE]" in data else "error"
    assert openai_wire.openai_stream_errors(data, usage, ends, ("Choice.stop_reason",)) == []


@having("caller-stream.sse", caller=ANTHROPIC)
def test_an_anthropic_client_can_read_the_stream(name: str, case: Case) -> None:
    data = case.files["caller-stream.sse"]
    whole = b"event: message_stop" in data
    assert whole or b"event: error" in data
    assert anthropic_wire.anthropic_stream_errors(data, whole) == []


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
