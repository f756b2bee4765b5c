"""Answers of Chat-compatible servers, made at random in the shapes such servers are known to send.

    chat_answer(random) -> Upstream

Their pieces interleave, come late, twice, empty or all in one; ids and roles are missing or repeated;
counts stand in a chunk of their own, beside the last word, or nowhere. `plain` is there where a plain
answer can say the same in the same order: thoughts, then words, then calls.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

from tests.fuzzed.asked import NAMES
from tests.fuzzed.messages_answers import Json, Said, Upstream, arguments, pieces, words
from tests.strict import sse

FINISH = ("stop", "stop", "length", "content_filter", "tomorrow", None)
MOST_CALLS = 3


def chat_answer(random: Random) -> Upstream:
    """A stream, where there can be one the same answer as one body, and what must be found in them."""
    in_order = random.random() < 0.5  # or nobody knows which text a citation is of
    message: Json = {"role": "assistant", "content": words(random) or None}
    if random.random() < 0.4:
        message[random.choice(("reasoning_content", "reasoning"))] = words(random)
    if random.random() < 0.15:
        message["refusal"] = words(random)
    if random.random() < 0.5:
        message["tool_calls"] = [_call(random, n) for n in range(random.randint(1, MOST_CALLS))]
    elif in_order and message["content"] and "refusal" not in message and random.random() < 0.3:
        message["annotations"] = [_annotation(random, len(message["content"]))]
    calls = "tool_calls" in message
    finish = random.choice(("tool_calls", "tool_calls", "stop", "length") if calls else FINISH)
    if finish == "length" and calls:
        in_order = True  # or nobody knows which call was cut
    if finish is None and not message["content"]:
        finish = "stop"  # without a reason nothing was said
    usage = _usage(random) if random.random() < 0.8 else None
    whole: Json = {
        "id": f"chatcmpl-{random.choice(('x', 'a-b_c', 'y' * 40))}",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
    }
    if usage:
        whole["usage"] = usage
    chunks = _chunks(random, whole, in_order)
    cut = calls and finish == "length"
    if random.random() < 0.2:
        return _broken(random, chunks)
    done: list[Any] = ["[DONE]"] if finish is None or random.random() < 0.9 else []
    ends = {"length": "incomplete", "content_filter": None}.get(str(finish), "completed")
    found = None if cut else said(message)
    return Upstream(
        sse.unnamed(*chunks, *done), whole if in_order and not cut else None, ends, found
    )


def said(message: Json) -> Said:
    """What a caller must find."""
    thought = message.get("reasoning_content") or message.get("reasoning") or ""
    calls = [(c["id"], *_called(c)) for c in message.get("tool_calls", ())]
    refusal = message.get("refusal") or ""
    return Said(message["content"] or "", [thought] if thought else [], calls, refusal)


def _called(call: Json) -> tuple[str, Any]:
    return call["function"]["name"], json.loads(call["function"]["arguments"] or "{}")


def _call(random: Random, number: int) -> Json:
    name = random.choice(NAMES)
    text = json.dumps(arguments(random, name), ensure_ascii=False, separators=(",", ":"))
    if text == "{}" and random.random() < 0.5:
        text = ""
    function = {"name": name, "arguments": text}
    return {"id": f"call_{number}", "type": "function", "function": function}


def _annotation(random: Random, length: int) -> Json:
    start = random.randint(0, length)
    span = {"start_index": start, "end_index": random.randint(start, length)}
    return {"type": "url_citation", "url_citation": {"url": "https://e.x/", "title": "t", **span}}


def _usage(random: Random) -> Json:
    prompt, completion = random.randint(10, 99), random.randint(10, 99)
    usage: Json = {"prompt_tokens": prompt, "completion_tokens": completion}
    usage["total_tokens"] = prompt + completion
    if random.random() < 0.5:
        usage["prompt_tokens_details"] = {"cached_tokens": random.randint(0, 9)}
        usage["completion_tokens_details"] = {"reasoning_tokens": random.randint(0, 9)}
    return usage


def _chunks(random: Random, whole: Json, in_order: bool) -> list[Any]:
    """The pieces of a message, one line for each of its parts, mixed unless they keep their order."""
    message, finish = (whole["choices"][0][key] for key in ("message", "finish_reason"))
    lines: list[list[Json]] = []
    for key in ("reasoning_content", "reasoning", "content", "refusal"):
        if message.get(key):
            lines.append([{key: text} for text in pieces(random, message[key])])
        if key == "content" and "annotations" in message:
            lines[-1].append({"annotations": message["annotations"]})
    lines += (_call_deltas(random, n, call) for n, call in enumerate(message.get("tool_calls", ())))
    deltas: list[Json] = [{"role": "assistant", **random.choice(({}, {"content": ""}))}]
    while any(lines):
        line = next(filter(None, lines)) if in_order else random.choice([*filter(None, lines)])
        deltas.append(line.pop(0))
    if finish == "length" and "tool_calls" in message:  # cut anywhere, in a call or before it
        del deltas[random.randint(1, len(deltas)) :]
    if random.random() < 0.2:  # some say who speaks in every piece
        deltas = [{"role": "assistant", **delta} for delta in deltas]
    if random.random() < 0.2:
        deltas.insert(random.randint(0, len(deltas)), {})
    return _framed(random, whole, deltas, finish)


def _call_deltas(random: Random, index: int, call: Json) -> list[Json]:
    text = call["function"]["arguments"]
    first, *rest = pieces(random, text)
    if random.random() < 0.3:
        first, rest = text, []  # all in one
    function: Json = {"name": call["function"]["name"], "arguments": first}
    if not first and random.random() < 0.5:
        function["arguments"] = None
    begun = [{"index": index, "id": call["id"], "type": "function", "function": function}]
    again = {"id": call["id"], "type": "function"} if random.random() < 0.2 else {}
    begun += [{"index": index, **again, "function": {"arguments": piece}} for piece in rest]
    return [{"tool_calls": [delta]} for delta in begun]


def _framed(random: Random, whole: Json, deltas: list[Json], finish: str | None) -> list[Any]:
    head = {key: whole[key] for key in ("id", "created", "model")}
    head["object"] = "chat.completion.chunk"
    chunks: list[Json] = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in deltas
    ]
    if finish is None or random.random() < 0.8:
        chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    else:
        chunks[-1]["choices"][0]["finish_reason"] = finish
    if "usage" in whole:
        if random.random() < 0.7:
            chunks.append({**head, "choices": [], "usage": whole["usage"]})
        else:
            chunks[-1]["usage"] = whole["usage"]
    if random.random() < 0.1:
        chunks.insert(0, {**head, "choices": []})
    return chunks


def _broken(random: Random, chunks: list[Any]) -> Upstream:
    """Cut anywhere before its end: by an error of the server, or by nothing at all."""
    last = next(
        (n for n, c in enumerate(chunks) if c["choices"] and c["choices"][0]["finish_reason"]),
        len(chunks) - 1,
    )
    kept = chunks[: random.randint(0, last)]
    if random.random() < 0.5:
        error = {"message": "Overloaded", "type": "server_error", "param": None, "code": None}
        kept.append({"error": error})
    return Upstream(sse.unnamed(*kept), None, "failed", None)
