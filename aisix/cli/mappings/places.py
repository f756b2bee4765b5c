"""Where a complaint about a table file stands, to the column, and how editors and CI are told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from aisix.cli.mappings.output import write_json
from aisix.errors import Complaint
from aisix.mapping.parse.files import folder_names

TEXT, JSON, GITHUB, LSP = FORMATS = ("text", "json", "github", "lsp")
ERROR, WARNING = 1, 2  # severities of the Language Server Protocol
_MEANT = re.compile(r'did you mean "([^"]+)"')
_AT_COLUMN = re.compile(r"\bcolumn (\d+)\b")
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|\'([^\']*)\'|([A-Za-z0-9_-]+)')
Found = dict[str, Any]


def tell(
    form: str,
    complaints: Sequence[Complaint],
    notes: Sequence[Complaint],
    folders: Sequence[Path],
    **more: Any,
) -> None:
    """Print complaints about tables of these folders, and what may well be meant, in one of FORMATS
    but text. `more`: what else JSON says."""
    finder = Finder(folders)
    if form == LSP:
        write_json(finder.published(complaints, notes))
        return
    found, noted = ([finder.found(one) for one in of] for of in (complaints, notes))
    if form == GITHUB:
        print(github(found) + github(noted, "warning"), end="")
    else:
        write_json({"ok": not found, "findings": found, "notes": noted, **more})


class Finder:
    """Complaints with file, line and columns; a file is read once."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = sorted(folder_names(folders), key=lambda row: -len(row[0]))
        self._lines: dict[str, list[str]] = {}

    def found(self, one: Complaint) -> Found:
        """{where, path, message, file, line, column, end_column, suggest}.

        Lines and columns (of characters) count from 1, the end column is behind the last character.
        `file` is "" of what stands in no file, `suggest` the word that was meant or "".
        """
        meant = _MEANT.search(one.text)
        name, _, number = one.where.rpartition(":")
        name, line = (name, int(number)) if number.isdecimal() else (one.where, 1)
        file = self._file(name)
        begin, end = 1, 1
        if file:
            begin, end = columns(self._line(file, line), one)
        return {
            "where": one.where,
            "path": one.path,
            "message": one.text,
            "file": file,
            "line": line,
            "column": begin,
            "end_column": end,
            "suggest": meant.group(1) if meant else "",
        }

    def _file(self, name: str) -> str:
        """The path of a file of ours by its name in complaints, from the current folder where it
        is below that; "" when there is none."""
        for known, folder in self._folders:
            if name == known or name.startswith(known + "/"):
                path = (folder / name[len(known) + 1 :]).absolute()
                here = Path.cwd()
                return str(path.relative_to(here) if path.is_relative_to(here) else path)
        return name if name and Path(name).exists() else ""

    def _line(self, file: str, number: int) -> str:
        if file not in self._lines:
            try:
                self._lines[file] = Path(file).read_text("utf-8", "replace").split("\n")
            except OSError:
                self._lines[file] = []
        lines = self._lines[file]
        return lines[number - 1] if 0 < number <= len(lines) else ""

    def published(
        self, complaints: Iterable[Complaint], notes: Iterable[Complaint] = ()
    ) -> list[Found]:
        """What a language server publishes: [{uri, diagnostics}], one for each file.

        Lines and characters count from 0, characters are those of UTF-16. `uri` is "" of what
        stands in no file.
        """
        files: dict[str, list[Found]] = {}
        every = [(ERROR, one) for one in complaints] + [(WARNING, one) for one in notes]
        for severity, one in ((of, self.found(told)) for of, told in every):
            file = one["file"]
            text = self._line(file, one["line"]) if file else ""
            start, end = (
                {"line": one["line"] - 1, "character": _utf16(text, one[name])}
                for name in ("column", "end_column")
            )
            files.setdefault(Path(file).absolute().as_uri() if file else "", []).append(
                {
                    "range": {"start": start, "end": end},
                    "severity": severity,
                    "source": "aisix",
                    "code": one["path"],
                    "message": one["message"],
                    "data": {"suggest": one["suggest"]},
                }
            )
        return [{"uri": uri, "diagnostics": rows} for uri, rows in files.items()]


def columns(line: str, one: Complaint) -> tuple[int, int]:
    """From where to where on its line, from 1: the key that the complaint's path ends with, the
    column it names, else the whole line without blanks and comment.

    >>> columns("max = 3", Complaint("", "field.a.max", "")), columns("  x", Complaint("", "", ""))
    ((1, 4), (3, 4))
    """
    said = _AT_COLUMN.search(one.text)
    if said:
        return int(said.group(1)), int(said.group(1)) + 1
    words = [next(filter(None, match), "") for match in _TOKEN.findall(one.path)]
    tokens = [
        (next((group for group in match.groups() if group is not None), ""), match.span())
        for match in _TOKEN.finditer(line)
    ]
    for word in reversed(words):
        for text, (begin, end) in reversed(tokens) if line.lstrip()[:1] == "[" else tokens:
            if text == word or text == one.path:
                return begin + 1, end + 1
    bare = line.strip()
    begin = len(line) - len(line.lstrip())
    return begin + 1, begin + max(1, len(bare)) + 1


def github(found: Iterable[Found], how: str = "error") -> str:
    """Workflow commands: GitHub shows each beside its line in a pull request. how: "error" or
    "warning"."""
    rows = []
    for one in found:
        place = {"title": "aisix mappings"}
        if one["file"]:
            place = {
                "file": one["file"],
                "line": str(one["line"]),
                "col": str(one["column"]),
                "endColumn": str(one["end_column"]),
                **place,
            }
        listed = ",".join(f"{name}={_escaped(text, ':,')}" for name, text in place.items())
        message = ": ".join(part for part in (one["path"], one["message"]) if part)
        if not one["file"] and one["where"]:
            message = f"{one['where']}: {message}"
        rows.append(f"::{how} {listed}::{_escaped(message)}\n")
    return "".join(rows)


def _escaped(text: str, more: str = "") -> str:
    for char in "%\r\n" + more:
        text = text.replace(char, f"%{ord(char):02X}")
    return text


def _utf16(text: str, column: int) -> int:
    return len(text[: column - 1].encode("utf-16-le")) // 2
