"""Histories as a client keeps them: longer ones begin as shorter ones did, names come back as they were.

Prompt caches and bound thinking depend on the first, the clients' tools on the second.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.fuzzed.responses import CHAT, MESSAGES, Json, plain, talk
from tests.long import times
from tests.strict.responses_samples import THOUGHT

some = settings(max_examples=times(80), deadline=None, suppress_health_check=[HealthCheck.too_slow])
TOOLS: list[Json] = [
    {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}},
    {"type": "custom", "name": "w"},
]
USAGE: Json = {"input_tokens": 1, "output_tokens": 1}
texts = st.text("ab ", min_size=1, max_size=5).filter(str.strip)


def user(text: str) -> Json:
    return {"role": "user", "content": [{"type": "input_text", "text": text}]}


@st.composite
def turns(draw: st.DrawFn) -> list[Json]:
    """What follows a question, with all its results."""
    out: list[Json] = []
    results: list[Json] = []
    for number in range(draw(st.integers(0, 3))):
        ident = f"{draw(st.sampled_from(['c', 'a:b', 'x' * 50]))}{number}"
        kind = draw(st.sampled_from(["function_call", "custom_tool_call"]))
        if draw(st.booleans()):
            out.append({"type": "reasoning", "summary": [], "encrypted_content": THOUGHT})
        said = {"arguments": "{}", "name": "f"} if kind == "function_call" else {"input": "x"}
        out.append({"name": "w", **said, "type": kind, "call_id": ident})
        results.append({"type": f"{kind}_output", "call_id": ident, "output": draw(texts)})
    out += draw(st.permutations(results))
    if not results or draw(st.booleans()):
        out.append({"role": "assistant", "content": draw(texts)})
    return out


@st.composite
def histories(draw: st.DrawFn) -> list[list[Json]]:
    """Rounds, each a question and the turns behind it."""
    lead: list[Json] = [{"role": "developer", "content": "D"}] * draw(st.integers(0, 2))
    rounds = [[user(draw(texts)), *draw(turns())] for _ in range(draw(st.integers(1, 4)))]
    return [[*lead, *rounds[0]], *rounds[1:]]


def sent(mapping: str, items: list[Json]) -> Json:
    body = {"model": "claude-prod", "tools": TOOLS, "input": items}
    made: Json = json.loads(talk(mapping).request(body).body)
    return made


@pytest.mark.parametrize("mapping", [MESSAGES, CHAT])
@some
@given(histories(), st.data())
def test_a_longer_history_begins_with_the_shorter_one(
    mapping: str, rounds: list[list[Json]], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(rounds) - 1))
    before = [item for one in rounds[:cut] for item in one]
    asked = [item for item in rounds[cut] if item.get("role") in ("developer", "user")]
    short = sent(mapping, [*before, *asked])
    long = sent(mapping, [item for one in rounds for item in one])
    assert long["messages"][: len(short["messages"])] == short["messages"]
    assert (long.get("system"), long["tools"]) == (short.get("system"), short["tools"])


names = st.text("ab_.- é" + "x" * 3, min_size=1, max_size=4) | st.sampled_from(["n" * 40, "n" * 70])


@some
@given(st.lists(st.tuples(names, names), min_size=1, max_size=6, unique=True))
def test_names_of_groups_are_apart_and_come_back(pairs: list[tuple[str, str]]) -> None:
    """Two names become one only where that is refused, and a call of each has both its names."""
    groups: dict[str, list[Json]] = {}
    for space, name in pairs:
        groups.setdefault(space, []).append({"type": "function", "name": name})
    tools = [{"type": "namespace", "name": g, "tools": t} for g, t in groups.items()]
    body: dict[str, Any] = {"model": "claude-prod", "input": "q", "tools": tools}
    # "a" + "__" + "b" and "a__" + "b" are one by the contract, and refused as one.
    said = [(space.removesuffix("__"), name) for space, name in pairs]
    assume(len(set(said)) == len(said))
    upstream = json.loads(talk(MESSAGES).request(body).body)
    flat = [tool["name"] for tool in upstream["tools"]]
    assert len(set(flat)) == len(pairs) == len(flat)
    wanted = [(space, tool["name"]) for space, inner in groups.items() for tool in inner]
    calls = [
        {"type": "tool_use", "id": f"toolu_{n}", "name": name, "input": {}}
        for n, name in enumerate(flat)
    ]
    message = {"id": "msg_01A", "type": "message", "role": "assistant", "model": "m"}
    whole = {**message, "content": calls, "stop_reason": "tool_use", "usage": USAGE}
    _, answer = plain(MESSAGES, body, whole)
    assert [(call["namespace"], call["name"]) for call in answer["output"]] == wanted
    again = [
        {"role": "user", "content": "q"},
        *answer["output"],
        *(
            {"type": "function_call_output", "call_id": call["call_id"], "output": "r"}
            for call in answer["output"]
        ),
    ]
    back = json.loads(talk(MESSAGES).request({**body, "input": again}).body)
    assert [block["name"] for block in back["messages"][1]["content"]] == flat
