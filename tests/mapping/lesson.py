"""mappings/NEW-PROVIDER.md as steps: files to write, commands to run, in the order of the page.

for step in steps(): ...      # Write(name, text) | Command(words)
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.running import ROOT

PAGE = ROOT / "mappings" / "NEW-PROVIDER.md"
_BLOCK = re.compile(r"(?:^`(?P<file>\S+)`\n\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.S | re.M)


@dataclass(frozen=True, slots=True)
class Write:
    """A snippet for a file below the folder of the lesson."""

    name: str
    text: str

    def below(self, folder: Path) -> None:
        file = folder / self.name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.text)


@dataclass(frozen=True, slots=True)
class Command:
    """`aisix ...`: its words, without the first."""

    words: tuple[str, ...]


def steps() -> Iterator[Write | Command]:
    """Blocks that show only what a provider says are no steps."""
    for found in _BLOCK.finditer(PAGE.read_text()):
        file, kind, text = found.group("file", "kind", "text")
        if kind == "toml":
            name, _, rest = text.partition("\n")
            yield Write(name.removeprefix("# "), rest)
        elif kind == "sh":
            for line in text.splitlines():
                yield Command(tuple(shlex.split(line)[1:]))
        elif file:
            yield Write(file, text)
