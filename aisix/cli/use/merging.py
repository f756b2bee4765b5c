"""Settings into the text of a client's file: what it held beside them stays, comments too.

    merged("toml", "# mine\na = 1\n", {"b": {"c": 2}})  ->  "# mine\na = 1\n\n[b]\nc = 2\n"

The text is edited where the settings stand; then it is read again, and must say what it said
before with the settings over it, and nothing else. A file where that cannot be done is refused:
nothing of a user's is guessed at.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from aisix.cli.use import env_text, json_text, toml_text, yaml_text
from aisix.cli.use.json_text import over

_FORMATS: dict[str, ModuleType] = {
    "toml": toml_text,
    "yaml": yaml_text,
    "json": json_text,
    "env": env_text,
}


class NotMerged(Exception):
    """Why a file cannot take the settings; the text names no value of it."""


def read(format: str, text: str) -> Any:
    """What the text says; {} of an empty one."""
    return _tried(_FORMATS[format].read, text)


def merged(format: str, text: str, settings: dict[str, Any], item_by: str = "") -> str:
    """The text with the settings in it; the same text when they are there already.

    `item_by`: the file is a list, and the settings are the item whose key of this name has the
    settings' value. Raises NotMerged.
    """
    before = read(format, text)
    laid = (_with_item, before, settings, item_by) if item_by else (over, before, settings)
    wanted = _tried(*laid)
    if before == wanted and text.strip():
        return text
    edit = _FORMATS[format].edited
    after = _tried(edit, text, settings, *([item_by] if item_by else []))
    if read(format, after) != wanted:
        raise NotMerged("it is written in a way that cannot be changed without a person")
    return str(after)


def replaced(before: Any, settings: dict[str, Any], above: str = "") -> list[str]:
    """Paths of the settings that had another value before; no value is told."""
    found = []
    for key, value in settings.items():
        path = f"{above}{key}"
        if not isinstance(before, dict) or key not in before:
            continue
        if isinstance(value, dict):
            found += replaced(before[key], value, path + ".")
        elif before[key] != value:
            found.append(path)
    return found


def _with_item(before: Any, settings: dict[str, Any], item_by: str) -> list[Any]:
    items = before or []
    if not isinstance(items, list):
        raise ValueError("it does not hold a list")
    same = [isinstance(one, dict) and one.get(item_by) == settings[item_by] for one in items]
    if not any(same):
        return [*items, settings]
    at = same.index(True)
    return [*items[:at], over(items[at], settings), *items[at + 1 :]]


def _tried(run: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return run(*arguments)
    except (ValueError, RecursionError) as error:
        raise NotMerged(str(error).split("\n")[0] or "it cannot be read") from None
