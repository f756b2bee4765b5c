"""Which layer a line of the tables belongs to, and what stands there."""

from __future__ import annotations

import json
from collections.abc import Sequence

from aisix.mapping.mappings import Mappings
from aisix.mapping.parse.files import TableFolder
from aisix.mapping.parse.inline import Inline, is_object
from aisix.mapping.syntax import paths

MOST_LINES = 40  # of one rule that are shown
SHIPPED = "shipped"


class Layers:
    """The folders tables were read from, the shipped one first, and an alias's own tables."""

    def __init__(self, mappings: Mappings, overlays: Sequence[Inline] = ()) -> None:
        self._folders = mappings.table_folders
        self._overlays = overlays
        self._texts: dict[str, list[str]] = {}

    def _of(self, where: str) -> tuple[int, TableFolder] | None:
        found = [
            (number, folder)
            for number, folder in enumerate(self._folders)
            if where.startswith(f"{folder.name}/")
        ]
        return max(found, key=lambda one: len(one[1].name), default=None)

    def _own(self, where: str) -> Inline | None:
        """The alias's tables that it is of."""
        mine = (o for o in self._overlays if where.startswith((f"{o.name}:", f"{o.name}.")))
        return max(mine, key=lambda one: len(one.name), default=None)

    def layer(self, where: str) -> str:
        """shipped, a site's folder, "trait NAME", "model row": of a folder, behind its name; the
        name of an alias's own tables."""
        own = self._own(where)
        if own is not None:
            return own.name
        found = self._of(where)
        if found is None:
            return file_line(where)[0]
        number, folder = found
        file = where.rpartition(":")[0]
        kind = ""
        if "/traits/" in file:
            kind = f"trait {file.rpartition('/traits/')[2].removesuffix('.toml')}"
        elif file.endswith("/models.toml"):
            kind = "model row"
        return f"{folder.name}: {kind}".removesuffix(": ") if number else kind or SHIPPED

    def lines(self, where: str) -> list[str]:
        """The text at a place: a table to its end, a key with its value."""
        own, found = self._own(where), self._of(where)
        if own is not None and is_object(own.text):
            return _lines_of_object(own, where)
        file, number = file_line(where)
        if not number or (own is None and found is None):
            return []
        if file not in self._texts:
            text = own.text if own is not None else ""
            if own is None and found is not None:
                raw = found[1].files.get(file.removeprefix(f"{found[1].name}/"), b"")
                text = raw.decode("utf-8", "replace")
            self._texts[file] = text.splitlines()
        out: list[str] = []
        for line in self._texts[file][number - 1 : number - 1 + MOST_LINES]:
            if out and (not line.strip() or line.startswith("[")):
                break
            out.append(line)
            if not out[0].startswith("["):
                text = "\n".join(out)
                if text.count("[") + text.count("{") <= text.count("]") + text.count("}"):
                    break
        return out


def _lines_of_object(own: Inline, where: str) -> list[str]:
    """The same of tables that are a JSON object, whose places are paths."""
    keys = next((keys for keys, place in own.tree.lines.items() if place == where), ())
    if not keys:
        return []
    said = json.dumps(paths.get(own.tree.data, keys), indent=2, ensure_ascii=False)
    return f"{json.dumps(keys[-1])}: {said}".splitlines()[:MOST_LINES]


def file_line(where: str) -> tuple[str, int]:
    """A place as file and line; the line is 0 where it is a path.

    >>> file_line("a/request.toml:7"), file_line("overlay.request.field")
    (('a/request.toml', 7), ('overlay.request.field', 0))
    """
    file, _, number = where.rpartition(":")
    return (file, int(number)) if number.isdigit() else (where, 0)
