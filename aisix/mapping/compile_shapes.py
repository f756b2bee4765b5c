"""Shapes to Python source: what becomes of an item, field by field; see compile.py."""

from __future__ import annotations

from dataclasses import replace

from aisix.mapping.compile import ABSENT, Compiler, Const, Site, Value
from aisix.mapping.rules import Rule, Shape


class ShapeCompiler(Compiler):
    """See the module."""

    def build(self, site: Site, parts: tuple[tuple[str, Rule], ...], empty: bool = False) -> Value:
        """An object; ABSENT (or {} when `empty`) if it would have no field."""
        made = self.w.new()
        known: dict[str, str] = {}
        started = False
        for key, part in parts:
            value = self.rule(site, part)
            if value == ABSENT:
                continue
            if type(value) is Const and not started:
                known[key] = self.w.say(value)
                continue
            if not started:
                self.w.put(f"{made} = {{{', '.join(f'{k!r}: {v}' for k, v in known.items())}}}")
                started = True
            text = self.w.say(value)
            check = "" if type(value) is Const else f"if {text} is not None: "
            self.w.put(f"{check}{made}[{key!r}] = {text}")
        if not started:
            if not known and not empty:
                return ABSENT
            self.w.put(f"{made} = {{{', '.join(f'{k!r}: {v}' for k, v in known.items())}}}")
        elif not known and not empty:
            self.w.put(f"if not {made}: {made} = None")
        return made

    def function(self, shape: Shape, about: str) -> str:
        """The name of a function (item, index, c) -> what the shape makes of it."""
        key = (id(shape), about)
        if key not in self.shapes:
            self.w.count += 1
            self.shapes[key] = f"s{self.w.count}"  # before its parts: a shape may use itself
            saved, inside = (self.w.lines, self.w.depth), self.inside
            self.w.lines, self.w.depth, self.inside = [], 1, True
            site = Site("item", about, "index", is_dict=shape.of == "object")
            if shape.of == "object":
                self.w.put("if type(item) is not dict: raise Bail")
            made = self.reshape(site, shape)
            body = "\n".join([*self.w.lines, f"    return {self.w.say(made)}"])
            self.functions.append(f"def {self.shapes[key]}(item, index, c):\n{body}")
            (self.w.lines, self.w.depth), self.inside = saved, inside
        return self.shapes[key]

    def reshape(self, site: Site, shape: Shape) -> Value:
        if shape.of == "object" and not site.is_dict:
            self.w.put(f"if type({site.item}) is not dict: raise Bail")
            site = replace(site, is_dict=True)
        if shape.my:
            mine = dict(site.my)
            site = replace(site, my=mine)
            for name, rule in shape.my:
                mine[name] = self.rule(site, rule)
        if shape.reject:
            self.w.put("raise Bail")
            return ABSENT
        if shape.skip:
            return ABSENT
        made = self._variant(site, shape)
        if made != ABSENT:
            self._finish(site, shape, str(made))
        return made

    def _variant(self, site: Site, shape: Shape) -> Value:
        made = self.w.new()
        if shape.verbatim:
            self.w.put(f"{made} = {site.item}")
            return made
        if shape.by is None and not shape.first:
            return self.build(site, shape.fields, empty=True)
        self.w.put(f"{made} = None")
        if shape.by is not None:
            word = self.w.say(self.path(site, shape.by))
            choices = [(f"{word} == {w!r}", v) for w, v in shape.variants.items() if w != "*"]
            last = shape.variants.get("*")
        else:
            choices, last = [], None
            for guard, variant in shape.first:
                found = self.condition(site, guard)
                if found is True:
                    last = variant
                    break
                if found is not False:
                    choices.append((str(found), variant))
        start = "if"
        for test, variant in choices:
            self.w.put(f"{start} {test}:")
            self._branch(site, variant, made)
            start = "elif"
        if last is not None:
            self.w.put("else:" if choices else "if True:")
            self._branch(site, last, made)
        elif shape.by is not None:
            self.w.put("else: raise Bail" if choices else "raise Bail")
        return made

    def _branch(self, site: Site, variant: Shape, made: str) -> None:
        self.w.depth += 1
        self.w.put(f"{made} = {self.w.say(self.reshape(site, variant))}")
        self.w.depth -= 1

    def _finish(self, site: Site, shape: Shape, made: str) -> None:
        fields = [*(shape.fields if shape.by is not None or shape.first else ()), *shape.all]
        if not (fields or shape.blank or shape.stamp or shape.count or shape.told):
            return
        self.w.put(f"if type({made}) is dict:")
        depth = self.w.depth
        self.w.depth += 1
        self.w.put("pass")
        for key, rule in fields:
            text = self.w.say(self.rule(site, rule))
            self.w.put(f"if {text} is not None: {made}[{key!r}] = {text}")
        if shape.blank:
            text = self.w.new()
            self.w.put(f"{text} = {made}.get({shape.blank!r})")
            self.w.put(f"if {text} is None or type({text}) is str and not {text}.strip():")
            self.w.put(f"    {made} = None")
            self.w.put(f"if {made} is not None:")
            self.w.depth += 1
            self.w.put("pass")
        if shape.stamp is not None:
            name, key, rule = shape.stamp
            text = self.w.say(self.rule(site, rule))
            self.w.put(f"if {text} is not None and {made}.get({name!r}):")
            self.w.put(f"    {made}[{name!r}][-1][{key!r}] = {text}")
        if shape.count:
            self.w.put(f"c.state[{shape.count!r}] = c.state.get({shape.count!r}, 0) + 1")
        if shape.told:
            self.note(shape.told, site.about, shape.place)
        self.w.depth = depth
