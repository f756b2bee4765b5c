"""NAME=value lines with settings in them: `export`, comments and other lines stay as they are."""

from __future__ import annotations

import re
from typing import Any

_LINE = re.compile(r"(\s*(?:export\s+)?)([A-Za-z_][A-Za-z0-9_]*)(\s*=[ \t]*)(.*)", re.S)
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=-]*")


def read(text: str) -> dict[str, str]:
    """Names and their values; of a name given twice the last one counts."""
    return {found[2]: _value(found[4]) for found in map(_LINE.fullmatch, _lines(text)) if found}


def edited(text: str, settings: dict[str, Any]) -> str:
    lines = _lines(text)
    for name, value in settings.items():
        new = str(value)
        if not _PLAIN.fullmatch(new):
            if "'" in new or "\n" in new:
                raise ValueError(f"{name}: a value with a quote or a line end cannot stand there")
            new = f"'{new}'"
        at = [n for n, one in enumerate(lines) if (m := _LINE.fullmatch(one)) and m[2] == name]
        if at:
            found = _LINE.fullmatch(lines[at[-1]])
            assert found is not None
            lines[at[-1]] = f"{found[1]}{name}={new}"
        else:
            while lines and not lines[-1].strip():
                lines.pop()
            lines.append(f"{name}={new}")
    return "\n".join(lines).rstrip("\n") + "\n"


def _lines(text: str) -> list[str]:
    """Those of a value that is quoted over several lines are one."""
    out: list[str] = []
    open_quote = ""
    for line in text.split("\n"):
        if open_quote:
            out[-1] += "\n" + line
            open_quote = "" if open_quote in line else open_quote
            continue
        out.append(line)
        found = _LINE.fullmatch(line)
        value = found[4].strip() if found else ""
        if value[:1] in ("'", '"') and value.count(value[0]) == 1:
            open_quote = value[0]
    return out


def _value(text: str) -> str:
    text = text.strip()
    if text[:1] in ("'", '"'):
        return text[1:].partition(text[0])[0]
    return re.split(r"\s#", text)[0].strip()
