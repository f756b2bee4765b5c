"""What stands around the parts of an answer: its envelopes, its counters."""

from __future__ import annotations

from aisix.mapping.interpret import rules as interpret
from aisix.mapping.interpret.answer_rows import RowRunner
from aisix.mapping.interpret.fold import put, written
from aisix.mapping.interpret.scope import NULL
from aisix.mapping.interpret.view import View
from aisix.mapping.syntax.paths import Json
from aisix.mapping.syntax.rules import Rule


class Enveloping(RowRunner):
    """Makes whole objects of what rows have made."""

    def envelope(self, name: str, **extra: Json) -> dict[str, Json]:
        """One object of the answer; `extra`: what it may ask for (delta, finish, message)."""
        self.scope.extra = {"counted": None, **extra}
        if name in ("usage", "whole"):
            self.scope.extra["counted"] = self.counted()
        view = View(self.scope, {})  # type: ignore[arg-type]
        out: dict[str, Json] = {**self.said} if name == "whole" else {}
        if self.scope.trace is not None and out:
            self.scope.trace.copied(self.said, out)
        rules = self.tables.envelopes[name]
        for path, rule in rules:
            value = interpret.run(rule, view, path.text)
            if value is not None:
                put(out, path.steps, value)
                if self.scope.trace is not None:
                    self.scope.trace.wrote(out, path.steps)
        for key, rule in self.tables.choice if extra.get("finish") not in (None, NULL) else ():
            value = interpret.run(rule, view)
            choices = next((v for v in out.values() if type(v) is list and v), None)
            if value is not None and choices:
                choices[0][key] = value
                if self.scope.trace is not None:
                    self.scope.trace.wrote(choices[0], (key,))
        return out

    def chunk(self, delta: dict[str, Json], finish: Json = NULL) -> dict[str, Json]:
        if self.form is not None:
            return self.form.chunk(self, delta, finish)
        if "chunk" not in self.tables.envelopes:
            return delta
        return self.envelope("chunk", delta=self._written(delta) or {}, finish=finish)

    def _written(self, node: dict[str, Json]) -> Json:
        made = written(node)
        if self.scope.trace is not None:
            self.scope.trace.copied(node, made)
        return made

    def usage_chunk(self) -> dict[str, Json]:
        if self.form is not None and self.form.usage is not None:
            return self.form.usage(self)
        return self.envelope("usage")

    def counted(self) -> dict[str, Json]:
        if self.deltas is not None:
            return self.deltas.counts(self.used())
        return self._counters(self.tables.usage)

    def metered(self) -> dict[str, Json]:
        """Token counters: input, output, cache_read, cache_write, reasoning."""
        form = self.form or self.plain_form or self.deltas
        if form is not None:
            return form.meter(self.used())
        return self._counters(self.tables.meter)

    def _counters(self, rules: tuple[tuple[str, Rule], ...]) -> dict[str, Json]:
        view = View(self.scope, self.used())  # type: ignore[arg-type]
        return interpret.build(rules, view, "") or {}
