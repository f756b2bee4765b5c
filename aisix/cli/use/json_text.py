"""JSON with settings in it; its indent is kept. One with comments is no JSON, and is refused."""

from __future__ import annotations

import json
import re
from typing import Any


def read(text: str) -> Any:
    """ValueError says where it is wrong; a name given twice is, for one of them would be lost."""
    if not text.strip():
        return {}
    try:
        return json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        why = f"line {error.lineno}: no JSON (comments and commas too many are none)"
        raise ValueError(why) from None


def edited(text: str, settings: dict[str, Any]) -> str:
    found = re.search(r"\n([ \t]+)\S", text)
    indent = found[1] if found else "  "
    whole = over(read(text), settings)
    return json.dumps(whole, indent=indent, ensure_ascii=False) + "\n"


def over(before: Any, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings laid over what is there: objects by key, all else as a whole."""
    if not isinstance(before, dict):
        raise ValueError("it does not hold names and values where the settings belong")
    out = dict(before)
    for key, value in settings.items():
        below = out.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            value = over(below, value)
        out[key] = value
    return out


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return out
