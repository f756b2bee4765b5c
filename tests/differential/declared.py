"""What the gateway says of itself: fields that change nothing, things it adds, words of the protocols."""

from __future__ import annotations

import typing
from collections.abc import Iterable
from functools import cache
from typing import Any, Literal

import pydantic
import typing_extensions

# What changes nothing for this upstream, by the mapping's contract: fields, and parts of them.
QUIET = {
    "openai-chat/anthropic-messages": {
        *("model", "seed", "prediction", "metadata", "audio", "stream_options", "detail"),
        *("prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "messages.name"),
        *("response_format.json_schema.name", "response_format.json_schema.description"),
        "max_tokens",  # beside max_completion_tokens, which wins
        "user",  # beside safety_identifier
    },
    "anthropic-messages/openai-chat": {
        *("model", "diagnostics"),
        "thinking.budget_tokens",  # becomes an effort
        *("messages.thinking", "messages.signature"),  # nobody there could check it
    },
    "openai-responses/anthropic-messages": {
        *("model", "metadata", "detail", "prompt_cache_key", "prompt_cache_retention"),
        *("text.format.name", "text.format.description", "prompt_cache_options"),
        "tools.description",  # of a namespace
        "max_tool_calls",  # counts hosted tools
        "client_metadata",
        "user",  # beside safety_identifier
    },
    "openai-responses/openai-chat": {
        *("model", "metadata", "client_metadata", "max_tool_calls"),
        "tools.description",  # of a namespace
    },
    "openai-chat/openai-chat": {"model"},
    "anthropic-messages/anthropic-messages": {"model"},
}
QUIET_ANSWER = {
    "openai-chat/anthropic-messages": {
        *("id", "model", "usage", "toolset_name"),
        "stop_sequence",  # the caller's own; shown with the option stop_reason
        *("cited_text", "encrypted_index"),  # of a web citation, whose address and title are shown
    },
    "anthropic-messages/openai-chat": {
        *("id", "model", "usage", "created", "system_fingerprint", "service_tier", "metadata"),
    },
    "openai-responses/anthropic-messages": {
        *("id", "model", "usage", "toolset_name", "caller"),
        "stop_sequence",  # the caller's own
        *("signature", "data"),  # packed
        *("cited_text", "encrypted_index"),
        # Of a result of a search; the caller asks for the addresses, with `include`.
        *("content.content.title", "content.content.url", "content.content.page_age"),
        *("content.content.encrypted_content", "tool_use_id"),
    },
    "openai-responses/openai-chat": {
        *("id", "model", "usage", "created", "system_fingerprint"),
        "metadata",  # the caller's own is said again
    },
    "openai-chat/openai-chat": {"model", "usage"},  # counts nobody asked for
    "anthropic-messages/anthropic-messages": {"model"},
}
# What says the same once more, in another client's words.
TWICE = frozenset({"reasoning_details"})
# The same for callers of one dialect: all ids of an answer are made of one, a search has its query in two.
REPEATED = {"openai-responses": frozenset({"id", "queries"})}
# What it adds of its own, by name or value.
ADDED = {
    *("max_tokens", "max_completion_tokens", "model", "budget_tokens", "user_id", "user"),
    *("include_usage", "document.pdf"),
    *("input", "string"),  # the one argument of a tool that takes free text
    "drop_block",  # what replayed thinking that no longer fits is to become
    *("json_output", "Give the answer as the input of this tool."),
}


@cache
def words(kind: Any) -> frozenset[Any]:
    """Every word that the type and those below it spell out."""
    return frozenset(_words(kind, set()))


def _words(kind: Any, seen: set[Any]) -> Iterable[Any]:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        yield from args
    elif args:
        for arg in args:
            yield from _words(arg, seen)
    elif kind not in seen and isinstance(kind, type):
        seen.add(kind)
        if typing_extensions.is_typeddict(kind):
            for hint in typing.get_type_hints(kind, include_extras=True).values():
                yield from _words(hint, seen)
        elif issubclass(kind, pydantic.BaseModel):
            for field in kind.model_fields.values():
                yield from _words(field.annotation, seen)
