"""One exchange by its number: translate, judge, and say what is wrong with it.

faults("openai-chat/anthropic-messages", 17)  # -> [] or what was lost, invented, said twice
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any, NamedTuple

from anthropic.types import message_create_params
from openai.types.chat import completion_create_params
from openai.types.responses import response_create_params

from aisix.errors import CallerError
from aisix.mapping.exchange import Exchange, ResolvedModel
from aisix.mapping.mappings import Mapping, load_mappings
from tests.differential import answers, requests
from tests.differential.declared import ADDED, QUIET, QUIET_ANSWER, REPEATED, TWICE, words
from tests.differential.judge import doubled, invented, lost
from tests.differential.responses_requests import responses_request
from tests.differential.shapes import Json
from tests.running import ROOT
from tests.strict import anthropic_wire, openai_wire, responses_wire


class Side(NamedTuple):
    """A dialect: how its requests, answers and streams are made, checked and read."""

    request: Callable[[Random], dict[str, Json]]
    answer: Callable[[Random], dict[str, Json]] | None  # of an upstream
    stream: Callable[[Random, dict[str, Json]], bytes] | None
    parameters: Any
    models: tuple[str, ...]
    answer_errors: Callable[[Any], list[str]]


CLAUDES = (
    *("claude-opus-5-5", "claude-sonnet-5-5", "claude-opus-4-8", "claude-sonnet-4-6"),
    *("claude-haiku-4-5", "claude-opus-4-1", "claude-3-5-haiku"),
)
SIDES = {
    "openai-chat": Side(
        requests.openai_request,
        answers.openai_answer,
        answers.openai_stream,
        completion_create_params.CompletionCreateParamsBase,
        ("gpt-5.2",),
        openai_wire.openai_completion_errors,
    ),
    "anthropic-messages": Side(
        requests.anthropic_request,
        answers.claude_answer,
        answers.claude_stream,
        message_create_params.MessageCreateParamsBase,
        CLAUDES,
        anthropic_wire.anthropic_message_errors,
    ),
    "openai-responses": Side(
        responses_request,
        None,
        None,
        response_create_params.ResponseCreateParamsBase,
        (),
        responses_wire.responses_object_errors,
    ),
}
PAIRS = tuple(QUIET)


@cache
def _mappings() -> dict[str, Mapping]:
    return load_mappings([ROOT / "mappings"]).mappings


class Judged(NamedTuple):
    """`refused`: the request was answered with a 4xx, which is an answer too."""

    faults: list[str]
    refused: bool


def judged(pair: str, number: int) -> Judged:
    """The request of this number, and the answer to it, plain and streamed."""
    caller, upstream = (SIDES[name] for name in pair.split("/"))
    random = Random(f"{pair} {number}")
    body = caller.request(random)
    model = random.choice(upstream.models)
    try:
        found = _request_faults(pair, body, model, upstream)
    except CallerError:
        return Judged([], True)
    return Judged([*found, *_answer_faults(pair, body, model, random, caller, upstream)], False)


def _exchange(pair: str, model: str, compiled: bool = True) -> Exchange:
    mapping, ids = _mappings()[pair], iter(range(1, 100))
    return Exchange(
        mapping.effective(model),
        mapping.caller,
        ResolvedModel("alias", model),
        now=1795000000,
        new_id=lambda: str(next(ids)),
        compiled=compiled,
    )


def _told(exchange: Exchange) -> set[str]:
    """What a warning is about. A forced tool that is emulated is the only one that is left."""
    forced = {note.about for note in exchange._told() if note.how == "emulated"} & {"tool_choice"}
    return {note.about for note in exchange._told()} | ({"tools", "functions"} if forced else set())


def _request_faults(pair: str, body: Json, model: str, upstream: Side) -> list[str]:
    exchange = _exchange(pair, model)
    made = json.loads(exchange.request(copy.deepcopy(body)).body)
    ruled = json.loads(_exchange(pair, model, False).request(copy.deepcopy(body)).body)
    known = words(upstream.parameters) | ADDED | {model}
    return [
        *lost(body, made, _told(exchange), QUIET[pair]),
        *doubled(body, made),
        *invented(body, made, known),
        *([] if made == ruled else ["the compiled form and the rules differ"]),
    ]


def _answer_faults(
    pair: str, body: Json, model: str, random: Random, caller: Side, upstream: Side
) -> list[str]:
    assert upstream.answer and upstream.stream
    answer = upstream.answer(random)
    plain = _exchange(pair, model)
    plain.request(
        {k: copy.deepcopy(v) for k, v in body.items() if k not in ("stream", "stream_options")}
    )
    whole = json.loads(plain.response(200, {}, json.dumps(answer).encode()).body)
    told = _told(plain)
    found = [
        *lost(answer, whole, told, QUIET_ANSWER[pair]),
        *doubled(answer, _without(whole, TWICE | REPEATED.get(pair.partition("/")[0], TWICE))),
    ]
    if caller is not upstream:
        found += caller.answer_errors(whole)
    streamed = _exchange(pair, model)
    streamed.request({**copy.deepcopy(body), "stream": True})
    data = upstream.stream(random, answer)
    sent = (
        b"".join(streamed.receive(data[at : at + 700]) for at in range(0, len(data), 700))
        + streamed.end()
    )
    events = [json.loads(line[6:]) for line in sent.split(b"\n") if line.startswith(b"data: {")]
    told = _told(streamed)
    joined = _joined(events)
    found += [f"streamed: {text}" for text in lost(answer, joined, told, QUIET_ANSWER[pair])]
    return [f"answer: {text}" for text in found]


def _without(node: Json, names: frozenset[str]) -> Json:
    if isinstance(node, dict):
        return {k: _without(v, names) for k, v in node.items() if k not in names}
    return [_without(item, names) for item in node] if isinstance(node, list) else node


def _joined(events: list[Json]) -> Json:
    """The texts of a stream end to end, each field's by itself, so that marks cut in two are whole."""
    texts: dict[str, str] = {}
    rest: list[Json] = []

    def walk(node: Json, path: str) -> None:
        if isinstance(node, dict):
            place = path + str(node.get("index", ""))
            for key, below in node.items():
                walk(below, f"{place}.{key}")
        elif isinstance(node, list):
            for below in node:
                walk(below, path)
        elif isinstance(node, str):
            texts[path] = texts.get(path, "") + node
        else:
            rest.append(node)

    for event in events:
        walk(event, "")
    return [texts, rest]
