"""Whatever a caller of the Responses API sends: the upstream gets what it accepts, or the caller a path.

What is valid is judged by the strict checks and the stand-in upstreams; that no request is a failure of
the gateway's own, and that compiled tables and rules agree, is judged by running both.
"""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

import pytest

from aisix.errors import CallerError
from aisix.mapping.exchange import Exchange
from aisix.mapping.verify import cases
from aisix.standin import chat
from tests.fuzzed.item_lists import request
from tests.fuzzed.responses import CHAT, MESSAGES, mappings
from tests.long import times
from tests.mapping.linear.jobs import decoded
from tests.running import ROOT
from tests.strict.anthropic_wire import anthropic_request_errors
from tests.strict.openai_wire import openai_request_errors
from tests.strict.paths import leads

COUNT = 400
MODELS = {
    MESSAGES: ("claude-opus-4-8", "claude-opus-5-5", "claude-haiku-4-5", "claude-3-5-haiku"),
    CHAT: ("served-model", "gpt-5.2", "gpt-4.1", "deepseek-reasoner"),
}


def talk(mapping: str, model: str, compiled: bool) -> Exchange:
    case = cases.Case("", ROOT, {"model": model}, {}, compiled=compiled)
    return cases.exchange(case, mappings()[mapping])


def answered(exchange: Exchange, body: dict[str, Any]) -> tuple[int, Any]:
    """200 and what the upstream is sent, or the caller's error."""
    try:
        sent = exchange.request(decoded(json.dumps(body).encode()))  # halves of characters mended
    except CallerError as error:
        answer = exchange.fault(error)
        return answer.status, json.loads(answer.body)["error"]
    return 200, (json.loads(sent.body), exchange.warnings)


def wrong(mapping: str, number: int) -> list[str]:
    """What is wrong with what becomes of the request of this number."""
    random = Random(f"{mapping} {number}")
    body, model = request(random), random.choice(MODELS[mapping])
    status, said = answered(talk(mapping, model, True), body)
    found = [] if (status, said) == answered(talk(mapping, model, False), body) else ["two forms"]
    if status != 200:
        named = said["param"] is not None and leads(said["param"], body)
        return [*found, *([] if status == 400 and named else [f"refused: {status} {said}"])]
    sent, _ = said
    if mapping == MESSAGES:
        return found + anthropic_request_errors(sent, beta=True)
    found += openai_request_errors(sent)
    try:
        chat.check(sent)
    except chat.Wrong as refused:
        if refused.args[2] != "invalid_function_parameters":  # a schema goes as it is
            found.append(f"the stand-in: {refused.args}")
    return found


@pytest.mark.parametrize("mapping", MODELS)
def test_an_item_list_of_any_shape_is_valid_upstream_or_refused_by_its_path(mapping: str) -> None:
    found = {number: wrong(mapping, number) for number in range(times(COUNT))}
    assert not {number: one for number, one in found.items() if one}


@pytest.mark.parametrize("mapping", MODELS)
def test_the_requests_are_of_every_kind(mapping: str) -> None:
    """Or the test above shows less than it says."""
    made = [Random(f"{mapping} {number}") for number in range(COUNT)]
    told = [answered(talk(mapping, MODELS[mapping][0], True), request(random)) for random in made]
    sent = [said for status, said in told if status == 200]
    assert COUNT * 0.3 < len(sent) < COUNT * 0.9
    assert any(warnings for _, warnings in sent) and any("tools" in body for body, _ in sent)
    params = {said["param"] for status, said in told if status != 200}
    assert {re.sub(r"\d+", "0", param).count("[") for param in params} >= {0, 1, 2}
