"""Which layer a line of the tables belongs to, and what stands there."""

from __future__ import annotations

from aisix.mapping.mappings import Mappings
from aisix.mapping.parse.files import TableFolder

MOST_LINES = 40  # of one rule that are shown
SHIPPED = "shipped"


class Layers:
    """The folders tables were read from, the shipped one first."""

    def __init__(self, mappings: Mappings) -> None:
        self._folders = mappings.table_folders
        self._texts: dict[str, list[str]] = {}

    def _of(self, where: str) -> tuple[int, TableFolder] | None:
        found = [
            (number, folder)
            for number, folder in enumerate(self._folders)
            if where.startswith(f"{folder.name}/")
        ]
        return max(found, key=lambda one: len(one[1].name), default=None)

    def layer(self, where: str) -> str:
        """shipped, a site's folder, "trait NAME", "model row": of a folder, behind its name."""
        found = self._of(where)
        if found is None:
            return where.rpartition(":")[0]  # an alias's own tables
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
        found = self._of(where)
        file, _, number = where.rpartition(":")
        if found is None or not number.isdigit():
            return []
        if file not in self._texts:
            raw = found[1].files.get(file.removeprefix(f"{found[1].name}/"), b"")
            self._texts[file] = raw.decode("utf-8", "replace").splitlines()
        out: list[str] = []
        for line in self._texts[file][int(number) - 1 : int(number) - 1 + MOST_LINES]:
            if out and (not line.strip() or line.startswith("[")):
                break
            out.append(line)
            if not out[0].startswith("["):
                text = "\n".join(out)
                if text.count("[") + text.count("{") <= text.count("]") + text.count("}"):
                    break
        return out
