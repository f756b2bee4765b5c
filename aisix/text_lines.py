"""Lines of text for people and scripts that read the original AISIX's: words, then `name=value`.

    line("provider call completed", {"attempt_index": 0, "handler": "chat"})
        'provider call completed attempt_index=0 handler="chat"'
    access({"method": "POST", "status": 200, "ms": 12.4})
        'proxy request completed method="POST" status=200 latency_ms=12'

Texts stand in quotes, escaped as in JSON and in ASCII alone: nothing of a caller's breaks a line.
What is not known is left out.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from json.encoder import encode_basestring_ascii as quoted
from pathlib import Path
from typing import Any

ACCESS = "proxy request completed"
NAMES: dict[str, str] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))[
    "access"
]
KNOWN = {*NAMES.values(), "tokens"}


def line(words: str, fields: Mapping[str, Any]) -> str:
    """
    >>> line("x", {"a": None, "b": True, "c": 1.5, "d": 'say "no"\\n'})
    'x b=true c=1 d="say \\\\"no\\\\"\\\\n"'
    """
    return words + "".join([f" {name}={_shown(v)}" for name, v in fields.items() if v is not None])


def access(record: Mapping[str, Any]) -> str:
    """One request, of a record of ours with what only text tells: `told_lines.py`.

    >>> access({"error": "timeout", "ms": 1.9, "remote": "::1", "tokens": {"cached": 1}})[24:]
    'latency_ms=1 error_kind="timeout" remote="::1" tokens.cached=1'
    """
    fields = {theirs: record.get(ours) for theirs, ours in NAMES.items()}
    fields |= {name: value for name, value in record.items() if name not in KNOWN}
    fields |= {f"tokens.{name}": count for name, count in record.get("tokens", {}).items()}
    return line(ACCESS, fields)


def _shown(value: Any) -> str:
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is float:
        return str(int(value))  # milliseconds
    return str(value) if type(value) is int else quoted(str(value))
