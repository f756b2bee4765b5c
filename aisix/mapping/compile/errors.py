"""Whether an event is an error, as Python source: asked of every event of a stream.

The fast form of `Recogniser.is_error` (dialect/recogniser.py) for what is an object; the test of a
mark is written below the one before it, so that an ordinary event costs a few look-ups.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from aisix.mapping.compile.paths import Compiler
from aisix.mapping.compile.values import DICT, Site, Var
from aisix.mapping.interpret.scope import Facts
from aisix.mapping.syntax.paths import Json, Path
from aisix.mapping.syntax.rules import Condition, Test

IsError = Callable[[dict[str, Json]], bool]


@lru_cache(64)
def is_error(
    harmless: tuple[tuple[Path, frozenset[str]], ...],
    places: tuple[Path, ...],
    marks: tuple[Condition, ...],
    usual: frozenset[str] = frozenset(),
) -> IsError:
    """The function, one for all models of a mapping; CannotCompile where a mark asks for more than
    the event.

    `harmless`: places and the words there of events that are none; `places`: where only errors have
    anything; `marks`: conditions of which one is enough; `usual`: fields every event has, so that
    what is about others is asked only where one of them is there.
    """
    compiler = _Compiler(Facts("", "", "", {}, {}))
    w, site = compiler.w, Site(Var("e", DICT, True))
    with w.function(compiler.functions, "def is_error(e)"):
        for path, words in harmless:
            found = w.say(compiler.path(site, path))
            w.put(f"if type({found}) is str and {found} in {w.const(words)}: return False")
        rare_places = [path for path in places if path.steps[0] not in usual]
        rare_marks = [mark for mark in marks if _rare(mark, usual)]
        heads = {path.steps[0] for path in rare_places}
        heads |= {mark.when[0].path.steps[0] for mark in rare_marks}
        with w.block(f"if not {w.const(frozenset(heads))}.isdisjoint(e)"):
            _asked(compiler, site, rare_places, rare_marks)
        others = [mark for mark in marks if mark not in rare_marks]
        _asked(compiler, site, [path for path in places if path not in rare_places], others)
        w.put("return False")
    made: dict[str, IsError] = dict(w.names)
    exec(compile("\n".join(compiler.functions), "<is_error>", "exec"), made)
    return made["is_error"]


class _Compiler(Compiler):
    """Texts that are looked into for a mark are words, of which there are few."""

    def matches(self, name: str, pattern: re.Pattern[str]) -> str:
        return f"{self.w.const(Words(pattern))}[{name}]"


class Words(dict[str, bool]):
    """Whether a pattern is found in a word; known ones are not searched again."""

    MOST = 256
    LONGEST = 64  # characters

    def __init__(self, pattern: re.Pattern[str]) -> None:
        super().__init__()
        self._pattern = pattern

    def __missing__(self, word: str) -> bool:
        found = self._pattern.search(word) is not None
        if len(self) < self.MOST and len(word) <= self.LONGEST:
            self[word] = found
        return found


def _rare(mark: Condition, usual: frozenset[str]) -> bool:
    """Whether it cannot hold without a field that most events have not."""
    first = mark.when[0] if mark.when else None
    if first is None or first.kind == "absent" or first.path.root or not first.path.steps:
        return False
    return first.path.steps[0] not in usual


def _asked(compiler: Compiler, site: Site, places: list[Path], marks: list[Condition]) -> None:
    w = compiler.w
    for path in places:
        found = w.say(compiler.path(site, path))
        w.put(f"if {found} and {found} != '0': return True")
    for mark in marks:
        no = [(False, test) for test in mark.unless]
        _mark(compiler, site, [*((True, test) for test in mark.when), *no])


def _mark(compiler: Compiler, site: Site, tests: list[tuple[bool, Test]]) -> None:
    """Each test below the one before it: most events fail the first."""
    w = compiler.w
    if not tests:
        w.put("return True")
        return
    (wanted, test), *rest = tests
    asked = compiler.condition(site, Condition((test,)) if wanted else Condition((), (test,)))
    if asked is False:
        return
    if asked is True:
        _mark(compiler, site, rest)
        return
    with w.block(f"if {asked}"):
        _mark(compiler, site, rest)
