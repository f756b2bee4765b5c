"""config.yaml as a document, and the line on which each dotted key stands.

Must never know: which settings there are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from aisix.errors import Complaint, OperatorError


def read(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """The document and the line of each dotted key."""
    try:
        raw = path.read_text("utf-8")
    except OSError as error:
        raise OperatorError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise OperatorError(f"{path}:1: not UTF-8") from None
    try:
        node = yaml.compose(raw, yaml.SafeLoader)
        data = yaml.safe_load(raw)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 1
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise OperatorError(
            [Complaint(f"{path}:{line}", "", f"not valid YAML: {problem}")]
        ) from None
    if data is None:
        return {}, {}
    if not isinstance(data, dict):
        raise OperatorError([Complaint(f"{path}:1", "", "expected names and values")])
    lines: dict[str, int] = {}

    def walk(mapping: Any, prefix: str) -> None:
        for key, value in mapping.value:
            dotted = f"{prefix}{key.value}"
            if dotted in lines:
                text_ = f"is there twice (first on line {lines[dotted]})"
                raise OperatorError([Complaint(f"{path}:{key.start_mark.line + 1}", dotted, text_)])
            lines[dotted] = key.start_mark.line + 1
            if isinstance(value, yaml.MappingNode):
                walk(value, f"{dotted}.")

    walk(node, "")
    return data, lines
