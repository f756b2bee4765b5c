"""Rules to Python source: what is done to a value, step by step; see `compile/`."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

from aisix.mapping.compile.runtime import CannotCompile
from aisix.mapping.compile.sources import NUMBERS, PYTHON, SourceCompiler
from aisix.mapping.compile.values import (
    ABSENT,
    DICT,
    LIST,
    STR,
    Cond,
    Const,
    Site,
    Value,
    Var,
    is_only,
    is_sure,
    may_be,
)
from aisix.mapping.syntax.paths import Json, Path
from aisix.mapping.syntax.rules import Arrange, Convert, Rule, TableEntry, ValueTable
from aisix.mapping.verbs import conversions, passes
from aisix.mapping.verbs.nested import leads_below, runner


class StepCompiler(SourceCompiler):
    """Writes the steps after a value is found, in the order every rule has."""

    def _types(self, rule: Rule, value: Var) -> Value:
        kinds = frozenset(t for kind in rule.types for t in PYTHON[kind])
        if is_only(value, kinds):
            return value
        self.bail(self.is_of(value.name, kinds).opposite)
        return replace(value, kinds=kinds)

    def _where(self, rule: Rule, value: Var) -> Value:
        if not may_be(value, LIST):
            return value
        chosen = self.predicate(rule.where)
        text = f"[x for x in {value.name} if {chosen}(x)]"
        if not is_only(value, LIST):
            text += f" if type({value.name}) is list else {value.name}"
        return Var(self.w.let(text), value.kinds, True)

    def _keep(self, value: Var) -> Value:
        name = value.name
        self.bail(
            f"type({name}) is list and not all([type(x) is str and x.strip() for x in {name}])"
            f" or type({name}) is str and not {name}.strip()",
            "unusual",
        )
        if not may_be(value, STR):
            return value
        return Var(self.w.let(f"[{name}] if type({name}) is str else {name}"), None, True)

    def _convert(self, site: Site, rule: Rule, convert: Convert, about: str, value: Var) -> Value:
        verb = conversions.VERBS[convert.verb]
        if verb.leaves is not None and is_only(value, frozenset({verb.leaves})):
            return value
        if verb.takes is not None and not is_only(value, frozenset({verb.takes})):
            self.bail(f"type({value.name}) is not {verb.takes.__name__}")
        if verb.asks:
            self.w.put(f"c.spot = {self.w.const((about, rule.place))}")
        if verb.asks_item:
            virtual = type(site.item) is Var and site.item.parts is not None
            self.w.put(f"c.item = {'None' if virtual else self.w.say(site.item)}")
        run, options = self.w.const(verb.run), self.w.const(convert.options)
        if verb.keeps:
            self.w.put(f"{run}({value.name}, {options}, c)")
            return value
        made = self.w.let(f"{run}({value.name}, {options}, c)")
        if verb.gives is None:
            return Var(made)
        return Var(made, frozenset({verb.gives}), True)

    def _known_words(self, rule: Rule, word: str) -> Value | None:
        """What tables make of a word known now; None if they would tell or refuse."""
        found: object = word
        for one in rule.tables:
            entry = one.entries.get(str(found)) or one.entries.get("*")
            if entry is None or entry.omit:
                return ABSENT
            if entry.told or entry.reject or type(entry.to if not entry.same else "") is not str:
                return None
            found = found if entry.same else entry.to
        return Const(found)

    def _table(self, one: ValueTable, about: str, value: Var) -> Value:
        """A dict lookup when no row tells or refuses."""
        rows = dict(one.entries)
        star = rows.pop("*", None)
        plain = all(not (e.told or e.reject) for e in one.entries.values()) and not any(
            e.same for e in rows.values()
        )
        entries = self.w.const(one.entries)
        otherwise = f"table({entries}, {value.name}, c, {about!r})"
        if not may_be(value, STR):
            return Var(self.w.let(otherwise))
        if not plain:  # of most words there is nothing to tell
            quiet = {w: w if e.same else e.to for w, e in rows.items() if not _speaks(e)}
            text = f"{self.w.const(quiet)}.get({value.name})"
            made = self.w.let(
                text if is_only(value, STR) else f"{text} if type({value.name}) is str else None"
            )
            self.w.put(f"if {made} is None: {made} = {otherwise}")
            return Var(made)
        words = self.w.const({w: None if e.omit else e.to for w, e in rows.items()})
        if star is None or star.omit:
            other = "None"
        else:
            other = value.name if star.same else self.w.const(star.to)
        text = f"{words}.get({value.name}, {other})"
        if not is_only(value, STR):
            text += f" if type({value.name}) is str else {otherwise}"
            if star is not None and star.same:
                return Var(self.w.let(text))
        found = [None if entry.omit else entry.to for entry in rows.values()]
        if star is None or not star.same:
            found.append(star.to if star is not None and not star.omit else None)
        else:
            found.append("")
        kinds = frozenset(type(word) for word in found if word is not None)
        return Var(self.w.let(text), kinds, None not in found)

    def _clamp(self, site: Site, rule: Rule, value: Var, about: str) -> Value:
        made = ""
        if not may_be(value, NUMBERS):
            return value
        for limit, sign in ((rule.low, "<"), (rule.high, ">")):
            bound = self.path(site, limit) if type(limit) is Path else Const(limit)
            if bound == ABSENT:
                continue
            if not made:
                made = self.w.let(value.name)
            text = self.w.say(bound)
            if not may_be(bound, NUMBERS):
                continue
            known = (
                ""
                if is_only(bound, NUMBERS) and is_sure(bound)
                else f"{self.is_of(text, NUMBERS)} and "
            )
            number = "" if is_only(value, NUMBERS) else f"{self.is_of(made, NUMBERS)} and "
            with self.w.block(f"if {number}{known}{made} {sign} {text}"):
                self._tell_clamped(site, rule, about)
                self.w.put(f"{made} = {text}")
        return Var(made, value.kinds, True) if made else value

    def _tell_clamped(self, site: Site, rule: Rule, about: str) -> None:
        """A default that is clamped is no loss: the caller never said it."""
        if rule.find is not None and rule.default is not None:
            self.bail(reason="unusual")  # which of both it was, is not known here
            return
        said: list[str] = []
        sure = rule.default is None or rule.kind not in ("from", "find")
        for path in rule.paths if rule.default is not None else ():
            found = self.path(site, path)
            sure = sure or is_sure(found)
            if found != ABSENT:
                said.append(f"{self.w.say(found)} is not None")
        if sure:
            self.note("clamped", about, rule.place)
        elif said:
            with self.w.block(f"if {' or '.join(said)}"):
                self.note("clamped", about, rule.place)

    def _join(self, rule: Rule, value: Var) -> Value:
        if not may_be(value, LIST):
            return value
        text = f"{rule.join!r}.join([x for x in {value.name} if type(x) is str])"
        if is_only(value, LIST):
            return Var(self.w.let(text), STR, True)
        return Var(
            self.w.let(f"{text} if type({value.name}) is list else {value.name}"), None, True
        )

    def _arrange(self, site: Site, rule: Rule, value: Var, about: str) -> Value:
        """Passes over a list that shapes have just built: its items are objects."""
        made = self.w.let(value.name)
        if not is_only(value, LIST):
            raise CannotCompile("passes over what may be no list")
        steps = [(step, self.condition(site, step.guard)) for step in rule.arrange]
        steps = [(step, guard) for step, guard in steps if guard is not False]
        questions = [self._question(step) for step, _ in steps]
        # What is asked of all items is asked of them at once; behind a pass that ran, again.
        asked = {text: self.w.let("False") for text in dict.fromkeys(questions) if text}
        if asked:
            with self.w.block(f"for x in {made}"):
                for text, name in asked.items():
                    self.w.put(f"if {text}: {name} = True")
        changed = ""  # whether a pass ran
        for number, (step, guard) in enumerate(steps):
            verb, text = passes.PASSES[step.verb], questions[number]
            needed: bool | str = asked[text] if text else self._needed(step, made)
            if text and changed:
                needed = f"([1 for x in {made} if {text}] if {changed} else {needed})"
            chosen = self.predicate(step.where, Var("item", DICT, True)) if verb.chooses else "None"
            run = self.w.const(runner(verb, step.options))
            options = self.w.const(step.options)
            asks_later = any(questions[number + 1 :])
            if asks_later and not changed:
                changed = self.w.let("False")
            with ExitStack() as stack:
                conditions = [str(test) for test in (guard, needed) if test is not True]
                if conditions:
                    stack.enter_context(self.w.block(f"if {' and '.join(conditions)}"))
                if verb.tells:
                    self.w.put(f"c.spot = {self.w.const((about, step.place))}")
                self.w.put(f"{made} = {run}({made}, {options}, {chosen}, c)")
                if asks_later:
                    self.w.put(f"{changed} = True")
        return Var(made, LIST, True)

    def _question(self, step: Arrange) -> str:
        """What is asked of all items to know whether a pass has anything to do; "": nothing."""
        needs = _needs(step)
        if needs == "empty":
            return f"not x.get({step.options['list']!r})"
        found = self.inline("x", step.where) if needs == "any" else None
        return found.text if type(found) is Cond else ""

    def _needed(self, step: Arrange, made: str) -> bool | str:
        """Whether a pass has anything to do."""
        needs = _needs(step)
        if needs == "several":
            return f"len({made}) > 1"
        if needs == "paired":
            return self._has_parts(made, step.options)
        if needs not in ("first", "not first", "last"):
            return True
        found = self.inline(f"{made}[{-1 if needs == 'last' else 0}]", step.where)
        if type(found) is not Cond:
            return True
        return f"(not {made} or not ({found}))" if needs == "not first" else f"{made} and {found}"

    def _has_parts(self, made: str, options: dict[str, Json]) -> str:
        """The name of whether an item has a part that is a call or an answer. Passes move such
        parts or take them away, so that what is known of an earlier one holds."""
        kinds = (options["call"], options["answer"])
        asked = ("parts", made, options["list"], options["kind"], kinds)
        known = self.w.known(asked)
        if known is not None:
            return self.w.say(known)
        found = self.w.let("False")
        with self.w.block(f"for x in {made}"):
            self.w.put(f"z = x.get({options['list']!r})")  # an item may have none
            with self.w.block("for y in z if type(z) is list else ()"):
                word = f"type(y) is dict and y.get({options['kind']!r})"
                self.w.put(f"if {word} in {kinds!r}: {found} = True")
            self.w.put(f"if {found}: break")
        self.w.loaded[-1][asked] = Var(found)
        return found


def _needs(step: Arrange) -> str:
    """What a pass does nothing without (NEEDS in verbs/registry.py); "" where that stands below a
    field, which nobody asks before it runs."""
    verb = passes.PASSES[step.verb]
    return "" if leads_below(step.options, verb) else verb.needs


def _speaks(entry: TableEntry) -> bool:
    """Whether it does more than to put one word for another."""
    return bool(entry.told or entry.reject or entry.omit)
