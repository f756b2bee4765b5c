"""What was meant by a word that nobody knows."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MOST_WORDS = 12  # told of those that could have been meant


def meant(word: str, known: Iterable[str]) -> str:
    """
    >>> meant("modle", ["model", "stop"]), meant("x", ["model", "stop"])
    ('did you mean "model"?', 'one of: model, stop')
    """
    names = sorted({*map(str, known)})
    close = difflib.get_close_matches(str(word), names, 1, 0.6)
    if close:
        return f'did you mean "{close[0]}"?'
    more = ", ..." if len(names) > MOST_WORDS else ""
    return f"one of: {', '.join(names[:MOST_WORDS])}{more}"


def near(word: str, known: Iterable[str]) -> str:
    """The same in brackets, behind a blank; "" where nothing is known.

    >>> near("modle", ["model"]), near("x", [])
    (' (did you mean "model"?)', '')
    """
    names = [*known]
    return f" ({meant(word, names)})" if names else ""
