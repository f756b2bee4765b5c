"""Two words of a dotted path the other way round; a root that is not at its front.

Must never know: what a table says.
"""

from __future__ import annotations

from aisix.mapping.grammar.roots import ROOTS
from aisix.mapping.verify.hints.words import WordCounts, path_of


def odd_path(text: str, every: WordCounts) -> str:
    """What is odd about a path, in words; "" for nothing, and for what is no path."""
    names = path_of(text)
    if len(names) < 2:
        return ""
    for name in names[1:]:
        if name[:1] == "$" and name[1:] in ROOTS:
            return f'"{text}": a path begins with {name}, which stands for nothing within one'
    for at in range(len(names) - 1):
        a, b = names[at], names[at + 1]
        if a == b or a[:1] == "$" or every.pairs[f"{a} {b}"] > 1:
            continue
        known = every.pairs[f"{b} {a}"] > 0
        # Of a path that nothing else has: others begin with its second word, none with its first.
        alone = at == 0 and every.begins[b] > 0 and every.begins[a] == 1
        if known or (alone and every.follows[b] == 1):
            words = text.split(".")
            words[at], words[at + 1] = words[at + 1], words[at]
            return f'"{text}" stands nowhere else; did you mean "{".".join(words)}"?'
    return ""
