"""All hints of a check.

    hints(mappings, kept)      # notes about every folder but the first, in the order of its files

Must never know: what a table says.
"""

from __future__ import annotations

from collections.abc import Iterator

from aisix.errors import Complaint
from aisix.mapping.mappings import Mappings
from aisix.mapping.parse.toml_tree import Tree
from aisix.mapping.verify.hints.constants import odd_constants
from aisix.mapping.verify.hints.kinds import odd_kinds
from aisix.mapping.verify.hints.lacking import lacking
from aisix.mapping.verify.hints.paths import odd_path
from aisix.mapping.verify.hints.sent import overruled, unsent
from aisix.mapping.verify.hints.spelling import Spelling
from aisix.mapping.verify.hints.usual import Kinds, usual
from aisix.mapping.verify.hints.words import WordCounts, in_text, of_cases, texts_at
from aisix.mapping.verify.kept import Kept
from aisix.mapping.verify.touched import trees

MOST_WORDS = 20_000  # of a site; behind them nothing is hinted at


def hints(mappings: Mappings, kept: Kept) -> list[Complaint]:
    shipped, *sites = mappings.table_folders
    own = [(path, tree) for site in sites for path, tree in trees(site)]
    counted, own_kinds = WordCounts(), Kinds()
    for path, tree in own:
        counted.add_name(path)
        counted.add(tree.data)
        own_kinds.add(tree.data)
        if counted.words.total() > MOST_WORDS:
            return []
    known = usual(shipped, kept)
    every = known.counted()
    every.update(counted)
    for site in sites:
        every.update(of_cases(site.folder))
    spelling = Spelling(every, counted)
    told: dict[tuple[str, str], Complaint] = {}
    for path, tree in own:
        found = [
            *_odd_words(tree, spelling, every),
            *odd_kinds(path, tree, known, own_kinds.found),
            *odd_constants(path, tree),
            *unsent(mappings, path, tree),
            *overruled(mappings, path, tree),
        ]
        for one in found:
            told.setdefault((one.where, one.path), one)
    for one in lacking(mappings):
        told.setdefault((one.where, one.text), one)
    return list(told.values())


def _odd_words(tree: Tree, spelling: Spelling, every: WordCounts) -> Iterator[Complaint]:
    for keys, texts in texts_at(tree.data):
        for text in texts:
            for word in in_text(text):
                odd, near = spelling.meant(word)
                if near:
                    said = f'"{odd}" stands nowhere else; did you mean "{near}"?'
                    yield Complaint(tree.where(keys), ".".join(keys), said)
            odd = odd_path(text, every)
            if odd:
                yield Complaint(tree.where(keys), ".".join(keys), odd)
