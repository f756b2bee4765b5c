"""Answer tables to Python source: a stream's events; see compile/answer.py.

Every chunk but its delta is the same bytes, as long as the registers the envelope is made of stay:
they are made once.
"""

from __future__ import annotations

from typing import Any

from aisix.mapping.compile.envelopes import AnswerCompiler
from aisix.mapping.compile.runtime import CannotCompile
from aisix.mapping.compile.values import ABSENT, DICT, Const, Site, Var

MARK = "\0delta\0"  # stands where a chunk's delta will


class StreamCompiler(AnswerCompiler):
    """Writes the functions of a stream's form."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.w.names["MARK"] = MARK

    def source(self) -> str:
        with self.top("chunk(a, delta, finish)"):
            self.asked.clear()
            # Told as what it is in a stream's body: a delta, and a finish that may be null.
            self.extra = {
                "delta": Var("delta", sure=True, full=True),
                "finish": Var("finish", sure=True, null=True),
            }
            self.w.put(f"return {self.w.say(self.envelope('chunk', choice=True))}")
        self._head()
        with self.top("opening(a, e, out)"):
            self._emit(Site(Var("e", DICT, True)), self.tables.chunks[self.tables.opening])
        with self.top("event(a, e, out)"):
            self._event(Site(Var("e", DICT, True)))
        with self.top("finish(a, out)"):
            self._finish_chunks()
        self._reason()
        if "usage" in self.tables.envelopes:
            with self.top("usage(a)"):
                self.w.put("used = a.used()")
                self.extra = {"counted": self.counted()}
                self.w.put(f"return {self.w.say(self.envelope('usage'))}")
        self.meter()
        return "\n\n".join(self.functions) + "\n"

    def _head(self) -> None:
        """What stands before and behind the delta in every chunk, as long as registers stay."""
        rules = dict(self.tables.envelopes.get("chunk", ()))
        deltas = [rule for rule in rules.values() if any(p.root == "delta" for p in rule.paths)]
        if len(deltas) != 1 or self._steps(Site(ABSENT), deltas[0], ""):
            raise CannotCompile("a delta that is not written as it is")
        if any(root != "state" or len(steps) != 1 for root, steps in self.asked):
            raise CannotCompile("an envelope that asks for more than registers of the answer")
        names = sorted(str(steps[0]) for _, steps in self.asked)
        self.key = ", ".join(f"state.get({name!r})" for name in names)
        self.stale = "is not" if len(names) == 1 else "!="
        if len(names) != 1:
            self.key = f"({self.key})"
        with self.top("head(a)"):
            self.w.put(f"a.key = {self.key}")
            self.w.put("data = a.frame.replace('{data}', encode(chunk(a, MARK, NULL)).decode())")
            self.w.put("a.head, a.tail = data.encode().split(encode(MARK))")

    def _reason(self) -> None:
        with self.top("reason(a)"):
            value = self.rule(Site(Const({})), self.tables.finish)
            self.w.put(f"return {self.w.say(value)}")

    def _finish_chunks(self) -> None:
        """Blocks an upstream has not ended, then what stands at the end of every answer."""
        w = self.w
        w.put("if not a.started: opening(a, {}, out)")
        w.put("for number in sorted(a.open): event(a, a.ending(number), out)")
        w.put("block = c.block")
        for name in self.tables.end_emit:
            self._emit(Site(Const({})), self.tables.chunks[name])

    def _event(self, site: Site) -> None:
        w = self.w
        number = self.path(site, self.tables.block)
        name = w.say(number)
        with w.block(f"if type({name}) is int"):
            w.put(f"block = c.block = a.blocks.get({name}) or a.new_block({name})")
        if self.tables.continuation is not None:
            w.put(f"if a.raw is not None: a.rebuild(e, {name})")
        self.rows(site, self.tables.events, self.tables.by)
