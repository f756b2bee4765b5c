"""Events that hold anything at once have a form; what that cannot do, the interpreter goes on with."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from aisix.mapping.compile.answer import FormCache
from aisix.mapping.exchange import Exchange, ResolvedModel
from aisix.mapping.mappings import Mapping, load_mappings
from tests.running import ROOT

ASKED = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "q"}]}
ITEMS = {"model": "m", "max_output_tokens": 99, "input": "q"}
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}
ANSWER = {"id": "c", "object": "chat.completion", "choices": [CHOICE]}
EVENTS = [
    {"id": "c", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hel"}}]},
    {"id": "c", "choices": [{"index": 0, "delta": {"content": "lo"}}]},
    *(
        {"id": "c", "choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, **piece}]}}]}
        for piece in (
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{"}},
            {"function": {"arguments": "}"}},
        )
    ),
    {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {"id": "c", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
]
STREAM = (
    b"".join(f"data: {json.dumps(event)}\n\n".encode() for event in EVENTS) + b"data: [DONE]\n\n"
)
CALLERS = ("openai-chat", "anthropic-messages", "openai-responses")
PAIRS = [f"{caller}/openai-chat" for caller in CALLERS]
# Which functions the answers above need: of events as they are, of their pieces, of the whole.
USED = {
    "openai-chat": {"event", "reason", "whole"},
    "anthropic-messages": {
        "pieces", "words", "acts", "gives", "begins", "emits", "reason", "whole"
    },
    "openai-responses": {
        "event", "pieces", "words", "acts", "gives", "begins", "sets", "emits", "reason"
    },
}  # fmt: skip
PARTS = [*sorted(set().union(*USED.values())), "pieces, when it is done"]


@pytest.fixture(params=PAIRS)
def mapping(request: pytest.FixtureRequest) -> Mapping:
    """Tables that no other test has compiled."""
    return load_mappings([ROOT / "mappings"]).mappings[request.param]


def exchange(mapping: Mapping, stream: bool, compiled: bool = True) -> Exchange:
    tables, target = mapping.effective("gpt-5.2"), ResolvedModel("m", "gpt-5.2")
    talk = Exchange(
        tables, mapping.caller, target, now=1, new_id=lambda: "0", compiled=compiled
    )  # fmt: skip
    talk.request({**(ITEMS if mapping.name == PAIRS[2] else ASKED), "stream": stream})
    talk.take_fallbacks()
    return talk


def answered(talk: Exchange) -> Any:
    if talk.stream:
        return talk.receive(STREAM) + talk.end(), talk.tokens
    return talk.response(200, {}, json.dumps(ANSWER).encode()).body, talk.tokens


@pytest.mark.parametrize("stream", [False, True])
def test_the_usual_answer_needs_no_interpreter(mapping: Mapping, stream: bool) -> None:
    talk = exchange(mapping, stream)
    assert answered(talk) == answered(exchange(mapping, stream, compiled=False))
    assert talk._answering is not None and talk._answering.deltas is not None
    assert not talk.take_fallbacks()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("part", PARTS)
def test_a_mistake_in_any_part_is_made_good_and_told(
    mapping: Mapping,
    monkeypatch: pytest.MonkeyPatch,
    swallowed: list[Exception],
    part: str,
    stream: bool,
) -> None:
    right = answered(exchange(mapping, stream, compiled=False))
    talk = exchange(mapping, stream)
    form = talk.tables.answers.deltas.find(talk._remember, False)
    assert form is not None

    part, _, late = part.partition(", ")
    made = getattr(form, part)

    def mistaken(*given: Any) -> Any:
        if late:
            made(*given)
        return 1 / 0

    broken: Any = dict.fromkeys(made, mistaken) if isinstance(made, dict) else mistaken
    find = FormCache.find
    changed = replace(form, **{part: broken})
    monkeypatch.setattr(
        FormCache, "find", lambda cache, *given: find(cache, *given) and changed
    )  # fmt: skip
    assert answered(talk) == right
    used = part in USED[mapping.name.partition("/")[0]] and not (
        (part == "whole" and stream)
        or (part == "acts" and not stream)  # each block of it is one piece, with which it begins
    )
    kind = "stream" if stream else "plain"
    assert [(p, r) for p, r, _ in talk.take_fallbacks()] == [(kind, "bug")] * used
    assert len(swallowed) == used
    swallowed.clear()
