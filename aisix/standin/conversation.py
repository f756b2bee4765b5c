"""What makes a conversation one the service continues: roles, order, pairing, thinking.

Works on a body whose shape is already right. `sign` and `prefix_digest` stand for the signature on
thinking blocks: newer models refuse a replayed block when anything before it has changed since.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Collection, Iterator
from typing import Any

from aisix.standin.body import BLOCKS
from aisix.standin.models import ModelFacts

Block = dict[str, Any]

_THINKING = ("thinking", "redacted_thinking")
_OUR_MARK = "standin:"
_MAGIC = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)
_MOST_MESSAGES = 100_000
_LARGEST_IMAGE = 10 * 1024 * 1024
_NATIVE_FILES_SINCE = "2026-10-21"


def blocks_of(content: Any) -> list[Block]:
    """Content as blocks: a plain string is one text block."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content or ())


def conversation_complaints(
    body: dict[str, Any], facts: ModelFacts, version: str, betas: Collection[str]
) -> list[str]:
    """Everything wrong with `system` and `messages` together."""
    messages = body["messages"]
    if not messages:
        return ["messages: at least one message is required"]
    if len(messages) > _MOST_MESSAGES:
        return [f"messages: at most {_MOST_MESSAGES} messages are allowed"]
    out: list[str] = []
    for index, block in enumerate(blocks_of(body.get("system"))):
        if not block["text"].strip():
            out.append(f"system.{index}: text content blocks must contain non-whitespace text")
    if messages[0]["role"] != "user":
        out.append('messages: first message must use the "user" role')
    out += _late_system(messages, facts)
    out += _pairing(messages)
    for index, message in enumerate(messages):
        last = index == len(messages) - 1
        out += _blocks(message, f"messages.{index}", last, version, betas)
    out += _prefill(body, facts)
    out += _thinking_history(body, facts)
    return out


def _late_system(messages: list[dict[str, Any]], facts: ModelFacts) -> Iterator[str]:
    for index, message in enumerate(messages):
        if message["role"] != "system":
            continue
        if not facts.late_system:
            yield f"messages.{index}.role: system messages are not supported by this model"
        before = next((m for m in reversed(messages[:index]) if m["role"] != "system"), None)
        after = next((m for m in messages[index:] if m["role"] != "system"), None)
        if before is None or before["role"] != "user":
            yield f"messages.{index}: a system message must come after a user message"
        if index and messages[index - 1]["role"] == "system":
            yield f"messages.{index}: consecutive system messages are not allowed"
        if after is not None and after["role"] != "assistant":
            yield f"messages.{index}: a system message must be last or before an assistant message"


def _pairing(messages: list[dict[str, Any]]) -> Iterator[str]:
    open_ids: list[str] = []
    opened_at = 0
    for index, message in enumerate(messages):
        blocks = blocks_of(message["content"])
        kinds = [block["type"] for block in blocks]
        answered = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        missing = [name for name in open_ids if name not in answered]
        if missing:
            yield (
                f"messages.{opened_at}: `tool_use` ids were found without `tool_result` blocks "
                f"immediately after: {', '.join(missing)}. Each `tool_use` block must have a "
                "corresponding `tool_result` block in the next message."
            )
        for position, name in enumerate(answered):
            if name not in open_ids:
                yield (
                    f"messages.{index}.content.{position}: unexpected `tool_use_id` found in "
                    f"`tool_result` blocks: {name}. Each `tool_result` block must have a "
                    "corresponding `tool_use` block in the previous message."
                )
        if len(answered) != len(set(answered)):
            yield (
                f"messages.{index}: each tool_use must have a single result. Found multiple "
                "`tool_result` blocks with the same id"
            )
        if answered and any(kind != "tool_result" for kind in kinds[: len(answered)]):
            yield f"messages.{index}: `tool_result` blocks must come first in a user message"
        open_ids, opened_at = [], index
        if message["role"] == "assistant":
            open_ids = [block["id"] for block in blocks if block["type"] == "tool_use"]
            if len(open_ids) != len(set(open_ids)):
                yield f"messages.{index}: `tool_use` ids must be unique"
    if open_ids:
        yield (
            f"messages.{opened_at}: `tool_use` ids were found without `tool_result` blocks "
            f"immediately after: {', '.join(open_ids)}. Each `tool_use` block must have a "
            "corresponding `tool_result` block in the next message."
        )


def _blocks(
    message: dict[str, Any], at: str, last: bool, version: str, betas: Collection[str]
) -> Iterator[str]:
    role, content = message["role"], message["content"]
    blocks = blocks_of(content)
    if not blocks or content == "":
        if not (last and role == "assistant"):
            yield (
                f"{at}: all messages must have non-empty content except for the optional final "
                "assistant message"
            )
        return
    for index, block in enumerate(blocks):
        kind, here = block["type"], f"{at}.content.{index}"
        owner = BLOCKS[kind][0]
        if owner and role != owner:
            yield f"{here}: `{kind}` blocks can only be in `{owner}` messages"
        if kind == "text":
            yield from _text(block, here)
            if role == "user" and block.get("citations") and version >= _NATIVE_FILES_SINCE:
                yield f"{here}.text.citations: citations are not permitted in user messages"
        elif kind in ("image", "document"):
            yield from _source(block, here, version, betas)
        elif kind == "tool_result" and not isinstance(block.get("content"), str):
            if block.get("is_error") and any(
                p["type"] != "text" for p in block.get("content") or ()
            ):
                yield f"{here}.tool_result: all content must be type `text` if `is_error` is true"
            for inner, part in enumerate(block.get("content") or ()):
                below = f"{here}.tool_result.content.{inner}"
                if part["type"] == "text":
                    yield from _text(part, below)
                elif part["type"] in ("image", "document"):
                    yield from _source(part, below, version, betas)


def _text(block: Block, at: str) -> Iterator[str]:
    if block["text"] == "":
        yield f"{at}: text content blocks must be non-empty"
    elif not block["text"].strip():
        yield f"{at}: text content blocks must contain non-whitespace text"


def _source(block: Block, at: str, version: str, betas: Collection[str]) -> Iterator[str]:
    source, here = block["source"], f"{at}.{block['type']}.source"
    kind = source["type"]
    if kind == "url" and not source["url"].startswith("https://"):
        yield f"{here}.url: Only HTTPS URLs are supported."
    if kind == "text" and not source["data"].strip():
        yield f"{here}.text.data: document must not be empty"
    with_beta = any(beta.startswith("files-api") for beta in betas)
    if kind == "file" and version < _NATIVE_FILES_SINCE and not with_beta:
        yield f"{here}.file: file sources need the files API beta"
    if kind != "base64":
        return
    try:
        raw = base64.b64decode(source["data"], validate=True)
    except (binascii.Error, ValueError):
        yield f"{here}.base64: invalid base64 data"
        return
    if not raw:
        yield f"{here}.base64.data: must not be empty"
    if block["type"] == "document":
        if not raw.startswith(b"%PDF"):
            yield f"{here}.base64.data: The PDF specified was not valid."
        return
    if len(raw) > _LARGEST_IMAGE:
        yield f"{here}.base64: image exceeds 10 MB maximum: {len(raw)} bytes > {_LARGEST_IMAGE}"
    seen = next((name for magic, name in _MAGIC if raw.startswith(magic)), None)
    if raw.startswith(b"RIFF") and raw[8:12] == b"WEBP":
        seen = "image/webp"
    if seen is None:
        yield f"{here}.base64.data: Could not process image"
    elif seen != source["media_type"]:
        yield (
            f"{here}.base64.media_type: Image does not match the provided media type "
            f"{source['media_type']}"
        )


def is_continuation(messages: list[dict[str, Any]]) -> bool:
    """A paused turn is handed back: the last message is the assistant's, with server tools."""
    if messages[-1]["role"] != "assistant":
        return False
    return any(b["type"] == "server_tool_use" for b in blocks_of(messages[-1]["content"]))


def _prefill(body: dict[str, Any], facts: ModelFacts) -> Iterator[str]:
    turns = [message for message in body["messages"] if message["role"] != "system"]
    if not turns or turns[-1]["role"] != "assistant" or is_continuation(turns):
        return
    if not facts.prefill:
        yield (
            "This model does not support assistant message prefill. The conversation must end "
            "with a user message."
        )
        return
    if (body.get("thinking") or {}).get("type") in ("enabled", "adaptive"):
        yield "Prefilling assistant messages is not supported when thinking is enabled."
    if (body.get("output_config") or {}).get("format"):
        yield "Prefilling assistant messages is not supported with output_config.format."
    blocks = blocks_of(turns[-1]["content"])
    if blocks and blocks[-1]["type"] == "text":
        text = blocks[-1]["text"]
        if text != text.rstrip():
            yield "messages: final assistant content cannot end with trailing whitespace"


def _thinking_history(body: dict[str, Any], facts: ModelFacts) -> Iterator[str]:
    config = body.get("thinking") or {}
    messages = body["messages"]
    forgiving = (config.get("block_binding") or {}).get("prefix_mismatch_behavior") == "drop_block"
    for index, message in enumerate(messages):
        for position, block in enumerate(blocks_of(message["content"])):
            if block["type"] != "thinking":
                continue
            at = f"messages.{index}.content.{position}"
            signature = block["signature"]
            ours = signature.startswith(_OUR_MARK)
            if not signature:
                yield f"{at}: Invalid `signature` in `thinking` block"
            elif ours and facts.bound and not forgiving and signature != sign(body, index):
                yield (
                    f"{at}: `thinking` or `redacted_thinking` blocks cannot be used: the "
                    "conversation before this block has changed since it was created"
                )
    if config.get("type") != "enabled":
        return
    spoken = [i for i, m in enumerate(messages) if m["role"] == "assistant"]
    if not spoken or not any(
        b["type"] == "tool_use" for b in blocks_of(messages[spoken[-1]]["content"])
    ):
        return
    opener = len(spoken) - 1  # a tool loop is one turn: it begins where only answers come before
    while opener and all(
        b["type"] == "tool_result"
        for m in messages[spoken[opener - 1] + 1 : spoken[opener]]
        for b in blocks_of(m["content"])
    ):
        opener -= 1
    first = blocks_of(messages[spoken[opener]]["content"])[0]["type"]
    if first not in _THINKING:
        yield (
            f"messages.{spoken[opener]}.content.0.type: Expected `thinking` or "
            f"`redacted_thinking`, but found `{first}`. When `thinking` is enabled, a final "
            "`assistant` message must start with a thinking block."
        )


def sign(body: dict[str, Any], upto: int) -> str:
    """The signature of thinking made after the first `upto` messages of this body."""
    before = {
        "system": blocks_of(body.get("system")),
        "tools": body.get("tools") or [],
        "messages": [
            {"role": m["role"], "content": blocks_of(m["content"])} for m in body["messages"][:upto]
        ],
    }
    text = json.dumps(_without_breakpoints(before), sort_keys=True, separators=(",", ":"))
    return _OUR_MARK + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _without_breakpoints(node: Any) -> Any:
    if isinstance(node, dict):
        return {k: _without_breakpoints(v) for k, v in node.items() if k != "cache_control"}
    if isinstance(node, list):
        return [_without_breakpoints(value) for value in node]
    return node
