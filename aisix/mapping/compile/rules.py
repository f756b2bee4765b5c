"""Rules to Python source: a whole rule; see `compile/`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from aisix.mapping.compile.steps import StepCompiler
from aisix.mapping.compile.values import (
    ABSENT,
    CONTAINERS,
    Const,
    Site,
    Value,
    Var,
    is_full,
    is_only,
    is_sure,
    like,
    may_be,
)
from aisix.mapping.compile.writer import Line
from aisix.mapping.interpret.scope import NULL
from aisix.mapping.syntax.rules import Rule

Step = Callable[[Var], Value]  # a sure value -> what becomes of it


class RuleCompiler(StepCompiler):
    """Writes whole rules."""

    def rule(self, site: Site, rule: Rule) -> Value:
        guard = self.condition(site, rule.guard)
        if guard is False:
            return ABSENT
        if guard is True:
            return self._unguarded(site, rule)
        made = self.w.let("None")
        with self.w.block(f"if {guard}"):
            value = self._unguarded(site, rule)
            if value == ABSENT:
                return ABSENT
            self.w.put(f"{made} = {self.w.say(value)}")
        return like(value, made)

    def _unguarded(self, site: Site, rule: Rule) -> Value:
        value, about = self._source(site, rule)
        if rule.about:
            about = next((n for n in rule.about if self.is_sent(n)), rule.about[0])
        if rule.rare and value != ABSENT:
            self.bail("True" if is_sure(value) else f"{self.w.say(value)} is not None", "unusual")
            value = ABSENT
        if value == ABSENT:
            if rule.required:
                self.bail()
            return ABSENT
        if rule.required and type(value) is Var and not value.sure:
            self.bail(f"{value.name} is None")
            value = replace(value, sure=True)
        if rule.policy:
            self._policy(site, rule, value, about)
            return ABSENT
        return self._refine(site, rule, value, about)

    def _policy(self, site: Site, rule: Rule, value: Value, about: str) -> None:
        """Nothing is written; the caller is told."""
        if rule.policy == "drop":
            return
        with ExitStack() as stack:
            if not is_sure(value):
                stack.enter_context(self.w.block(f"if {self.w.say(value)} is not None"))
            if rule.policy == "reject":
                self.bail()
            else:
                self.note(rule.told or "dropped", about, rule.place, self._name(site, rule))

    def _name(self, site: Site, rule: Rule) -> Value | None:
        return self.path(site, rule.named) if rule.named is not None else None

    def waits(self, rule: Rule) -> bool:
        return (
            rule.kind == "from"
            and not (rule.required or rule.policy or rule.count or rule.told or rule.guard)
            and not self._steps(Site(ABSENT), rule, "")
        )

    def _refine(self, site: Site, rule: Rule, value: Value, about: str) -> Value:
        steps = self._steps(site, rule, about)
        if value == Const(NULL):
            self._heard(site, rule, about)
            return value
        if steps and type(value) is Var and value.null:
            self.bail(f"{value.name} is NULL", "unusual")
        if type(value) is Const:
            if not steps:
                return ABSENT if value.value in ([], {}) and not rule.keep_empty else value
            if type(value.value) is str and self._only_words(rule, len(steps)):
                known = self._known_words(rule, value.value)
                if known is not None:
                    return known
            value = self._held(value)
        if not steps:
            return self._not_empty(rule, value)
        where, depth = len(self.w.lines), self.w.depth
        made = ""
        with ExitStack() as stack:
            for step in steps:
                if not is_sure(value):
                    if not made:
                        made = self.w.new()
                        self.w.lines.insert(where, Line("    " * depth + f"{made} = None"))
                    name = self.w.say(value)
                    stack.enter_context(self.w.block(f"if {name} is not None"))
                    value = replace(value, sure=True) if type(value) is Var else value
                if isinstance(value, Const):
                    value = self._held(value)
                value = step(value)
                if value == ABSENT:
                    break
            if value != ABSENT:
                value = self._not_empty(rule, value)
                if rule.count or rule.told:
                    with ExitStack() as inner:
                        if not is_sure(value):
                            start = f"if {self.w.say(value)} is not None"
                            inner.enter_context(self.w.block(start))
                        self._heard(site, rule, about)
            if made and value != ABSENT:
                self.w.put(f"{made} = {self.w.say(value)}")
        return like(value, made) if made and value != ABSENT else value

    def _only_words(self, rule: Rule, steps: int) -> bool:
        """Whether value tables are all that is done to a value."""
        return bool(rule.tables) and steps == len(rule.tables) and not (rule.told or rule.count)

    def _heard(self, site: Site, rule: Rule, about: str) -> None:
        """A value that was made is counted and told of."""
        if rule.count:
            self.add_one(rule.count)
        if rule.told:
            self.note(rule.told, about, rule.place, self._name(site, rule))

    def _held(self, value: Const) -> Var:
        """A constant as a variable: no literal, of which steps could not ask anything."""
        return Var(self.w.let(self.w.const(value.value)), frozenset({type(value.value)}), True)

    def add_one(self, name: str) -> None:
        self.w.put(f"c.state[{name!r}] = c.state.get({name!r}, 0) + 1")

    def _not_empty(self, rule: Rule, value: Value) -> Value:
        """An empty list or object is nothing."""
        if rule.keep_empty or type(value) is Const or is_full(value):
            return value
        if not may_be(value, CONTAINERS):
            return value
        assert type(value) is Var
        name = value.name
        if is_only(value, CONTAINERS):
            text = f"{name} or None"
        else:
            known = "" if value.sure else f"{name} is None or "
            text = f"{name} if {name} or {known}type({name}) not in EMPTIABLE else None"
        return replace(value, name=self.w.let(text), sure=False, full=True, parts=None)

    def _steps(self, site: Site, rule: Rule, about: str) -> list[Step]:
        """What is done to a value, in the order every rule has."""
        steps: list[Step] = []
        if rule.types:
            steps.append(lambda value: self._types(rule, value))
        if rule.where is not None:
            steps.append(lambda value: self._where(rule, value))
        if rule.keep:
            steps.append(lambda value: self._keep(value))
        for convert in rule.converts:
            steps.append(partial(self._convert, site, rule, convert, about))
        for one in rule.tables:
            steps.append(partial(self._table, one, about))
        if rule.low is not None or rule.high is not None:
            steps.append(lambda value: self._clamp(site, rule, value, about))
        if rule.shape is not None:
            steps.append(lambda value: self.reshaped(site, rule, value, about))
        elif rule.each is not None or rule.lone is not None:
            steps.append(lambda value: self.items(rule, value, about))
        if rule.arrange:
            steps.append(lambda value: self._arrange(site, rule, value, about))
        if rule.join is not None:
            steps.append(lambda value: self._join(rule, value))
        if (rule.count or rule.told) and not steps:
            steps.append(lambda value: value)
        return steps
