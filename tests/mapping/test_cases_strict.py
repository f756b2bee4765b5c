"""Both wire sides of every case are valid, by checks that know nothing of the gateway."""

from __future__ import annotations

import msgspec
import pytest

from aisix.mapping.mappings import load_mappings
from aisix.mapping.verify import cases
from aisix.mapping.verify.cases import Case
from aisix.standin.rules import complaints
from tests.running import ROOT
from tests.strict import anthropic_wire, openai_wire

NAME = "openai-chat/anthropic-messages"
MAPPING = load_mappings([ROOT / "mappings"]).mappings[NAME]
CASES = list(cases.find((ROOT / "mappings",), NAME))


def having(name: str) -> list[Case]:
    return [case for case in CASES if name in case.files]


@pytest.mark.parametrize("case", having("upstream-request.json"), ids=lambda c: c.name)
def test_the_upstream_accepts_what_it_is_sent(case: Case) -> None:
    body = case.json("upstream-request.json")
    about = case.about
    version = about.get("version", "2023-06-01")
    betas = set(about.get("headers", {}).get("anthropic-beta", "").split(",")) - {""}
    # `odd`: what a caller insists on goes as it is, and the upstream's refusal is the answer.
    assert bool(complaints(body, version=version, betas=betas)) == about.get("odd", False)


@pytest.mark.parametrize("case", having("caller-response.json"), ids=lambda c: c.name)
def test_an_openai_client_can_read_the_answer(case: Case) -> None:
    body = case.json("caller-response.json")
    if "error" in body:
        headers = {"content-type": "application/json", "x-request-id": "req_1"}
        raw = msgspec.json.encode(body)
        status = case.about.get("status", 400)
        assert openai_wire.openai_error_errors(status, headers, raw) == []
    else:
        assert openai_wire.openai_completion_errors(body, ("Choice.stop_reason",)) == []


@pytest.mark.parametrize("case", having("caller-error.json"), ids=lambda c: c.name)
def test_a_refusal_has_the_envelope(case: Case) -> None:
    headers = {"content-type": "application/json", "x-request-id": "req_1"}
    raw = msgspec.json.encode(case.json("caller-error.json"))
    assert openai_wire.openai_error_errors(case.about.get("status", 400), headers, raw) == []


@pytest.mark.parametrize("case", having("caller-stream.sse"), ids=lambda c: c.name)
def test_an_openai_client_can_read_the_stream(case: Case) -> None:
    data = case.files["caller-stream.sse"]
    asked = case.request(MAPPING.caller)
    if any(tool.get("type") == "custom" for tool in asked.get("tools", ())):
        return  # the SDK's chunk types know functions only
    usage = (asked.get("stream_options") or {}).get("include_usage", False)
    ends = "done" if b"[DONE]" in data else "error"
    assert openai_wire.openai_stream_errors(data, usage, ends, ("Choice.stop_reason",)) == []


@pytest.mark.parametrize("case", having("upstream-response.json"), ids=lambda c: c.name)
def test_the_upstream_really_answers_like_that(case: Case) -> None:
    raw = case.files["upstream-response.json"]
    if case.about.get("upstream_status", 200) != 200 or case.about.get("status", 200) != 200:
        return
    body = msgspec.json.decode(raw)
    unknown = any("of_tomorrow" in str(word) for word in (body["stop_reason"], raw))
    if not unknown and case.name not in WITHOUT_TYPES:
        assert anthropic_wire.anthropic_message_errors(body) == []


# Blocks and keys the SDK has no type for, or that a case leaves bare on purpose.
WITHOUT_TYPES = {
    case.name
    for case in CASES
    if case.name.startswith(("answer-block-", "answer-unknown-keys", "stop-reason-none"))
    or case.name in ("answer-connector-text", "stop-reason-compaction", "usage-nulls")
    or case.name == "answer-tool-use-without-call"
    or case.about.get("odd")
}


@pytest.mark.parametrize("mapping", [NAME])
def test_the_tables_have_nothing_to_complain_about(mapping: str) -> None:
    from aisix.mapping.verify.check import findings

    assert findings(load_mappings([ROOT / "mappings"]), with_cases=False) == []


def test_there_is_a_case_for_every_row() -> None:
    assert len(CASES) > 150
