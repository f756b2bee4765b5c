"""What is wrong with one answer as its caller gets it, streamed and plain.

faults(mapping, random) -> list[str]
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from tests.fuzzed import asked as requests
from tests.fuzzed.chat_answers import chat_answer
from tests.fuzzed.messages_answers import Said, Upstream, messages_answer
from tests.fuzzed.responses import CHAT, MESSAGES, Carried, Json, mappings, plain, streamed
from tests.strict.responses_wire import (
    responses_error_errors,
    responses_object_errors,
    responses_stream_errors,
)

ANSWERS: dict[str, Callable[[Random], Upstream]] = {
    name: answer
    for name, answer in {MESSAGES: messages_answer, CHAT: chat_answer}.items()
    if name in mappings()
}
OPTIONS: tuple[Json, ...] = (
    {},
    {},
    {"refusal": "text"},
    {"refusal": "incomplete"},
    {"reasoning_display": "hidden"},
)
HEADERS = {"content-type": "application/json", "x-request-id": "req_1"}
MOST_CUTS = 5
_CALLS = ("function_call", "custom_tool_call", "tool_search_call")


def faults(mapping: str, random: Random) -> list[str]:
    """One answer to one request, its bytes cut anywhere."""
    body = requests.asked(random, stream=True)
    upstream, options = ANSWERS[mapping](random), random.choice(OPTIONS)
    said = upstream.said
    if said is not None and said.refusal and said.calls and options.get("refusal") == "incomplete":
        options = {}  # declined beside calls: which of these end is told by cases
    length = len(upstream.stream)
    cuts = [random.randint(0, length) for _ in range(random.randint(0, MOST_CUTS))]
    carried = streamed(mapping, body, upstream.stream, cuts, options)
    # Of requests only so many forms are compiled, and what few of them say is left to the rules.
    gave_up = [f.reason for f in carried.exchange.fallbacks if f.part != "request"]
    found = [f"the compiled form gave up: {reason}" for reason in gave_up]
    ruled = streamed(mapping, body, upstream.stream, (), options, compiled=False)
    if ruled.events != carried.events:
        found.append("the compiled form and the rules, or other cuts, give other events")
    if not carried.exchange.started:
        return found + _refused(carried, upstream)
    found += responses_stream_errors(carried.data, _ends(upstream, options), body)
    if found or upstream.said is None:
        return found
    found += _unsaid(carried.object["output"], upstream.said, options)
    return found + _apart(mapping, body, upstream, options, carried)


def _ends(upstream: Upstream, options: Json) -> str | None:
    """How the answer must end, for an alias with these options."""
    said = upstream.said
    if said is not None and said.refusal and options.get("refusal") == "incomplete":
        return None  # "incomplete" where the upstream says why it stopped
    return upstream.ends


def _refused(carried: Carried, upstream: Upstream) -> list[str]:
    """An upstream that fails before it says anything: a plain error, with its status."""
    error = carried.exchange.error
    if error is None or upstream.ends != "failed":
        return [f"nothing was sent, and the answer is no failure: {error}"]
    return responses_error_errors(error.status, HEADERS, error.body)


def _apart(
    mapping: str, body: Json, upstream: Upstream, options: Json, carried: Carried
) -> list[str]:
    """Where the plain answer and the end of the stream differ."""
    if upstream.plain is None:
        return []
    status, whole = plain(mapping, body, upstream.plain, options)
    if status != 200:
        return [f"the plain answer is {status}: {whole}"]
    found = [f"plain: {text}" for text in responses_object_errors(whole, body)]
    folded = carried.object
    if "tool_calls=rewritten" in carried.exchange.losses:  # calls came in another order
        whole, folded = _in_any_order(whole), _in_any_order(folded)
    return found + [
        f"{key}: the stream ends with {folded[key]!r}, the plain answer has {value!r}"
        for key, value in whole.items()
        if folded[key] != value
    ]


def _in_any_order(obj: Json) -> Json:
    items = [{**item, "id": None} for item in obj["output"]]
    return {**obj, "output": sorted(items, key=lambda item: json.dumps(item, sort_keys=True))}


def _unsaid(output: list[Json], said: Said, options: Json) -> list[str]:
    """What the upstream said and the caller did not get, or the other way round."""
    found = []
    parts = [part for item in output if item["type"] == "message" for part in item["content"]]
    text = "".join(part.get("text", "") for part in parts)
    as_text = options.get("refusal") == "text"
    if as_text and said.refusal:  # both in one, in the order they came
        right = sorted(text) == sorted(said.text + said.refusal)
    else:
        right = text == said.text or (as_text and text.startswith(said.text))
    if not right:
        found.append(f"the text is {text!r}, not {said.text!r}")
    thoughts = [p["text"] for i in output if i["type"] == "reasoning" for p in i["summary"]]
    wanted = "" if options.get("reasoning_display") == "hidden" else "".join(said.thoughts)
    if "".join(thoughts) != wanted:
        found.append(f"the thoughts are {thoughts!r}, not {wanted!r}")
    calls = sorted((_called(item) for item in output if item["type"] in _CALLS), key=str)
    meant = sorted((_meant(*call) for call in said.calls), key=str)
    if calls != meant:
        found.append(f"the calls are {calls}, not {meant}")
    return found


def _called(item: Json) -> tuple[Any, ...]:
    """A call as it stands in the output: its id, kind, names and what it says."""
    said: Any = item.get("arguments", item.get("input"))
    if item["type"] == "function_call":
        said = json.loads(said)
    return item["call_id"], item["type"], item.get("namespace"), item.get("name"), said


def _meant(call_id: str, name: str, said: Any) -> tuple[Any, ...]:
    """The same of the upstream's call, by the tools of the request."""
    if name == requests.SEARCH:
        return call_id, "tool_search_call", None, None, said
    if name == requests.CUSTOM:
        text = said.get("input")
        if not isinstance(text, str):  # not what was asked for: all of it, as JSON
            text = json.dumps(said, ensure_ascii=False, separators=(",", ":")) if said else ""
        return call_id, "custom_tool_call", None, name, text
    space = requests.NAMESPACE if name == requests.NAMESPACE + requests.INNER else None
    inner = requests.INNER if space else name
    return call_id, "function_call", space, inner, said
