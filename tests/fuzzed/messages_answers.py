"""Answers of Anthropic Messages, made at random: whole, cut by a limit, refused, failed, broken off.

messages_answer(random) -> Upstream
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.fuzzed.asked import CUSTOM, NAMES
from tests.strict import sse

Json = dict[str, Any]
WORDS = ("a", "Hello ", "b\n", '{"x":', "\\", '"', "é", "\u2028", "😀", "  ", "</s>", "\x7f")
LIMITS = ("max_tokens", "model_context_window_exceeded")
MOST_BLOCKS, MOST_PIECES = 5, 4


@dataclass
class Said:
    """What a caller must find in the answer: the texts, the thoughts and the calls, each in order,
    and why the model declined, where that is no explanation behind the rest of it."""

    text: str = ""
    thoughts: list[str] = field(default_factory=list)
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    refusal: str = ""


@dataclass
class Upstream:
    """One answer: its bytes as a stream; as a whole body, None where only a stream can be like that;
    how the caller's must end ("completed", "incomplete", "failed"; None: either); and what it says,
    None where that depends on where it was cut."""

    stream: bytes
    plain: Json | None
    ends: str | None
    said: Said | None


def words(random: Random, most: int = 6) -> str:
    return "".join(random.choice(WORDS) for _ in range(random.randint(0, most)))


def pieces(random: Random, text: str) -> list[str]:
    """A text cut anywhere, some pieces empty."""
    cuts = sorted(random.randint(0, len(text)) for _ in range(random.randint(0, MOST_PIECES)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def value(random: Random, deep: int = 2) -> Any:
    """Some JSON."""
    kind = random.randint(0, 6 if deep else 4)
    if kind == 5:
        return [value(random, deep - 1) for _ in range(random.randint(0, 2))]
    if kind == 6:
        return {words(random, 2): value(random, deep - 1) for _ in range(random.randint(0, 2))}
    return (None, True, random.randint(-9, 10**12), 0.5, words(random))[kind]


def arguments(random: Random, name: str) -> Json:
    """What a call says: of a custom tool its one text, or anything else."""
    if name == CUSTOM and random.random() < 0.8:
        return {"input": words(random)}
    return {words(random, 2): value(random) for _ in range(random.randint(0, 3))}


def _block(random: Random, number: int) -> Json | list[Json]:
    kind = random.choice(
        (
            "text",
            "text",
            "text",
            "thinking",
            "thinking",
            "redacted_thinking",
            "tool_use",
            "tool_use",
            "search",
            "other_tool",
            "of_tomorrow",
        )
    )
    if kind == "text":
        made: Json = {"type": "text", "text": words(random)}
        if random.random() < 0.3:
            made["citations"] = [_citation(random) for _ in range(random.randint(0, 2))]
        return made
    if kind == "thinking":
        text = words(random) if random.random() < 0.8 else ""
        return {"type": "thinking", "thinking": text, "signature": f"SIG{number}=="}
    if kind == "redacted_thinking":
        return {"type": kind, "data": f"ENC{number}=="}
    if kind == "tool_use":
        name = random.choice(NAMES)
        given = arguments(random, name)
        return {"type": kind, "id": f"toolu_{number}", "name": name, "input": given}
    if kind == "search":
        call = {"type": "server_tool_use", "id": f"srvtoolu_{number}", "name": "web_search"}
        return [{**call, "input": {"query": words(random)}}, _found(random, number)]
    if kind == "other_tool":
        call = {"type": "server_tool_use", "id": f"srvtoolu_{number}", "name": "code_execution"}
        result = {"type": "code_execution_tool_result", "tool_use_id": call["id"]}
        output = {"type": "code_execution_result", "stdout": "1", "stderr": "", "return_code": 0}
        return [{**call, "input": {"code": "1"}}, {**result, "content": {**output, "content": []}}]
    return {"type": kind, "text": "x"}


def _found(random: Random, number: int) -> Json:
    result: Json = {"type": "web_search_tool_result", "tool_use_id": f"srvtoolu_{number}"}
    if random.random() < 0.3:
        wrong = {"type": "web_search_tool_result_error", "error_code": "unavailable"}
        return {**result, "content": wrong}
    page = {"type": "web_search_result", "url": "https://e.x/", "title": "t"}
    pages = [{**page, "encrypted_content": "E", "page_age": None}]
    return {**result, "content": pages * random.randint(0, 2)}


def _citation(random: Random) -> Json:
    if random.random() < 0.3:
        place = {"document_index": 0, "document_title": None, "file_id": None}
        span = {"start_char_index": 0, "end_char_index": 1}
        return {"type": "char_location", "cited_text": "c", **place, **span}
    page = {"url": "https://e.x/", "title": random.choice(("t", None))}
    return {
        "type": "web_search_result_location",
        "cited_text": "c",
        **page,
        "encrypted_index": "E",
    }


def messages_answer(random: Random) -> Upstream:
    """A stream and the same answer as one body, and what must be found in them."""
    content: list[Json] = []
    for number in range(random.randint(0, MOST_BLOCKS)):
        made = _block(random, number)
        content += made if isinstance(made, list) else [made]
    stop = _stop(random, content)
    whole = {
        "id": f"msg_{random.choice(('01A', 'x' * 48, 'a-b_c'))}",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {
            "input_tokens": random.randint(0, 99),
            "output_tokens": random.randint(50, 99),
            "cache_read_input_tokens": random.randint(0, 9),
            "cache_creation_input_tokens": random.randint(0, 9),
            "output_tokens_details": {"thinking_tokens": random.randint(0, 50)},
        },
    }
    if stop == "refusal" and random.random() < 0.7:
        whole["stop_details"] = {"type": "refusal", "category": None, "explanation": "Declined."}
    events = _events(random, whole)
    ends = "incomplete" if stop in LIMITS else "completed"
    if stop == "refusal":
        ends = None  # an option says how it is told
    if random.random() < 0.2:
        return _broken(random, events)
    return Upstream(sse.named(*events), whole, ends, said(content, stop))


def _stop(random: Random, content: list[Json]) -> str:
    last = content[-1]["type"] if content else ""
    if last == "tool_use":
        return random.choice(("tool_use", "tool_use", "max_tokens", "refusal"))
    if any(block["type"] == "tool_use" for block in content):
        return random.choice(("tool_use", *LIMITS))
    return random.choice(("end_turn", "end_turn", "stop_sequence", "refusal", *LIMITS, "tomorrow"))


def _broken(random: Random, events: list[Json]) -> Upstream:
    """Cut anywhere before its stop reason: by an error of the upstream, or by nothing at all."""
    last = next(n for n, event in enumerate(events) if event["type"] == "message_delta")
    kept = events[: random.randint(0, last)]
    if random.random() < 0.5:
        kind = random.choice(("overloaded_error", "rate_limit_error", "invalid_request_error"))
        kept.append({"type": "error", "error": {"type": kind, "message": "Overloaded"}})
    return Upstream(sse.named(*kept), None, "failed", None)


def _events(random: Random, whole: Json) -> list[Json]:
    counts = {**whole["usage"], "output_tokens": 1}
    head = {**whole, "content": [], "stop_reason": None, "usage": counts}
    head.pop("stop_details", None)
    events: list[Json] = [{"type": "message_start", "message": head}]
    cut = whole["stop_reason"] in (*LIMITS, "refusal")
    for index, block in enumerate(whole["content"]):
        opening, deltas = _opened(random, block)
        if cut and index == len(whole["content"]) - 1 and block["type"] == "tool_use":
            deltas = deltas[: random.randint(0, len(deltas))]
        events.append({"type": "content_block_start", "index": index, "content_block": opening})
        events += ({"type": "content_block_delta", "index": index, "delta": d} for d in deltas)
        events.append({"type": "content_block_stop", "index": index})
    ending = {key: whole[key] for key in ("stop_reason", "stop_sequence")}
    if "stop_details" in whole:
        ending["stop_details"] = whole["stop_details"]
    events.append({"type": "message_delta", "delta": ending, "usage": whole["usage"]})
    events.append({"type": "message_stop"})
    for _ in range(random.randint(0, 2)):
        events.insert(random.randint(1, len(events) - 1), {"type": "ping"})
    return events


def _opened(random: Random, block: Json) -> tuple[Json, list[Json]]:
    """How a block begins, and the deltas that follow."""
    kind = block["type"]
    if kind == "text":
        first, *rest = pieces(random, block["text"])
        cites = [{"type": "citations_delta", "citation": c} for c in block.get("citations", ())]
        deltas: list[Json] = [{"type": "text_delta", "text": text} for text in (first, *rest)]
        return {"type": "text", "text": ""}, [*deltas, *cites]
    if kind == "thinking":
        deltas = [{"type": "thinking_delta", "thinking": t} for t in pieces(random, block[kind])]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
        return {"type": kind, "thinking": "", "signature": ""}, deltas
    if kind in ("tool_use", "server_tool_use"):
        whole = json.dumps(block["input"], ensure_ascii=False, separators=(",", ":"))
        texts = pieces(random, whole if block["input"] else "")
        deltas = [{"type": "input_json_delta", "partial_json": text} for text in texts]
        return {**block, "input": {}}, deltas
    return block, []


def _is_shown(block: Json) -> bool:
    """Whether it becomes something, and so tells that the one before it is over."""
    if block["type"] in ("text", "server_tool_use"):
        return bool(block.get("text")) or block.get("name") == "web_search"
    return block["type"] in ("thinking", "redacted_thinking", "tool_use")


def said(content: list[Json], stop: str) -> Said:
    """What a caller must find of these blocks; the last call of an answer that was cut is none."""
    found = Said()
    shown = [n for n, block in enumerate(content) if _is_shown(block)]
    for index, block in enumerate(content):
        kind = block["type"]
        last = shown[-1:] == [index]
        if kind == "text":
            found.text += block["text"]
        elif kind == "thinking":
            found.thoughts.append(block["thinking"])
        elif kind == "redacted_thinking":
            found.thoughts.append("")
        elif kind == "tool_use" and not (last and stop in (*LIMITS, "refusal")):
            found.calls.append((block["id"], block["name"], block["input"]))
    return found
