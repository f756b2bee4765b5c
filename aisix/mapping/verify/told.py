"""What of a check's findings is told: each thing once, and without what only comes of another.

Must never know: what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

from aisix.errors import Complaint, wrong_among
from aisix.mapping.grammar.tables import FILES

Place = tuple[str, tuple[str, ...]]  # a file and the words of a path in it
SECTION = 2  # how many words name a unit of a section at least


def told(found: Sequence[Complaint]) -> list[Complaint]:
    """Each place's finding once, whatever words two mappings would have had there; of a unit that
    is wrong beyond doubt none that something does nothing in it."""
    first = {_said(one): one for one in reversed(found)}
    wrong = [_place(one) for one in wrong_among(found)]
    return [
        one
        for one in found
        if first[_said(one)] is one
        and not (one.idle and any(_comes_of(_place(one), other) for other in wrong))
    ]


def _said(one: Complaint) -> tuple[str, str, str]:
    """What is said of which place, without the words that could have been meant."""
    return one.where, one.path, one.text.rpartition(" (")[0] or one.text


def _place(one: Complaint) -> Place:
    words = tuple(one.path.split("."))
    return one.where.rpartition(":")[0], words[1:] if words[0] in FILES else words


def _comes_of(idle: Place, wrong: Place) -> bool:
    """Whether what does nothing stands around what is wrong, or with it in one table."""
    (file, words), (other, keys) = idle, wrong
    table = keys[: max(SECTION, len(keys) - 1)]
    around = words == keys[: len(words)] and len(words) >= SECTION
    return file == other and (around or words[: len(table)] == table)
