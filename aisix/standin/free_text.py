"""Tools whose input is free text, as OpenAI's own models know them from GPT-5 on.

complaint(tool, at, model) -> None, or (message, param, code) for what such a server refuses
"""

from __future__ import annotations

import re
from typing import Any

Body = dict[str, Any]
SAID = "*** Begin"  # what a call made up gives such a tool
_KNOWS = re.compile(r"(?:[\w.-]+/)*gpt-[5-9]")


def complaint(tool: Body, at: str, model: str) -> tuple[str, str, str] | None:
    """What is wrong with a tool that is no function; its name is looked at elsewhere."""
    if tool.get("type") != "custom" or not _KNOWS.match(model):
        return f"Invalid value: '{tool.get('type')}'", f"{at}.type", "invalid_value"
    form = (tool.get("custom") or {}).get("format")
    if form is None or form == {"type": "text"}:
        return None
    grammar = form.get("grammar") if isinstance(form, dict) else None
    if not isinstance(grammar, dict) or form.get("type") != "grammar":
        return "Invalid format of a custom tool", f"{at}.custom.format", "invalid_value"
    if grammar.get("syntax") not in ("lark", "regex"):
        return "Invalid syntax of a grammar", f"{at}.custom.format.grammar.syntax", "invalid_value"
    if not isinstance(grammar.get("definition"), str):
        at = f"{at}.custom.format.grammar.definition"
        return f"Missing required parameter: '{at}'.", at, "missing_required_parameter"
    return None


def declared(tool: Body) -> Body:
    """What a tool, a call or a choice says of its function, or of its free text."""
    kind = "custom" if tool.get("type") == "custom" else "function"
    found = tool.get(kind)
    return found if isinstance(found, dict) else {}


def chosen(tools: list[Body], choice: Any) -> tuple[list[Body], bool]:
    """Those that `tool_choice` leaves, and whether one of them must be called."""
    if not isinstance(choice, dict):
        return tools, choice == "required"
    allowed = choice.get("allowed_tools") if choice.get("type") == "allowed_tools" else None
    names = [declared(one)["name"] for one in (allowed["tools"] if allowed else [choice])]
    forced = allowed is None or allowed["mode"] == "required"
    return [tool for tool in tools if declared(tool)["name"] in names], forced


def said(call: Body) -> str:
    """What a call gives its tool, whatever its kind."""
    return "input" if call.get("type") == "custom" else "arguments"
