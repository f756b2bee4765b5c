"""A checked request -> a whole Messages answer, steered by words in the last user text.

    "standin:two-tools standin:thinking"  ->  thinking, then two calls

Words: text (default: echoes), tool, two-tools, call NAME {JSON} (asked_calls.py), thinking,
redacted, refusal, max_tokens, pause, stop-sequence, empty, citations, unicode, unknown-block,
unknown-stop, long-N (N words of text).
Without words: a call when one is forced or a function result is not yet there and `tool_choice`
asks for it, JSON when a schema is given, else an echo.
"""

from __future__ import annotations

import json
import re
from typing import Any

from aisix.standin import conversation, invent
from aisix.standin.asked_calls import asked_calls, unknown_tool
from aisix.standin.models import facts_for

WORD = re.compile(r"standin:([a-z0-9_-]+)")
Body = dict[str, Any]


FRAMED = re.compile(r"\s*<([a-z][a-z_-]*)>.*</\1>\s*", re.S)


def last_text(body: Body) -> str:
    """The text of the last user turn, tool results aside.

    Clients and gateways put words beside the user's, in a frame: `<system>...</system>`.
    They are heard only where nothing else is said since the model spoke.
    """
    for message in reversed(body["messages"]):
        if message["role"] == "assistant":
            break
        parts = conversation.blocks_of(message["content"]) if message["role"] == "user" else []
        texts = [str(part.get("text", "")) for part in parts if part.get("type") == "text"]
        if any(text.strip() and not FRAMED.fullmatch(text) for text in texts):
            return " ".join(text for text in texts if not FRAMED.fullmatch(text))
    for message in reversed(body["messages"]):
        if message["role"] == "user":
            parts = conversation.blocks_of(message["content"])
            return " ".join(p.get("text", "") for p in parts if p.get("type") == "text")
    return ""


def words_of(body: Body) -> list[str]:
    return WORD.findall(last_text(body))


def answer(body: Body, number: int) -> Body:
    """The message; `number` makes its ids."""
    words = words_of(body)
    content, stop = _content(body, words, number)
    stop = _stop(words, stop)
    asked = len(json.dumps(body["messages"])) // 4 + 1
    said = len(json.dumps(content)) // 4 + 1
    message: Body = {
        "id": f"msg_standin{number:08d}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": content,
        "stop_reason": stop,
        "stop_sequence": (body.get("stop_sequences") or [None])[0]
        if stop == "stop_sequence"
        else None,
        "usage": {
            "input_tokens": asked,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": said,
            "service_tier": "standard",
        },
    }
    if stop == "refusal":
        message["stop_details"] = {
            "type": "refusal",
            "category": None,
            "explanation": "The stand-in was asked to refuse.",
        }
    thought = sum(len(b.get("thinking", "")) for b in content) // 4
    if thought:
        message["usage"]["output_tokens_details"] = {"thinking_tokens": thought}
    return message


def _stop(words: list[str], usual: str) -> str:
    named = {
        "refusal": "refusal",
        "max_tokens": "max_tokens",
        "pause": "pause_turn",
        "stop-sequence": "stop_sequence",
        "unknown-stop": "something_new",
    }
    return next((named[word] for word in words if word in named), usual)


def _content(body: Body, words: list[str], number: int) -> tuple[list[Body], str]:
    blocks: list[Body] = []
    if "empty" in words:
        return [], "end_turn"
    thinking = (body.get("thinking") or {}).get("type")
    if "thinking" in words or thinking == "enabled":
        text = "Let me think about this for a moment."
        blocks.append({"type": "thinking", "thinking": text, "signature": sign(body)})
    if "redacted" in words:
        blocks.append({"type": "redacted_thinking", "data": "ZW5jcnlwdGVk"})
    if "unknown-block" in words:
        blocks.append({"type": "block_from_the_future", "payload": {"a": 1}})
    if "refusal" in words:
        return blocks, "refusal"
    calls = _calls(body, words, number)
    text_ = _text(body, words)
    if calls and {"tool", "two-tools", "call"} & {*words}:
        blocks.append({"type": "text", "text": "I will look that up."})
    elif not calls and text_:
        block: Body = {"type": "text", "text": text_}
        if "citations" in words:
            block["citations"] = [
                {
                    "type": "web_search_result_location",
                    "cited_text": "something",
                    "url": "https://example.com/page",
                    "title": "A page",
                    "encrypted_index": "aW5kZXg=",
                }
            ]
        blocks.append(block)
    return blocks + calls, "tool_use" if calls else "end_turn"


def _text(body: Body, words: list[str]) -> str:
    for word in words:
        if word.startswith("long-") and word[5:].isdigit():
            return " ".join(f"word{n}" for n in range(int(word[5:])))
    if "unicode" in words:
        return "Grüße, 世界! 👩‍👩‍👧 naïve café \u2028 ok"
    form = (body.get("output_config") or {}).get("format") or {}
    if form.get("type") == "json_schema":
        return json.dumps(invent.value(form["schema"]))
    if results := _results(body):
        said = results[0].get("content")
        if isinstance(said, list):
            said = " ".join(p.get("text", "") for p in said)
        return f"The tool says: {said}"
    asked = last_text(body)
    names = [tool["name"] for tool in body.get("tools") or ()]
    for name, _ in asked_calls(asked):
        if name not in names:
            return unknown_tool(name, names)
    return f"You said: {asked}" if asked else "Hello."


def _results(body: Body) -> list[Body]:
    """Those of tools after the last assistant turn, whatever the client says beside them."""
    found: list[Body] = []
    for message in reversed(body["messages"]):
        if message["role"] == "assistant":
            break
        parts = conversation.blocks_of(message["content"])
        found = [part for part in parts if part.get("type") == "tool_result"] + found
    return found


def _calls(body: Body, words: list[str], number: int) -> list[Body]:
    tools = [t for t in body.get("tools") or [] if "input_schema" in t]
    choice = body.get("tool_choice") or {}
    wanted = 2 if "two-tools" in words else 1 if "tool" in words else 0
    if choice.get("type") == "none" or not tools:
        return []
    forced = choice.get("type") in ("any", "tool")
    if _results(body) and not forced:
        return []
    schemas = {tool["name"]: tool["input_schema"] for tool in tools}
    asked = [call for call in asked_calls(last_text(body)) if call[0] in schemas]
    if asked and not _results(body):
        return [
            {
                "type": "tool_use",
                "id": f"toolu_standin{number:06d}{n}",
                "name": name,
                "input": given if given is not None else invent.value(schemas[name]) or {},
            }
            for n, (name, given) in enumerate(asked)
        ]
    wanted = max(wanted, 1 if forced else 0)
    if choice.get("disable_parallel_tool_use"):
        wanted = min(wanted, 1)
    if choice.get("type") == "tool":
        tools = [t for t in tools if t["name"] == choice["name"]]
    return [
        {
            "type": "tool_use",
            "id": f"toolu_standin{number:06d}{n}",
            "name": tools[n % len(tools)]["name"],
            "input": invent.value(tools[n % len(tools)]["input_schema"]) or {},
        }
        for n in range(wanted)
    ]


def sign(body: Body) -> str:
    """The signature of thinking that answers this request: bound to all of it."""
    facts = facts_for(body["model"])
    if facts is not None and facts.bound:
        return conversation.sign(body, len(body["messages"]))
    return "c2lnbmF0dXJl"
