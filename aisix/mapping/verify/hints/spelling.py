"""A word that stands once in all tables and cases, and is nearly one that stands there often.

A name of the writer's own choosing (an output field, an event, a word of a value table) can be
spelt in any way. What was measured over all good tables decides how near is near: the shorter a
word, the more of its neighbours are words too.

Must never know: what a table says.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from functools import cached_property

from aisix.mapping.verify.hints.usual import OFTEN
from aisix.mapping.verify.hints.words import WordCounts

SHORTEST, SHORT, LONG = 3, 5, 7  # letters; in a long word one may be another
# How often a word stands of which a short one, but none of the shortest, lost a letter
VERY_OFTEN = 8
OWN_OFTEN = 3  # ... or how often it stands in the site's own files
KNOWN_WELL = 4  # how often a name of several words stands of which another one is no plural
LETTERS = "abcdefghijklmnopqrstuvwxyz"
PLAIN = re.compile(r"[a-z]{3,}(?:[_-][a-z]+)*")
PART = re.compile(r"[A-Za-z]+")


class Spelling:
    """`every`: of all tables and the site's cases; `own`: of the site's tables."""

    def __init__(self, every: WordCounts, own: WordCounts) -> None:
        self._every, self._own = every.words, own.words

    def meant(self, word: str) -> tuple[str, str]:
        """(the word or the part of it that is odd, what it may be meant to be); "" for nothing."""
        if self._every[word] != 1:
            return "", ""
        near = _meant(word, self._every, self._own)
        if near or not re.search("[_-]", word):
            return word, near
        for part in PART.findall(word):
            near = _meant(part, *self._parts)
            if near:
                return word, word.replace(part, near, 1)
        return "", ""

    @cached_property
    def _parts(self) -> tuple[Counter[str], Counter[str]]:
        return _parts(self._every), _parts(self._own)


def _parts(words: Counter[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for word, times in words.items():
        for part in set(PART.findall(word)):
            found[part] += times
    return found


def _meant(word: str, every: Counter[str], own: Counter[str]) -> str:
    if every[word] != 1 or not PLAIN.fullmatch(word):
        return ""
    swapped, doubled, lost, extra, other = _slips(word)
    if len(word) >= SHORT:
        near = {one for one in swapped | doubled | lost | extra if every[one] >= OFTEN}
        if len(word) >= LONG:
            near |= {one for one in other if every[one] >= OFTEN}
        # Two words that stand once in what one hand wrote: one of them is the other.
        near |= {one for one in swapped | doubled | lost | extra | other if own[one] == 1}
    else:
        near = {one for one in swapped | doubled if every[one] >= OFTEN}
        often = VERY_OFTEN if len(word) > SHORTEST else sys.maxsize
        near |= {one for one in lost if every[one] >= often or own[one] >= OWN_OFTEN}
    near = {one for one in near if not _another_form(word, one, every)}
    return max(sorted(near), key=lambda one: every[one], default="")


def _slips(word: str) -> tuple[set[str], ...]:
    """What a word may have been before two letters changed places, one was doubled, was lost, came
    in, was hit beside."""
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    swapped = {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
    doubled = {a + b[1:] for a, b in cuts if a and b and a[-1] == b[0]}
    lost = {a + letter + b for a, b in cuts for letter in f"{LETTERS}_"}
    extra = {a + b[1:] for a, b in cuts if b}
    other = {a + letter + b[1:] for a, b in cuts if b for letter in LETTERS}
    return swapped - {word}, doubled, lost, extra, other - {word}


def _another_form(word: str, one: str, every: Counter[str]) -> bool:
    """A plural, a past, whoever does it: a word of its own."""
    shorter, longer = sorted((word, one), key=len)
    if longer[:-1] != shorter or longer[-1] == longer[-2]:
        return False
    if "_" in word and every[one] >= KNOWN_WELL:
        return False
    return longer[-1] in "sdrn_"
