"""Conditions: `when`, `unless`, `match`, and `where`, with complaints about what never holds."""

from __future__ import annotations

from aisix.mapping.grammar.rule import ITEM_ROOTS
from aisix.mapping.parse.structure import found
from aisix.mapping.parse.verb_options import VerbOptions
from aisix.mapping.parse.vocabulary import COMPARE
from aisix.mapping.syntax.paths import Json, Path
from aisix.mapping.syntax.rules import Condition, Test


class Conditions(VerbOptions):
    """Reads the conditions of one mapping's merged tables."""

    def condition(
        self, data: dict[str, Json], at: tuple[str, ...], base: str = "item"
    ) -> Condition | None:
        """What `when`, `match` and `unless` of a table ask for; None when it has none of them."""
        return self._condition(data, at, base, ("when", "match", "unless"))

    def selection(self, data: dict[str, Json], at: tuple[str, ...]) -> Condition | None:
        """What `where` and `where_not` ask of an item of a list."""
        around, self.without = self.without, ITEM_ROOTS
        condition = self._condition(data, at, "item", ("where", "", "where_not"))
        self.without = around
        return condition

    def _condition(
        self, data: Json, at: tuple[str, ...], base: str, names: tuple[str, str, str]
    ) -> Condition | None:
        if not isinstance(data, dict):
            self.complain(at, f"expected table, found {found(data)}")
            return None
        if all(name not in data for name in names):
            return None
        given: list[dict[str, Json]] = []
        for name in names:
            one = data.get(name, {})
            if not isinstance(one, dict):
                what = '"regular expression"' if name == "match" else "value"
                self.complain((*at, name), f"expected a table of path = {what}")
                one = {}
            elif name in data and not one:
                text = "an empty table asks for nothing: take it out"
                self.complain((*at, name), text, idle=True)
            given.append(one)
        when, match, unless = given
        tests = self.tests(when, (*at, names[0]), base)
        for text, pattern in match.items():
            here = (*at, "match", text)
            path = self.path(text, here)
            self.top(path, base, here)
            self.tell(self.vocabulary.no_text(path, base == ""), here)
            regex = self.regex(pattern, here)
            if regex:
                tests.append(Test(path, "matches", regex))
        for text, asked in when.items():
            never = (asked,) if asked == "$absent" else (asked, "$present")
            if asked is not None and unless.get(text) in never:
                told = (
                    f"never true: `{names[0]}` asks for the same; drop = true is for no rule at all"
                )
                self.complain((*at, names[2], text), told, idle=True)
        return Condition(tuple(tests), tuple(self.tests(unless, (*at, names[2]), base)))

    def off(self, data: Json) -> bool:
        """Whether a condition asks for an option that this alias has otherwise.

        A rule of such a condition is not there: what it reads counts as read by nobody.
        """
        if not isinstance(data, dict):
            return False
        for key, wanted in (("when", True), ("unless", False)):
            tests = data.get(key)
            for text, value in tests.items() if isinstance(tests, dict) else ():
                if self._option_is(text, value) is (not wanted):
                    return True
        return False

    def _option_is(self, text: str, value: Json) -> bool | None:
        """Whether "$option.NAME" is what a test wants; None when that is not known here."""
        name = text.removeprefix("$option.")
        if name == text or name not in self.facts.get("option", {}):
            return None
        given = self.settled("option", name)
        if value in ("$present", "$absent"):
            return (given is not None) is (value == "$present")
        if isinstance(value, dict) or (
            isinstance(value, str) and (value.startswith("$") or COMPARE.fullmatch(value))
        ):
            return None
        wanted = value if isinstance(value, list) else [value]
        return any(type(given) is type(one) and given == one for one in wanted)

    def tests(self, data: dict[str, Json], at: tuple[str, ...], base: str) -> list[Test]:
        made = []
        for text, value in data.items():
            here = (*at, text)
            path = self.path(text, here)
            self.top(path, base, here)
            self.tell(self.vocabulary.never(path, value, base == ""), here)
            made.append(self.test(path, value, here))
        return made

    def test(self, path: Path, value: Json, at: tuple[str, ...]) -> Test:
        if value == "$present":
            return Test(path, "present")
        if value == "$absent":
            return Test(path, "absent")
        if isinstance(value, str) and value.startswith("$"):
            return Test(path, "equals", self.path(value, at))
        if isinstance(value, str) and (compared := COMPARE.fullmatch(value)):
            return Test(path, "below" if compared[1] == "<" else "above", float(compared[2]))
        if isinstance(value, list):
            return Test(path, "in", frozenset((type(v), v) for v in value), None in path.steps)
        if isinstance(value, dict):
            self.complain(at, "expected a value, a list of values, $present, $absent or a $path")
        return Test(path, "is", value, None in path.steps)
