"""Requests of Responses callers, for answers made at random: the tools they bring, what is echoed."""

from __future__ import annotations

from random import Random
from typing import Any

Json = dict[str, Any]
FUNCTION, CUSTOM, INNER, SEARCH = "f", "apply_patch", "read", "tool_search"
NAMESPACE = "mcp__fs__"
# What an upstream may call: all of these are declared but the last.
NAMES = (FUNCTION, CUSTOM, NAMESPACE + INNER, SEARCH, "undeclared")
_OBJECT: Json = {"type": "object", "properties": {}}
TOOLS: list[Json] = [
    {"type": "function", "name": FUNCTION, "parameters": _OBJECT, "strict": False},
    {"type": "custom", "name": CUSTOM, "description": "Edit files."},
    {
        "type": "namespace",
        "name": NAMESPACE,
        "description": "Files.",
        "tools": [{"type": "function", "name": INNER, "parameters": _OBJECT}],
    },
    {"type": "tool_search", "execution": "client", "description": "x", "parameters": _OBJECT},
]
_ECHOED: Json = {
    "instructions": "Be brief.",
    "max_output_tokens": 4000,
    "metadata": {"a": "b"},
    "parallel_tool_calls": False,
    "prompt_cache_key": "k",
    "reasoning": {"effort": "low", "summary": "auto"},
    "text": {"verbosity": "low"},
    "tool_choice": "auto",
    "user": "u",
}


def asked(random: Random, stream: bool) -> Json:
    """A request with all tools, and some of what its answer repeats."""
    echoed = {key: value for key, value in _ECHOED.items() if random.random() < 0.3}
    return {"model": "claude-prod", "input": "q", "tools": TOOLS, "stream": stream, **echoed}
