"""Made-up requests to every generation of models: valid upstream, or refused by a path that is real.

The upstream's side is judged by the strict checker: the provider's own types, and the stand-in's
rules. A failure names the seed; `invented.body(Random(seed))` is the request.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from aisix.errors import CallerError
from aisix.mapping.exchange import Exchange, ResolvedModel
from tests.long import times
from tests.mapping import invented
from tests.mapping.test_properties import MAPPING, names_a_place
from tests.strict.anthropic_wire import anthropic_request_errors, append_only_errors

VERSIONS = (None, "2026-10-21")
MODELS = [MAPPING.example(row) for row in MAPPING.tree.data["models"]["model"]]


def answer(body: Any, model: str, version: str | None, compiled: bool) -> tuple[Any, ...]:
    """("sent", body, warnings, headers), or ("refused", status, error)."""
    tables = MAPPING.effective(model, version)
    talk = Exchange(
        tables,
        MAPPING.caller,
        ResolvedModel("a", model),
        now=1795000000,
        new_id=lambda: "msg_0",
        compiled=compiled,
    )
    given = json.loads(json.dumps(body))
    try:
        sent = talk.request(given)
    except CallerError as error:
        told = talk.fault(error)
        return "refused", told.status, json.loads(told.body)["error"]
    finally:
        assert given == json.loads(json.dumps(body)), "the caller's request was changed in place"
    return "sent", json.loads(sent.body), talk.warnings, sent.headers


def checked(body: Any, model: str, version: str | None, seed: int) -> None:
    """Both forms agree, and what they say holds."""
    found = answer(body, model, version, True)
    assert found == answer(body, model, version, False), seed
    if found[0] == "refused":
        _, status, error = found
        assert status == 400, seed
        assert error["param"] is None or names_a_place(error["param"], body), (seed, error)
        return
    _, out, _, headers = found
    beta = "anthropic-beta" in headers
    errors = anthropic_request_errors(out, version or "2023-06-01", beta)
    assert errors == [], (seed, model, version, errors)


BLOCK = times(50)


def test_there_is_a_model_of_every_generation() -> None:
    assert len(MODELS) >= 15


@pytest.mark.parametrize("block", range(6))
def test_made_up_requests_are_valid_upstream(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        r = Random(seed)
        checked(invented.body(r), r.choice(MODELS), r.choice(VERSIONS), seed)


@pytest.mark.parametrize("block", range(6))
def test_spoiled_requests_are_valid_upstream_or_refused_by_a_real_path(block: int) -> None:
    for seed in range(times(1000) + block * BLOCK, times(1000) + (block + 1) * BLOCK):
        r = Random(seed)
        body = invented.spoiled(r)
        if malformed_schema(body):
            continue  # what stands in a tool's schema is between the caller and the provider
        checked(body, r.choice(MODELS), r.choice(VERSIONS), seed)


def malformed_schema(body: Any) -> bool:
    """Whether a schema of a tool is none that invented.py would write."""
    tools = body.get("tools") if isinstance(body.get("tools"), list) else []
    functions = body.get("functions") if isinstance(body.get("functions"), list) else []
    found = [t.get("function") for t in tools if isinstance(t, dict)] + functions
    return any(f.get("parameters") not in invented.SCHEMAS for f in found if isinstance(f, dict))


def test_made_up_conversations_only_grow() -> None:
    """What was sent for the shorter conversation begins what is sent for the longer one."""
    tried = 0
    for seed in range(2000, 2150):
        r = Random(seed)
        body, model = invented.body(r), r.choice(MODELS)
        # An assistant that says nothing, or speaks first, has no place upstream: filled or left out.
        spoken = [m for m in body["messages"] if m["role"] not in ("developer", "system")]
        silent = any(
            m["role"] == "assistant"
            and not (m.get("content") or "").strip()
            and not any(m.get(k) for k in ("tool_calls", "function_call", "refusal"))
            for m in spoken
        )
        if silent or not spoken or spoken[0]["role"] == "assistant":
            continue

        def translate(given: Any, model: str = model) -> Any:
            found = answer(given, model, None, True)
            if found[0] == "refused":
                raise LookupError
            return found[1]

        try:
            assert append_only_errors(translate, body) == [], seed
            tried += 1
        except LookupError:
            continue
    assert tried > 30
