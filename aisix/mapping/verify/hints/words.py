"""The words and dotted paths of tables and cases, and how often each stands there.

    for keys, texts in texts_at(tree.data): ...       # each key, and the texts at it
    counted = WordCounts(); counted.add(tree.data)
    counted.words["message_delta"], counted.pairs["delta text"], counted.begins["delta"]

Must never know: which of them are right.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from aisix.errors import OperatorError
from aisix.mapping.parse.files import case_folders
from aisix.mapping.parse.toml_tree import Keys
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verify.case_files import ABOUT, case_files

MOST_BYTES = 4 << 20  # of a site's cases; words behind them are not counted
WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[_-][A-Za-z0-9]+)*")
PROSE = re.compile(r"[\s\\^({|]")  # in a text that people read, or in an expression
NUMBER = re.compile(r"\[\d*\]")


@dataclass(slots=True)
class WordCounts:
    """`words`; of dotted paths `pairs`, "a b" for two neighbours, `begins`, the first words, and
    `follows`, the others."""

    words: Counter[str] = field(default_factory=Counter)
    pairs: Counter[str] = field(default_factory=Counter)
    begins: Counter[str] = field(default_factory=Counter)
    follows: Counter[str] = field(default_factory=Counter)

    def add(self, data: Json) -> None:
        """All that a table has."""
        for _, texts in texts_at(data):
            for text in texts:
                self.words.update(in_text(text))
                self.add_path(path_of(text))

    def add_path(self, names: list[str]) -> None:
        self.pairs.update(f"{a} {b}" for a, b in pairwise(names))
        self.follows.update(names[1:])
        if len(names) > 1:
            self.begins[names[0]] += 1

    def add_name(self, path: str) -> None:
        """Folders and files have names that tables use."""
        for part in path.removesuffix(".toml").split("/"):
            self.words.update(WORD.findall(part))

    def update(self, other: WordCounts) -> None:
        self.words.update(other.words)
        self.pairs.update(other.pairs)
        self.begins.update(other.begins)
        self.follows.update(other.follows)


def texts_at(node: Json, at: Keys = ()) -> Iterator[tuple[Keys, list[str]]]:
    """(place, the key and the texts at it)"""
    if isinstance(node, dict):
        for key, value in node.items():
            keys = (*at, key)
            held = value if isinstance(value, list) else [value]
            yield keys, [key, *(text for text in held if isinstance(text, str))]
            yield from texts_at(value, keys)
    elif isinstance(node, list):
        for item in node:
            yield from texts_at(item, at)


def in_text(text: str) -> list[str]:
    return [] if PROSE.search(text) else WORD.findall(text)


def path_of(text: str) -> list[str]:
    """The names of a dotted path, without the numbers of items; [] for what is none."""
    if "." not in text or "/" in text or PROSE.search(text):
        return []
    return NUMBER.sub("", text).split(".")


# ---------------------------------------------------------------- cases
def of_cases(folder: Path) -> WordCounts:
    """What a site's own cases have, as far as they can be read."""
    counted = WordCounts()
    left = MOST_BYTES
    try:
        for mapping in case_folders(folder):
            for _, files in case_files(mapping):
                for name, data in files.items():
                    left -= len(data)
                    if left < 0:
                        return counted
                    if name != ABOUT:
                        _add_file(counted, data.decode(errors="replace"))
    except OperatorError:  # whoever runs them tells it
        pass
    return counted


def _add_file(counted: WordCounts, text: str) -> None:
    """A body, or the lines of a stream."""
    try:
        _add_json(counted, json.loads(text))
        return
    except (ValueError, RecursionError):
        pass
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        try:
            _add_json(counted, json.loads(rest))
        except (ValueError, RecursionError):
            counted.words.update(in_text(rest.strip() or name))


def _add_json(counted: WordCounts, body: Json) -> None:
    waiting: list[tuple[str, Json]] = [("", body)]
    while waiting:
        above, node = waiting.pop()
        if isinstance(node, dict):
            for key, value in node.items():
                counted.words.update(in_text(key))
                if above:
                    counted.pairs[f"{above} {key}"] += 1
                waiting.append((key, value))
        elif isinstance(node, list):
            waiting += [(above, item) for item in node]
        elif isinstance(node, str):
            counted.words.update(in_text(node))
            counted.add_path(path_of(node))
