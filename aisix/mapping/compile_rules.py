"""Rules to Python source: where a value comes from and what is done to it; see compile.py."""

from __future__ import annotations

from aisix.mapping import arrange, ops
from aisix.mapping.compile import ABSENT, Const, Site, Value
from aisix.mapping.compile_run import CannotCompile
from aisix.mapping.compile_shapes import ShapeCompiler
from aisix.mapping.paths import Path
from aisix.mapping.rules import Rule
from aisix.mapping.view import KINDS

PYTHON: dict[str, tuple[type, ...]] = {kind: (type_,) for type_, kind in KINDS.items()}
PYTHON["number"] = (int, float)
IDLE = ("lift", "lift_all", "sink", "recast")  # passes that do nothing without a chosen item


class RuleCompiler(ShapeCompiler):
    """See the module."""

    def rule(self, site: Site, rule: Rule) -> Value:
        """The value a rule makes: a constant, or a variable that may be None."""
        guard = self.condition(site, rule.guard)
        if guard is False:
            return ABSENT
        if guard is True:
            return self._unguarded(site, rule)
        made = self.w.new()
        self.w.put(f"{made} = None")
        self.w.put(f"if {guard}:")
        self.w.depth += 1
        self.w.put(f"{made} = {self.w.say(self._unguarded(site, rule))}")
        self.w.depth -= 1
        return made

    def _unguarded(self, site: Site, rule: Rule) -> Value:
        value, about = self._source(site, rule)
        if rule.about:
            about = next((n for n in rule.about if n in self.present), rule.about[0])
        if value == ABSENT:
            if rule.required:
                self.w.put("raise Bail")
            return ABSENT
        if rule.policy == "drop":
            return ABSENT
        if type(value) is Const and _is_plain(rule):
            return ABSENT if value.value in ([], {}) and not rule.keep_empty else value
        made = self.w.new()
        self.w.put(f"{made} = {self.w.say(value)}")
        if rule.required:
            self.w.put(f"if {made} is None: raise Bail")
        self.w.put(f"if {made} is not None:")
        self.w.depth += 1
        self.w.put("pass")
        if rule.policy:
            if rule.policy == "reject":
                self.w.put("raise Bail")
            self.note("dropped", about, rule.place)
            self.w.put(f"{made} = None")
        else:
            self._refine(site, rule, made, about)
        self.w.depth -= 1
        return made

    def _about(self, site: Site, path: Path) -> str:
        if path.root == "body" or (path.root == "" and site.present is not None):
            return str(path.steps[0]) if path.steps else ""
        return site.about

    def _source(self, site: Site, rule: Rule) -> tuple[Value, str]:
        match rule.kind:
            case "from":
                return self._from(site, rule)
            case "value":
                return Const(rule.value), site.about
            case "first":
                return self._first(site, rule), site.about
            case "object":
                return self.build(site, rule.parts), site.about
            case "concat":
                return self._concat(site, rule), site.about
            case "layers":
                return self._layers(site, rule), site.about
            case "weave":
                placed, others = rule.parts[0][1], rule.parts[1][1]
                for path in placed.paths:  # thinking that is handed back: the interpreter's
                    found = self.path(site, path)
                    if found != ABSENT:
                        self.w.put(f"if {self.w.say(found)}: raise Bail")
                return self.rule(site, others), site.about
            case "sum":
                addends = [self.w.say(self.path(site, path)) for path in rule.paths]
                made = self.w.new()
                self.w.put(f"{made} = total(({', '.join(addends)},))")
                return made, site.about
        raise CannotCompile(rule.kind)

    def _from(self, site: Site, rule: Rule) -> tuple[Value, str]:
        made, about, depth = "", "", self.w.depth
        for path in rule.paths:
            if made:
                self.w.put(f"if {made} is None:")
                self.w.depth += 1
            found = self.path(site, path)
            if found == ABSENT:
                if made:
                    self.w.put("pass")
                    self.w.depth -= 1
                continue
            if type(found) is Const and not made:
                return found, site.about
            this = self._about(site, path)
            if made and this != about and not rule.about:
                raise CannotCompile("two fields for one rule")
            if not made:
                made, about = self.w.new(), this
            text = self.w.say(found)
            if rule.only:
                kinds = self.w.const(tuple(t for k in rule.only for t in PYTHON[k]))
                text = f"{text} if type({text}) in {kinds} else None"
            self.w.put(f"{made} = {text}")
            self.w.depth = depth
        if rule.default is None:
            return made or ABSENT, about
        about = about or self._about(site, rule.paths[0])
        default = rule.default
        fallback = self.path(site, default) if type(default) is Path else Const(default)
        if not made:
            return fallback, about
        self.w.put(f"if {made} is None: {made} = {self.w.say(fallback)}")
        return made, about

    def _first(self, site: Site, rule: Rule) -> Value:
        made, depth = self.w.new(), self.w.depth
        self.w.put(f"{made} = None")
        first = True
        for _, part in rule.parts:
            if not first:
                self.w.put(f"if {made} is None:")
                self.w.depth += 1
                self.w.put("pass")
            value = self.rule(site, part)
            if value != ABSENT:
                if first and type(value) is Const:
                    return value
                self.w.put(f"{made} = {self.w.say(value)}")
                first = False
            self.w.depth = depth
        return ABSENT if first else made

    def _concat(self, site: Site, rule: Rule) -> Value:
        made = self.w.new()
        started = False
        for _, part in rule.parts:
            value = self.rule(site, part)
            if value == ABSENT:
                continue
            text = self.w.say(value)
            if not started:
                self.w.put(f"{made} = []")
                started = True
            self.w.put(f"if type({text}) is list: {made} += {text}")
            self.w.put(f"elif {text} is not None: {made}.append({text})")
        return made if started else ABSENT

    def _layers(self, site: Site, rule: Rule) -> Value:
        values = [self.rule(site, part) for _, part in rule.parts]
        values = [value for value in values if value != ABSENT]
        if not values:
            return ABSENT
        made = self.w.new()
        self.w.put(f"{made} = {{}}")
        for value in values:
            text = self.w.say(value)
            self.w.put(f"if type({text}) is dict: lay_over({made}, {text})")
        return made

    def _refine(self, site: Site, rule: Rule, made: str, about: str) -> None:
        put, const = self.w.put, self.w.const
        if rule.types:
            kinds = const(tuple(t for k in rule.types for t in PYTHON[k]))
            put(f"if type({made}) not in {kinds}: raise Bail")
        if rule.where is not None:
            where = self.predicate(rule.where)
            put(f"if type({made}) is list: {made} = [x for x in {made} if {where}(x)]")
        if rule.keep:
            put(f"if type({made}) is list and not all(type(x) is str and x.strip() for x in {made})"
                f" or type({made}) is str and not {made}.strip(): raise Bail")  # fmt: skip
        depth = self.w.depth
        for convert in rule.converts:
            verb, options = const(ops.VERBS[convert.verb].run), const(convert.options)
            put(f"c.item, c.about, c.place = {site.item}, {about!r}, {const(rule.place)}")
            put(f"{made} = {verb}({made}, {options}, c)")
            put(f"if {made} is not None:")
            self.w.depth += 1
            put("pass")
        for one in rule.tables:
            put(f"{made} = table({const(one.entries)}, {made}, c, {about!r})")
            put(f"if {made} is not None:")
            self.w.depth += 1
            put("pass")
        self._clamp(site, rule, made, about)
        self._items(site, rule, made, about)
        if rule.arrange:
            self._arrange(site, rule, made, about)
        if rule.join is not None:
            put(f"if type({made}) is list:")
            put(f"    {made} = {rule.join!r}.join(x for x in {made} if type(x) is str)")
        if not rule.keep_empty:
            put(f"if not {made} and ({made} == [] or {made} == {{}}): {made} = None")
        if rule.count or rule.told:
            put(f"if {made} is not None:")
            self.w.depth += 1
            if rule.count:
                put(f"c.state[{rule.count!r}] = c.state.get({rule.count!r}, 0) + 1")
            if rule.told:
                self.note(rule.told, about, rule.place)
        self.w.depth = depth

    def _clamp(self, site: Site, rule: Rule, made: str, about: str) -> None:
        for limit, sign in ((rule.low, "<"), (rule.high, ">")):
            bound = self.path(site, limit) if type(limit) is Path else Const(limit)
            if bound == ABSENT:
                continue
            text = self.w.say(bound)
            known = "" if type(bound) is Const else f"{text} is not None and "
            self.w.put(f"if type({made}) in (int, float) and {known}{made} {sign} {text}:")
            self.w.depth += 1
            self.note("clamped", about, rule.place)
            self.w.put(f"{made} = {text}")
            self.w.depth -= 1

    def _items(self, site: Site, rule: Rule, made: str, about: str) -> None:
        put = self.w.put
        if rule.shape is not None:
            put(f"{made} = {self.function(rule.shape, about)}({made}, {site.index}, c)")
            return
        if rule.each is None and rule.lone is None:
            return
        start = "if"
        if rule.lone is not None:
            put(f"if type({made}) is str:")
            put(f"    {made} = {self.function(rule.lone, about)}({made}, 0, c)")
            put(f"    {made} = [] if {made} is None else [{made}]")
            start = "elif"
        if rule.each is None:
            return
        each = self.function(rule.each, about)
        put(f"{start} type({made}) is list:")
        put(f"    {made} = [x for x in [{each}(x, n, c) for n, x in enumerate({made})]"
            " if x is not None]")  # fmt: skip
        put(f"elif type({made}) is dict:")
        put(f"    {made} = {each}({made}, 0, c)")
        put(f"    {made} = [] if {made} is None else [{made}]")
        put("else: raise Bail")

    def _arrange(self, site: Site, rule: Rule, made: str, about: str) -> None:
        put, const = self.w.put, self.w.const
        put(f"c.about = {about!r}")
        for step in rule.arrange:
            guard = self.condition(site, step.guard)
            if guard is False:
                continue
            chosen = self.predicate(step.where)
            run = const(arrange.PASSES[step.verb].run)
            run = f"{run}({made}, {const(step.options)}, {chosen}, c)"
            conditions = [] if guard is True else [str(guard)]
            if step.verb in IDLE and step.where is not None:
                conditions.append(f"any(map({chosen}, {made}))")
            put(f"c.place = {const(step.place)}")
            put((f"if {' and '.join(conditions)}: " if conditions else "") + f"{made} = {run}")


def _is_plain(rule: Rule) -> bool:
    """Whether a value goes through the rule as it is."""
    return not any((
        *rule.types, *rule.converts, *rule.tables, *rule.arrange, rule.where, rule.keep,
        rule.each, rule.lone, rule.shape, rule.policy, rule.count, rule.told,
    )) and all(limit is None for limit in (rule.low, rule.high, rule.join))  # fmt: skip
