"""YAML with settings in it, edited where they stand: comments and order stay.

A value that is there is replaced in its place; a new key comes last in the file, or first in an
object inside it, a new item last in its list.
"""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

MAX_DEPTH = 50


def read(text: str) -> Any:
    try:
        said = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ValueError(f"line {mark.line + 1}: no YAML" if mark else "no YAML") from None
    return {} if said is None else said


def edited(text: str, settings: dict[str, Any], item_by: str = "") -> str:
    if item_by:
        return _with_item(text, settings, item_by)
    for key, value in settings.items():
        text = _with(text, yaml.compose(text), key, value)
    return text


def _with_item(text: str, settings: dict[str, Any], item_by: str) -> str:
    for number, item in enumerate(read(text) or []):
        if isinstance(item, dict) and item.get(item_by) == settings[item_by]:
            for key, value in settings.items():
                root: Any = yaml.compose(text)
                text = _with(text, root.value[number], key, value)
            return text
    whole = yaml.compose(text)
    indent = " " * (whole.start_mark.column if whole is not None else 0)
    lines = _block(settings).split("\n")
    item_text = "\n".join(f"{indent}{'- ' if n == 0 else '  '}{one}" for n, one in enumerate(lines))
    return _ended(text) + item_text + "\n"


def _with(text: str, node: Any, key: str, value: Any) -> str:
    """The text with a key of the object at `node` set; without a node, the whole is one new key."""
    if node is None:
        return _ended(text) + _block({key: value}) + "\n"
    if not isinstance(node, yaml.MappingNode) or node.flow_style:
        raise ValueError("an object in braces cannot be changed without a person")
    for name, below in node.value:
        if name.value != key:
            continue
        if isinstance(value, dict) and isinstance(below, yaml.MappingNode):
            for inner, deeper in value.items():
                fresh = _found(yaml.compose(text), name.start_mark.index)
                text = _with(text, fresh, inner, deeper)
            return text
        if not isinstance(below, yaml.ScalarNode) or below.style in ("|", ">"):
            raise ValueError(f"line {name.start_mark.line + 1}: {key} holds more than one value")
        old = text[below.start_mark.index : below.end_mark.index]
        if read(old) == value and old:
            return text
        space = "" if old or text[: below.start_mark.index].endswith(" ") else " "
        new = space + json.dumps(value, ensure_ascii=False)
        return text[: below.start_mark.index] + new + text[below.end_mark.index :]
    at, column = node.start_mark.index, node.start_mark.column
    if not column:  # of the whole file
        return _ended(text) + _block({key: value}) + "\n"
    new = _block({key: value}).replace("\n", "\n" + " " * column)
    return text[:at] + new + "\n" + " " * column + text[at:]


def _found(node: Any, index: int) -> Any:
    """The object whose key begins at that place of the text."""
    stack = [node]
    while stack:
        one = stack.pop()
        if isinstance(one, yaml.MappingNode):
            for name, below in one.value:
                if name.start_mark.index == index:
                    return below
                stack.append(below)
        elif isinstance(one, yaml.SequenceNode):
            stack += one.value
    raise ValueError("no YAML")


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"


def _block(tree: dict[str, Any], depth: int = 0) -> str:
    """Lines of an object, each text quoted as JSON has it."""
    out = []
    for key, value in tree.items():
        name = key if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", key) else json.dumps(key)
        if isinstance(value, dict) and value and depth < MAX_DEPTH:
            below = _block(value, depth + 1).replace("\n", "\n  ")
            out.append(f"{name}:\n  {below}")
        else:
            out.append(f"{name}: {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(out)
