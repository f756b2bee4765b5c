"""Calls that a user's text asks the stand-in for, by the name of the tool and with its arguments.

>>> asked_calls('standin:call Bash {"command": "ls"} and standin:call weather')
[('Bash', {'command': 'ls'}), ('weather', None)]

So a real client, whose tools do something with what they are given, can be led through a round.
Without arguments they are made up from the tool's schema. At most MAX_CALLS of one text.
"""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

MAX_CALLS = 8
_CALL = re.compile(r"standin:call\s+([A-Za-z0-9_.:-]+)\s*(?=(\{)?)")


def asked_calls(text: str) -> list[tuple[str, dict[str, Any] | None]]:
    """Name and arguments of each, in the text's order; what is no JSON object is no arguments."""
    found: list[tuple[str, dict[str, Any] | None]] = []
    for match in _CALL.finditer(text):
        found.append((match[1], _object(text[match.end() :]) if match[2] else None))
    return found[:MAX_CALLS]


def _object(text: str) -> dict[str, Any] | None:
    """The JSON object that a text begins with; some clients quote their user's quotes."""
    for said in (text, text.replace('\\"', '"')):
        with contextlib.suppress(ValueError):
            return dict(json.JSONDecoder().raw_decode(said)[0])
    return None


def unknown_tool(name: str, declared: list[str]) -> str:
    """What is answered where a tool is asked for that the client did not declare."""
    there = ", ".join(declared) or "none"
    return f"There is no tool {name}; there are: {there}"
