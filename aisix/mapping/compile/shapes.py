"""Shapes to Python source: what becomes of an item, field by field; see `compile/`."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace

from aisix.mapping.compile.paths import Compiler
from aisix.mapping.compile.runtime import CannotCompile
from aisix.mapping.compile.values import (
    ABSENT,
    DICT,
    LIST,
    STR,
    Const,
    Site,
    Value,
    Var,
    is_only,
    is_sure,
    may_be,
)
from aisix.mapping.interpret.scope import unread
from aisix.mapping.syntax.paths import copied
from aisix.mapping.syntax.rules import Rule, Shape

MANY = 6  # words, of which one is chosen by asking for each


@dataclass(slots=True)
class Made:
    """A function (item, c, index) -> what a shape makes of the item."""

    name: str
    value: Var  # what is known of its answer
    counts: bool = True  # it asks for the index


class ShapeCompiler(Compiler):
    """Writes what becomes of an item; an object or a list of them."""

    loops = False  # lists of the whole are written as loops where they stand

    def __init__(self, *args) -> None:  # type: ignore[no-untyped-def]
        super().__init__(*args)
        self.shapes: dict[tuple[int, str], Made] = {}
        self.fields: dict[str, dict[str, Value]] = {}  # variable -> the values it was built of
        self.open: list[int] = []  # ids of shapes that are being written in line

    def waits(self, rule: Rule) -> bool:
        """Whether it makes no difference when, or if, the value is looked up."""
        raise NotImplementedError

    def build(self, site: Site, parts: tuple[tuple[str, Rule], ...], empty: bool = False) -> Value:
        """An object; ABSENT (or {} when `empty`) if it would have no field."""
        values = [(key, self.rule(site, rule)) for key, rule in parts]
        return self.object([(key, value) for key, value in values if value != ABSENT], empty)

    def object(self, values: list[tuple[str, Value]], empty: bool = False) -> Value:
        """An object of these fields; those that may be absent are left out then."""
        if not values and not empty:
            return ABSENT
        first = next((n for n, (_, v) in enumerate(values) if not is_sure(v)), len(values))
        start = ", ".join(f"{key!r}: {self.w.written(value)}" for key, value in values[:first])
        made = self.w.let(f"{{{start}}}")
        for key, value in values[first:]:
            check = "" if is_sure(value) else f"if {self.w.say(value)} is not None: "
            self.w.put(f"{check}{made}[{key!r}] = {self.w.written(value)}")
        self.fields[made] = dict(values)
        sure = empty or any(is_sure(value) for _, value in values)
        if not sure:
            self.w.put(f"if not {made}: {made} = None")
        return Var(made, DICT, sure, not empty or any(is_sure(value) for _, value in values))

    # ------------------------------------------------------------------ shapes of items
    def function(self, shape: Shape, about: str) -> Made:
        """The function of a shape."""
        key = (id(shape), about)
        if key not in self.shapes:
            self.w.count += 1
            made = Made(f"s{self.w.count}", Var(""))
            self.shapes[key] = made  # before its parts: a shape may use itself
            inside, self.inside = self.inside, True
            opened, self.open = self.open, [id(shape)]
            indices, self.indices = self.indices, set()
            with self.w.function(self.functions, f"def {made.name}(item, c, index=0)"):
                site = Site(Var("item", sure=True), about, Var("index", frozenset({int}), True))
                value = self.reshape(site, shape)
                self.w.put(f"return {self.w.say(value)}")
                made.value = value if type(value) is Var else Var("", None, is_sure(value))
            made.counts = "index" in self.indices
            self.inside, self.open, self.indices = inside, opened, indices
        return self.shapes[key]

    def reshaped(self, site: Site, rule: Rule, value: Var, about: str) -> Value:
        """`shape`: one item made of one value."""
        assert rule.shape is not None
        body = site.body and value == site.item  # notes then name what is read of it
        if id(rule.shape) in self.open or not (body or self._is_small(rule.shape)):
            made = self.function(rule.shape, about)
            text = f"{made.name}({value.name}, c, {self.w.say(self.index(site))})"
            return replace(made.value, name=self.w.let(text), parts=None)
        return self._in_line(replace(site, item=value, about=about, my={}, body=body), rule.shape)

    def _is_small(self, shape: Shape) -> bool:
        return shape.by is None and not shape.first

    def _in_line(self, site: Site, shape: Shape) -> Value:
        self.open.append(id(shape))
        made = self.reshape(site, shape)
        self.open.pop()
        return made

    def items(self, rule: Rule, value: Var, about: str) -> Value:
        """`each` and `lone`: a list of what a shape makes of each item."""
        one = rule.lone if rule.lone is not None and may_be(value, STR) else None
        if one is None:
            return self._each(rule, value, about)
        made = self.w.new()
        with self.w.block(f"if type({value.name}) is str"):
            site = Site(replace(value, kinds=STR), about)
            if id(one) in self.open or not self._is_small(one):
                found = self.function(one, about)
                item: Value = replace(
                    found.value, name=self.w.let(f"{found.name}({value.name}, c)"), parts=None
                )
            else:
                item = self._in_line(site, one)
            text = self.w.say(item)
            check = "" if is_sure(item) else f" if {text} is not None else []"
            self.w.put(f"{made} = [{text}]{check}")
        with self.w.block("else"):
            if rule.each is None or is_only(value, STR):
                self.w.put(f"{made} = {value.name}")
                return Var(made, None if rule.each is None else LIST, True)
            self.w.put(f"{made} = {self.w.say(self._each(rule, value, about))}")
        return Var(made, LIST, True)

    def _each(self, rule: Rule, value: Var, about: str) -> Value:
        if rule.each is None:
            return value
        if (
            self.loops
            and not self.inside
            and is_only(value, LIST)
            and id(rule.each) not in self.open
        ):
            return self._each_in_line(rule.each, value, about)
        each = self.function(rule.each, about)
        item = f"{each.name}(x, c, n)" if each.counts else f"{each.name}(x, c)"
        loop = f"for n, x in enumerate({value.name})" if each.counts else f"for x in {value.name}"
        one, full = f"{each.name}({value.name}, c)", each.value.sure
        lone = f"{each.name}({value.name}[0], c)"  # of a list of one, which most parts are
        if may_be(each.value, LIST):  # all of such a list stands in the item's place
            text = f"[z {loop} for z in spread({item})]"
            one, full = f"[*spread({one})]", False
            lone = f"[*spread({lone})]"
        elif each.value.sure:
            text = f"[{item} {loop}]"
            one, lone = f"[{one}]", f"[{lone}]"
        else:
            text = f"[y {loop} if (y := {item}) is not None]"
            one = f"[y] if (y := {one}) is not None else []"
            lone = f"[y] if (y := {lone}) is not None else []"
        if is_only(value, LIST):
            self._spend(value, about)
            return Var(self.w.let(text), LIST, True, full and value.full)
        if is_only(value, DICT):
            self._must_be_item(rule.each, value)
            return Var(self.w.let(one), LIST, True, full)
        made = self.w.new()
        with self.w.block(f"if type({value.name}) is list"):
            with self.w.block(f"if len({value.name}) == 1"):
                self.w.put(f"c.budget.spend(1, {about!r})")
                self.w.put(f"{made} = {lone}")
            with self.w.block("else"):
                self._spend(value, about)
                self.w.put(f"{made} = {text}")
        with self.w.block(f"elif type({value.name}) is dict"):
            self._must_be_item(rule.each, value)
            self.w.put(f"{made} = {one}")
        self.w.put("else: raise Bail('refused')")
        return Var(made, LIST, True)

    def _must_be_item(self, shape: Shape, value: Var) -> None:
        """An object in a list's place is one item where it says what it is, if items do."""
        if shape.by is not None and shape.by.root == "":
            self.bail(f"get({value.name}, {self.w.const(shape.by.steps)}) is None")

    def _spend(self, value: Var, about: str) -> None:
        self.w.put(f"c.budget.spend(len({value.name}), {about!r})")

    def _each_in_line(self, shape: Shape, value: Var, about: str) -> Value:
        """A loop where it stands, without a call for every item."""
        w = self.w
        self._spend(value, about)
        item, index, made = w.new(), w.new(), w.let("[]")
        start = len(w.lines)
        with w.block(f"for {index}, {item} in enumerate({value.name})"):
            site = Site(Var(item, sure=True), about, Var(index, frozenset({int}), True))
            one = self._in_line(site, shape)
            spreads = may_be(one, LIST)
            if spreads:
                w.put(f"{made} += spread({w.say(one)})")
            elif one != ABSENT:
                check = "" if is_sure(one) else f"if {w.say(one)} is not None: "
                w.put(f"{check}{made}.append({w.say(one)})")
        if index not in self.indices:
            w.lines[start] = w.line(f"for {item} in {value.name}:")
        return Var(made, LIST, True, is_sure(one) and not spreads and value.full)

    # ------------------------------------------------------------------ one item
    def reshape(self, site: Site, shape: Shape) -> Value:
        if shape.of == "object" and not is_only(site.item, DICT):
            self.bail(f"type({self.w.say(site.item)}) is not dict")
            if type(site.item) is Var:
                site = replace(site, item=replace(site.item, kinds=DICT, sure=True))
        if shape.my:
            mine = dict(site.my)
            site = replace(site, my=mine)
            for name, rule in shape.my:
                # What has no effect waits until it is asked for: mostly it never is.
                mine[name] = rule if self.waits(rule) else self.rule(site, rule)
        if shape.reject:
            self.bail()
            return ABSENT
        if shape.knows is not None:
            item, known = self.w.say(site.item), self.w.const(shape.knows)
            told = f"{self.w.const(unread)}({item}, {known}, {site.about!r}, "
            told += f"{self.w.const(shape.place)})"
            self.w.put(f"if not {item}.keys() <= {known}: c.notes += {told}")
        if shape.skip:
            if shape.told:
                self.note(shape.told, site.about, shape.place)
            return ABSENT
        if shape.several is not None:
            return self._several(self.rule(site, shape.several))
        made = self._variant(site, shape)
        return made if made == ABSENT else self._finish(site, shape, made)

    def _variant(self, site: Site, shape: Shape) -> Value:
        if shape.verbatim:
            return self._verbatim(site, shape)
        if shape.by is None and not shape.first:
            return self.build(site, shape.fields, empty=True)
        choices, last = self._choices(site, shape)
        if not choices:
            if last is None:
                if shape.by is not None:
                    self.bail()
                return ABSENT
            return self.reshape(site, last)
        made = self.w.new()
        values: list[Value] = []
        start = "if"
        for test, variant in choices:
            with self.w.block(f"{start} {test}"):
                self._branch(site, variant, made, values)
            start = "elif"
        with self.w.block("else"):
            if last is not None:
                self._branch(site, last, made, values)
            elif shape.by is not None:
                self.bail()
            else:
                self.w.put(f"{made} = None")
                values.append(ABSENT)
        known = all(is_only(v, DICT) for v in values if v != ABSENT)
        full = all(v.full for v in values if type(v) is Var)
        return Var(made, DICT if known else None, all(map(is_sure, values)), full)

    def _several(self, value: Value) -> Value:
        """What becomes of an item is a list: all of it stands in the item's place."""
        kinds = frozenset({type(value.value)}) if type(value) is Const else value.kinds  # type: ignore[union-attr]
        return Var(self.w.let(f"{self.w.say(value)} or []"), kinds and kinds | LIST, True)

    def _verbatim(self, site: Site, shape: Shape) -> Value:
        """A copy of the item, and fields over it."""
        assert type(site.item) is Var
        copy = self.w.let(f"{self.w.const(copied)}({site.item.name})")
        laid = self.build(site, shape.fields) if shape.fields else ABSENT
        if laid == ABSENT:
            return replace(site.item, name=copy, live=False)
        if not is_only(site.item, DICT):
            raise CannotCompile("fields over a copy of what may be no object")
        over = self.w.say(laid) if is_sure(laid) else f"({self.w.say(laid)} or {{}})"
        return Var(self.w.let(f"{{**{copy}, **{over}}}"), DICT, True)

    def _choices(self, site: Site, shape: Shape) -> tuple[list[tuple[str, Shape]], Shape | None]:
        """[(test, variant)], and the variant for everything else."""
        if shape.by is not None:
            word = self.path(site, shape.by)
            rows = {name: v for name, v in shape.variants.items() if name != "*"}
            if type(word) is Const:
                found = rows.get(word.value) if type(word.value) is str else None
                return [], found or shape.variants.get("*")
            assert type(word) is Var
            return self._by_word(word, rows, shape.variants.get("*"))
        choices: list[tuple[str, Shape]] = []
        for guard, variant in shape.first:
            found_ = self.condition(site, guard)
            if found_ is True:
                return choices, variant
            if found_ is not False:
                choices.append((str(found_), variant))
        return choices, None

    def _by_word(
        self, word: Var, rows: dict[str, Shape], star: Shape | None
    ) -> tuple[list[tuple[str, Shape]], Shape | None]:
        """A test for each word; one for all that are refused, and one for all that are left out.

        Of many words it is asked first whether it is one of them: who says none would else be
        asked for each.
        """
        name = self.w.say(word)
        text = name if is_only(word, STR) and word.sure else f"type({name}) is str and {name}"
        refused = {w: v for w, v in rows.items() if v.reject}
        skipped = {w: v for w, v in rows.items() if _leaves_no_trace(v)}
        choices = [(f"{name} == {w!r}", v) for w, v in rows.items() if w not in refused | skipped]
        for group in (skipped, refused):
            if group:
                words = self.w.const(frozenset(group))
                choices.append((f"{text} in {words}", next(iter(group.values()))))
        if star is None or star.reject or len(choices) < MANY:
            return choices, star
        known = f"{text} in {self.w.const(frozenset(rows))}"
        return [(f"not ({known})", star), *choices], None

    def _branch(self, site: Site, variant: Shape, made: str, values: list[Value]) -> None:
        value = self.reshape(site, variant)
        if value == ABSENT and self.w.lines[-1] is self.last_bail:
            return
        self.w.put(f"{made} = {self.w.say(value)}")
        values.append(value)

    def _finish(self, site: Site, shape: Shape, made: Value) -> Value:
        chosen = not shape.verbatim and (shape.by is not None or shape.first)
        fields = [*(shape.fields if chosen else ()), *shape.all]
        if not (fields or shape.blank or shape.stamp or shape.count or shape.told):
            return made
        if not is_only(made, DICT):
            raise CannotCompile("fields for what may be no object")
        assert type(made) is Var
        name = made.name
        with ExitStack() as stack:
            if not made.sure:
                stack.enter_context(self.w.block(f"if {name} is not None"))
            for key, rule in fields:
                value = self.rule(site, rule)
                if value != ABSENT:
                    check = "" if is_sure(value) else f"if {self.w.say(value)} is not None: "
                    self.w.put(f"{check}{name}[{key!r}] = {self.w.written(value)}")
            sure = made.sure
            if shape.blank:
                self._blank(name, shape.blank)
                sure = False
                if shape.stamp or shape.count or shape.told:
                    stack.enter_context(self.w.block(f"if {name} is not None"))
            if shape.stamp is not None:
                self._stamp(site, shape.stamp, name)
            if shape.count:
                self.w.put(f"c.state[{shape.count!r}] = c.state.get({shape.count!r}, 0) + 1")
            if shape.told:
                self.note(shape.told, site.about, shape.place)
        return replace(made, sure=sure)

    def _blank(self, name: str, key: str) -> None:
        text = self.fields.get(name, {}).get(key)
        if text is None or type(text) is Const:
            text = Var(self.w.let(f"{name}.get({key!r})"))
        word = self.w.say(text)
        if is_only(text, STR) and is_sure(text):
            self.w.put(f"if not {word} or {word}.isspace(): {name} = None")
        else:
            blank = f"type({word}) is str and (not {word} or {word}.isspace())"
            self.w.put(f"if {word} is None or {blank}: {name} = None")

    def _stamp(self, site: Site, stamp: tuple[str, str, Rule], name: str) -> None:
        """A key written on the last item of a list of the result."""
        key, word, rule = stamp
        value = self.rule(site, rule)
        if value == ABSENT:
            return
        check = "" if is_sure(value) else f"{self.w.say(value)} is not None and "
        where, text = f"{name}[{key!r}][-1][{word!r}]", self.w.written(value)
        self.w.put(f"if {check}{name}.get({key!r}): {where} = {text}")


def _leaves_no_trace(shape: Shape) -> bool:
    """Whether an item of it is left out, and that is all."""
    return shape.skip and not (shape.told or shape.my or shape.knows)
