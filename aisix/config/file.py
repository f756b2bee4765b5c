"""The settings file as a document, and the line on which each dotted key stands.

Its name says how it is written: `.toml`, `.json`, else YAML.

Must never know: which settings there are.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from aisix.errors import Complaint, OperatorError

TOML_LINE = re.compile(r"\s*(?:\[\s*(?P<table>[\w.\- ]+?)\s*\]|(?P<key>[\w.\-]+)\s*=)")


def read(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """The document and the line of each dotted key."""
    try:
        raw = path.read_text("utf-8")
    except OSError as error:
        raise OperatorError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise OperatorError(f"{path}:1: not UTF-8") from None
    reader = {".toml": _toml, ".json": _json}.get(path.suffix.lower(), _yaml)
    data, lines = reader(path, raw)
    if data is None:
        return {}, {}
    if not isinstance(data, dict):
        raise OperatorError([Complaint(f"{path}:1", "", "expected names and values")])
    return data, lines


def _fault(path: Path, line: int, kind: str, problem: str) -> OperatorError:
    return OperatorError([Complaint(f"{path}:{line}", "", f"not valid {kind}: {problem}")])


def _yaml(path: Path, raw: str) -> tuple[Any, dict[str, int]]:
    try:
        node = yaml.compose(raw, yaml.SafeLoader)
        data = yaml.safe_load(raw)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 1
        raise _fault(
            path, line, "YAML", getattr(error, "problem", None) or "cannot be read"
        ) from None
    return data, _lines(path, node)


def _json(path: Path, raw: str) -> tuple[Any, dict[str, int]]:
    try:
        data = json.loads(raw)
    except json.JSONDecodeError as error:
        raise _fault(path, error.lineno, "JSON", error.msg) from None
    try:  # nearly every JSON text is YAML, whose reader tells lines
        node = yaml.compose(raw.replace("\t", " "), yaml.SafeLoader)
    except yaml.YAMLError:
        return data, {}
    return data, _lines(path, node)


def _toml(path: Path, raw: str) -> tuple[Any, dict[str, int]]:
    try:
        data = tomllib.loads(raw)
    except tomllib.TOMLDecodeError as error:
        text = str(error)
        found = re.search(r" \(at line (\d+), column \d+\)", text)
        line = int(found[1]) if found else 1 + raw.rstrip().count("\n")
        raise _fault(path, line, "TOML", text.partition(" (at ")[0]) from None
    lines: dict[str, int] = {}
    above = ""
    for number, text in enumerate(raw.splitlines(), 1):
        found = TOML_LINE.match(text)
        if found is None:
            continue
        if found["table"] is not None:
            above = f"{found['table'].replace(' ', '')}."
        key = above.rstrip(".") if found["key"] is None else above + found["key"]
        if _holds(data, key):  # else it stands in a text of several lines
            lines.setdefault(key, number)
    return data, lines


def _holds(data: Mapping[str, Any], dotted: str) -> bool:
    below: Any = data
    for key in dotted.split("."):
        if not isinstance(below, Mapping) or key not in below:
            return False
        below = below[key]
    return True


def _lines(path: Path, node: yaml.Node | None) -> dict[str, int]:
    """The line of each dotted key; OperatorError where one is there twice."""
    lines: dict[str, int] = {}

    def walk(mapping: yaml.MappingNode, prefix: str) -> None:
        for key, value in mapping.value:
            dotted = f"{prefix}{key.value}"
            if dotted in lines:
                text = f"is there twice (first on line {lines[dotted]})"
                raise OperatorError([Complaint(f"{path}:{key.start_mark.line + 1}", dotted, text)])
            lines[dotted] = key.start_mark.line + 1
            if isinstance(value, yaml.MappingNode):
                walk(value, f"{dotted}.")

    if isinstance(node, yaml.MappingNode):
        walk(node, "")
    return lines
