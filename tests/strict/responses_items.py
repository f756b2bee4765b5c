"""The items of a Responses answer: what each kind holds, and what all of them hold together.

    item_errors(item, at)                 one finished item: its keys, its id, its parts
    opened_errors(item, at)               one that has just begun: the same keys, and nothing in it
    items_errors(items, suffix, reason)   the output of an answer: ids, calls, what was cut
    usage_errors(usage)                   the five counts

`suffix` is what every id of one answer shares: "01A" of "resp_01A".
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any

Json = dict[str, Any]

PREFIX = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "custom_tool_call": "ctc",
    "tool_search_call": "tsc",
    "web_search_call": "ws",
}
CALLS = ("function_call", "custom_tool_call", "tool_search_call")
_KEYS = {
    "message": {"status", "role", "content"},
    "reasoning": {"summary"},
    "function_call": {"status", "call_id", "name", "arguments"},
    "custom_tool_call": {"status", "call_id", "name", "input"},
    "tool_search_call": {"status", "execution", "call_id", "arguments"},
    "web_search_call": {"status", "action"},
}
_MAY = {
    "reasoning": {"encrypted_content"},
    "function_call": {"namespace"},
    "custom_tool_call": {"namespace"},
}
_EMPTY: dict[str, tuple[str, Any]] = {
    "message": ("content", []),
    "reasoning": ("summary", []),
    "function_call": ("arguments", ""),
    "custom_tool_call": ("input", ""),
    "tool_search_call": ("arguments", {}),
    "web_search_call": ("action", {"type": "search", "query": ""}),
}
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PACKED = "ax1."
_PACKS = (["p", "t", "k", "s"], ["p", "t", "d"], ["p", "t", "k"], ["p", "t", "v"])


def _kind_errors(item: Any, at: str) -> list[str]:
    """Its keys, and its id: nothing further can be asked of an item without them."""
    kind = item.get("type") if isinstance(item, dict) else None
    if kind not in PREFIX:
        return [f"rule: {at}: no item that clients know: {kind!r}"]
    wanted = {"id", "type", *_KEYS[kind]}
    found = [f"rule: {at}.{key}: always there" for key in sorted(wanted - item.keys())]
    found += [
        f"rule: {at}.{key}: no such key of a {kind}"
        for key in sorted(item.keys() - wanted - _MAY.get(kind, set()))
    ]
    own = item.get("id")
    if not isinstance(own, str) or not _ID.fullmatch(own) or not own.startswith(f"{PREFIX[kind]}_"):
        found.append(f"rule: {at}.id: {PREFIX[kind]}_ and at most 64 characters, not {own!r}")
    if kind in CALLS:
        for key in ("call_id", "name", "namespace"):
            if key in item and not (isinstance(item[key], str) and item[key]):
                found.append(f"rule: {at}.{key}: a text, not empty")
    return found


def opened_errors(item: Any, at: str) -> list[str]:
    """What is wrong with the item of an `added` event."""
    found = _kind_errors(item, at)
    if found:
        return found
    kind = item["type"]
    key, empty = _EMPTY[kind]
    if item[key] != empty:
        found.append(f"rule: {at}.{key}: begins as {empty!r}, not {item[key]!r}")
    if kind != "reasoning" and item["status"] != "in_progress":
        found.append(f"rule: {at}.status: in_progress when it begins, not {item['status']!r}")
    if "encrypted_content" in item:
        found.append(f"rule: {at}.encrypted_content: not known when it begins")
    return found


def item_errors(item: Any, at: str) -> list[str]:
    """What is wrong with an item that is done."""
    found = _kind_errors(item, at)
    if found:
        return found
    kind = item["type"]
    allowed = {
        "message": ("completed", "incomplete"),
        "web_search_call": ("completed", "failed"),
        "reasoning": (None,),
    }.get(kind, ("completed",))
    if item.get("status") not in allowed:
        found.append(f"rule: {at}.status: {item.get('status')!r} of a {kind} that is done")
    if kind == "message":
        return found + _content_errors(item, f"{at}.content")
    if kind == "reasoning":
        return found + _reasoning_errors(item, at)
    if kind == "function_call":
        return found + _arguments_errors(item["arguments"], at)
    if kind == "custom_tool_call" and not isinstance(item["input"], str):
        found.append(f"rule: {at}.input: not a text")
    if kind == "tool_search_call":
        if not isinstance(item["arguments"], dict):
            found.append(f"rule: {at}.arguments: an object, not JSON text")
        if item["execution"] != "client":
            found.append(f"rule: {at}.execution: the client runs it")
    if kind == "web_search_call":
        found += _action_errors(item["action"], f"{at}.action")
    return found


def _content_errors(item: Json, at: str) -> list[str]:
    if item.get("role") != "assistant":
        return [f"rule: {at}: role {item.get('role')!r}"]
    if not isinstance(item["content"], list) or len(item["content"]) != 1:
        return [f"rule: {at}: one part, not {len(item['content'])}"]
    return part_errors(item["content"][0], f"{at}[0]")


def part_errors(part: Any, at: str) -> list[str]:
    """What is wrong with a part of a message."""
    kind = part.get("type") if isinstance(part, dict) else None
    keys = {
        "output_text": {"type", "text", "annotations", "logprobs"},
        "refusal": {"type", "refusal"},
    }.get(str(kind))
    if keys is None:
        return [f"rule: {at}: no part that clients know: {kind!r}"]
    if part.keys() != keys:
        return [f"rule: {at}: has the keys {sorted(keys)}, not {sorted(part)}"]
    if kind == "refusal":
        return [] if isinstance(part["refusal"], str) else [f"rule: {at}.refusal: not a text"]
    found = [] if isinstance(part["text"], str) else [f"rule: {at}.text: not a text"]
    for key in ("annotations", "logprobs"):
        if not isinstance(part[key], list):
            found.append(f"rule: {at}.{key}: a list, empty when there are none")
    if found:
        return found
    for index, note in enumerate(part["annotations"]):
        found += annotation_errors(note, len(part["text"]), f"{at}.annotations[{index}]")
    return found


def annotation_errors(note: Any, length: int, at: str) -> list[str]:
    """What is wrong with a citation in a text of this length."""
    keys = {"type", "start_index", "end_index", "url", "title"}
    if not isinstance(note, dict) or note.keys() != keys or note["type"] != "url_citation":
        return [f"rule: {at}: a url_citation, flat: {sorted(keys)}"]
    if not (isinstance(note["url"], str) and isinstance(note["title"], str)):
        return [f"rule: {at}: url and title are texts, never null"]
    if not 0 <= note["start_index"] <= note["end_index"] <= length:
        return [f"rule: {at}: indexes outside the text"]
    return []


def _reasoning_errors(item: Json, at: str) -> list[str]:
    summary = item["summary"]
    if not isinstance(summary, list) or len(summary) > 1:
        return [f"rule: {at}.summary: one text or none"]
    for part in summary:
        if not isinstance(part, dict) or part.keys() != {"type", "text"}:
            return [f"rule: {at}.summary: of type and text"]
        if part["type"] != "summary_text" or not isinstance(part["text"], str) or not part["text"]:
            return [f"rule: {at}.summary: a summary_text, left out when empty"]
    if "encrypted_content" not in item:
        return []
    packed = unpacked(item["encrypted_content"])
    if packed is None:
        return [f"rule: {at}.encrypted_content: nothing that can be opened again"]
    shown = [part["text"] for part in summary]
    if "k" in packed and shown and shown != [packed["k"]]:
        return [f"rule: {at}.encrypted_content: another text than the summary's"]
    if packed["t"] == "redacted_thinking" and shown:
        return [f"rule: {at}.summary: of what nobody may read"]
    return []


def unpacked(text: Any) -> Json | None:
    """What is in an `encrypted_content` of ours, or None where it is none."""
    if not isinstance(text, str) or not text.startswith(_PACKED) or "=" in text:
        return None
    body = text.removeprefix(_PACKED)
    try:
        made = json.loads(base64.b64decode(body + "=" * (-len(body) % 4), b"-_", validate=True))
    except ValueError:
        return None
    return made if isinstance(made, dict) and [*made] in _PACKS else None


def _arguments_errors(text: Any, at: str) -> list[str]:
    try:
        value = json.loads(text)
    except (TypeError, ValueError):
        return [f"rule: {at}.arguments: no JSON: {str(text)[:40]!r}"]
    return [] if isinstance(value, dict) else [f"rule: {at}.arguments: no object: {text[:40]!r}"]


def _action_errors(action: Any, at: str) -> list[str]:
    may = {"type", "query", "queries", "sources"}
    if not isinstance(action, dict) or not may - {"sources"} <= action.keys() <= may:
        return [f"rule: {at}: has type, query, queries, and sources where they are asked for"]
    if action["type"] != "search" or not isinstance(action["query"], str):
        return [f"rule: {at}: of a search, whose query is a text"]
    queries = action["queries"]
    if not isinstance(queries, list) or not all(isinstance(q, str) for q in queries):
        return [f"rule: {at}.queries: texts"]
    for source in action.get("sources", ()):
        if not isinstance(source, dict) or source.keys() != {"type", "url"}:
            return [f"rule: {at}.sources: each of type and url"]
    return []


def items_errors(items: list[Any], suffix: str, reason: str | None) -> list[str]:
    """What is wrong with the whole output; `reason`: why the answer is not completed, if so."""
    found = [text for n, item in enumerate(items) for text in item_errors(item, f"output[{n}]")]
    if found:
        return found
    begun = -1  # the output_index of the item before: a call that was left open has one too
    for index, item in enumerate(items):
        number = item["id"].removeprefix(f"{PREFIX[item['type']]}_{suffix}_")
        place = int(number) if number.isdecimal() else -1
        if place <= begun or (reason is None and place != index):
            wanted = f"{PREFIX[item['type']]}_{suffix}_{index}"
            found.append(f"rule: output[{index}].id: {wanted}, not {item['id']!r}")
        begun = place
        if item.get("status") == "incomplete":
            if index != len(items) - 1 or reason != "max_output_tokens":
                found.append(f"rule: output[{index}].status: incomplete, and was not cut")
    calls = [item["call_id"] for item in items if item["type"] in CALLS]
    if len(calls) != len(set(calls)):
        found.append(f"rule: output: two calls with one call_id among {calls}")
    return found


def usage_errors(usage: Any) -> list[str]:
    """What is wrong with the counts (null: the upstream told none)."""
    if usage is None:
        return []
    shape = {
        "input_tokens": None,
        "input_tokens_details": ("cached_tokens", "cache_write_tokens"),
        "output_tokens": None,
        "output_tokens_details": ("reasoning_tokens",),
        "total_tokens": None,
    }
    if not isinstance(usage, dict) or usage.keys() != shape.keys():
        return [f"rule: usage: has the keys {sorted(shape)}, all of them"]
    counts = {key: usage[key] for key, inner in shape.items() if inner is None}
    for key, inner in shape.items():
        if inner is None:
            continue
        if not isinstance(usage[key], dict) or usage[key].keys() != {*inner}:
            return [f"rule: usage.{key}: has the keys {sorted(inner)}"]
        counts |= usage[key]
    if any(type(count) is not int or count < 0 for count in counts.values()):
        return ["rule: usage: whole numbers, not below zero"]
    found = []
    if counts["total_tokens"] != counts["input_tokens"] + counts["output_tokens"]:
        found.append("rule: usage: total_tokens is the sum of input_tokens and output_tokens")
    if counts["cached_tokens"] + counts["cache_write_tokens"] > counts["input_tokens"]:
        found.append("rule: usage: input_tokens includes cached and cache-written tokens")
    if counts["reasoning_tokens"] > counts["output_tokens"]:
        found.append("rule: usage: output_tokens includes reasoning tokens")
    return found
