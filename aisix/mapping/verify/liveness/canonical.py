"""Syntax as plain values that are equal where the tables do the same.

Left out: places, what is as it is without being said, and whatever cannot run. What runs is decided
in the interpreter's own order (`interpret/rules.py`, `answer_rows.py`): a rule with a policy has a
source, a guard and what it is about; a shape that refuses has nothing behind that; a row with `by`
is its variants. Named things stand by their name: `refs` collects what a form names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from aisix.mapping.syntax.answer import Chunk, Row
from aisix.mapping.syntax.paths import Json, Path
from aisix.mapping.syntax.rules import (
    Arrange,
    Condition,
    Convert,
    Place,
    Rule,
    Shape,
    Test,
    ValueTable,
)
from aisix.mapping.verify.liveness.domain import NEVER

Form = Any  # nested tuples of plain values, hashable
Ref = tuple[str, str]  # ("let", "calls"): a kind of named thing, and a name
Rules = Iterable[tuple[Any, Rule]]
ROOTS = {
    "let": "let",
    "request": "remembered",
    "model": "fact",
    "option": "option",
    "values": "values",
}


# What of a rule is heard of, or can refuse, whatever becomes of its value.
SPEAKING = frozenset(
    (
        *("policy", "told", "required", "types", "keep", "count", "converts", "tables"),
        *("arrange", "low", "high", "each", "lone", "shape"),
    )
)
FAULTS = ("reject", "empty", "kind", "required")  # keys that name a fault of caller.toml


class NamedShape(Shape):
    """A shape that is parsed elsewhere: here it is a name."""


@dataclass(frozen=True, slots=True)
class Names:
    """Things that are named by their kind: `Names("chunk", ("text",))`."""

    kind: str
    names: tuple[str, ...]


class Gone(Exception):
    """What is looked at is for requests or events that cannot be."""


class Canonical:
    """Makes forms. `fold` decides conditions (`domain.py`)."""

    def __init__(self, fold: Callable[[Condition | None], Condition | None]) -> None:
        self.fold = fold
        self.refs: set[Ref] = set()
        self.speaks = False  # it tells, counts, refuses: it acts though nobody asks for its value

    # ------------------------------------------------------------------ anything
    def form(self, value: Any) -> Form:
        """Of whatever syntax there is; None for what is as it is without being said."""
        match value:
            case Rule():
                return self.rule(value)
            case NamedShape():
                self.refs.add(("shape", value.name))
                return "shape", value.name
            case Shape():
                return self.shape(value)
            case Row():
                return self.row(value)
            case Chunk():
                return self.chunk(value)
            case Condition():
                made = self.condition(value)
                if made is False:
                    raise Gone
                return made
            case Path():
                return self.path(value)
            case re.Pattern():
                return "regex", value.pattern
            case ValueTable():
                self.refs.add(("values", value.name))
                return "table", value.name
            case Convert():
                self.refs.add(("convert", value.name))
                return "convert", value.name
            case Arrange():
                return self.arrange(value)
            case Names():
                self.refs |= {(value.kind, name) for name in value.names}
                return value.names
            case tuple():
                return tuple(self.form(one) for one in value)
            case dict() | list() | frozenset():
                return self.plain(value)
            case Place():
                return None
        if is_dataclass(value):
            said = [(one.name, getattr(value, one.name)) for one in fields(value)]
            self.refs |= {("fault", below) for name, below in said if name in FAULTS and below}
            return type(value).__name__, *((name, self.form(below)) for name, below in said)
        return self.plain(value)

    def unit(self, value: Any) -> Form:
        """Of one unit; None: it is never there."""
        try:
            return self.form(value)
        except Gone:
            return None

    def plain(self, value: Json) -> Form:
        """JSON, and tables as they are read: 1, 1.0 and true are three."""
        match value:
            case str():
                if value.startswith("$"):
                    self.text(value)
                return value
            case dict():
                return "{", *sorted(
                    ((str(key), self.form(below)) for key, below in value.items()),
                    key=lambda pair: pair[0],
                )
            case list():
                return "[", *(self.form(one) for one in value)
            case frozenset():
                return "in", *sorted(map(repr, value))
        return type(value).__name__, value

    def text(self, text: str) -> None:
        """A look-up that is made of a text only when it is run."""
        root, _, rest = text[1:].partition(".")
        self.named(root, re.split(r"[.\[]", rest)[0])

    def path(self, path: Path) -> Form:
        if path.root:
            self.named(path.root, str(path.steps[0]) if path.steps else "")
        return "path", path.root, *path.steps

    def named(self, root: str, name: str) -> None:
        if root in ROOTS:
            self.refs.add((ROOTS[root], name))

    # ------------------------------------------------------------------ conditions
    def condition(self, condition: Condition | None) -> Form:
        """None: it always holds; False: never."""
        folded = self.fold(condition)
        if folded is NEVER:
            return False
        if folded is None or not folded.tests:
            return None
        when, unless = ([self.test(one) for one in tests] for tests in (folded.when, folded.unless))
        return tuple(sorted(when, key=repr)), tuple(sorted(unless, key=repr))

    def test(self, test: Test) -> Form:
        return self.path(test.path), test.kind, self.form(test.value), test.many

    # ------------------------------------------------------------------ rules
    def rule(self, rule: Rule) -> Form:
        """None: it is never there."""
        guard = self.condition(rule.guard)
        if guard is False:
            return None
        said: dict[str, Any] = {"guard": guard, **self._source(rule)}
        finds = rule.kind in ("from", "find", "first", "object")  # others always come to something
        if rule.required and finds and (rule.default is None or isinstance(rule.default, Path)):
            said["required"] = self._fault(rule.required)
        said["about"] = rule.about or None
        self.speaks = self.speaks or any(
            getattr(rule, name) not in (None, "", ()) for name in SPEAKING
        )
        if rule.policy:
            said["policy"] = rule.policy
            if rule.policy != "drop":
                said |= {"told": rule.told or None, "named": self._kept(rule.named)}
            return _said(said)
        for name in ("types", "keep", "count", "told"):
            said[name] = getattr(rule, name) or None
        said["named"] = self._kept(rule.named) if rule.told else None
        said["where"] = self.condition(rule.where)  # False: it keeps none, but is there
        for name in ("join", "low", "high"):
            said[name] = self._kept(getattr(rule, name))
        for name in ("converts", "tables", "arrange"):
            made = (self.form(one) for one in getattr(rule, name))
            said[name] = tuple(one for one in made if one is not None)
        said["shape"] = self._kept(rule.shape)
        if rule.shape is None:
            said |= {"each": self._kept(rule.each), "lone": self._kept(rule.lone)}
        said["keep_empty"] = rule.keep_empty or None
        return _said(said)

    def _source(self, rule: Rule) -> dict[str, Any]:
        match rule.kind:
            case "from":
                return {
                    "from": tuple(map(self.path, rule.paths)),
                    "only": rule.only or None,
                    "default": self._kept(rule.default),
                }
            case "find" if (find := rule.find) is not None:
                asked = (find.among, find.by, find.equals, find.take)
                return {
                    "find": tuple(map(self.path, asked)),
                    "only": rule.only or None,
                    "default": self._kept(rule.default),
                }
            case "value":
                return {"value": self.plain(rule.value)}
            case "sum":
                paths, minus = (tuple(map(self.path, one)) for one in (rule.paths, rule.minus))
                return {"sum": paths, "minus": minus or None}
            case "weave":
                return {
                    "weave": self.rules(rule.parts),
                    "by": self._kept(rule.by),
                    "followed": rule.followed or None,
                    "leading": rule.leading or None,
                }
        return {rule.kind: self.rules(rule.parts, names=rule.kind == "object")}

    def rules(self, rules: Rules, names: bool = True) -> Form:
        """Those that can be there; `names`: the name of one is what it makes."""
        made = ((self._key(key), self.rule(rule)) for key, rule in rules)
        return tuple((key if names else "", form) for key, form in made if form is not None)

    def _key(self, key: Any) -> Form:
        return self.path(key) if isinstance(key, Path) else key

    def _kept(self, value: Any) -> Form:
        return None if value is None else self.form(value)

    def _fault(self, word: str) -> str:
        self.refs.add(("fault", word))
        return word

    def arrange(self, step: Arrange) -> Form:
        guard = self.condition(step.guard)
        if guard is False:
            return None
        for word in _texts(step.options):
            self.refs.add(("fault", word))
        return step.verb, self.plain(step.options), guard, self._kept(step.where)

    # ------------------------------------------------------------------ shapes
    def shape(self, shape: Shape) -> Form:
        said: dict[str, Any] = {"of": shape.of, "my": self.rules(shape.my)}
        if shape.reject:
            said |= {"reject": self._fault(shape.reject), "at": shape.at or None}
            said["allowed"] = shape.allowed or None
            return _said(said)
        said["knows"] = None if shape.knows is None else tuple(sorted(shape.knows))
        told = (shape.told, shape.at or None) if shape.told else None
        if shape.skip:
            return _said({**said, "skip": True, "told": told})
        if shape.several is not None:
            return _said({**said, "several": self.rule(shape.several)})
        said["verbatim"] = shape.verbatim or None
        if shape.verbatim:
            pass
        elif shape.by is not None:
            said["by"] = self.path(shape.by)
            said["is"] = tuple(
                sorted((word, self.form(one)) for word, one in shape.variants.items())
            )
        elif shape.first:
            said["first"] = self.chosen(shape.first)
        for name in ("fields", "all"):
            said[name] = self.rules(getattr(shape, name))
        for name in ("blank", "count"):
            said[name] = getattr(shape, name) or None
        said["told"] = told
        if shape.stamp is not None:
            said["stamp"] = (*shape.stamp[:2], self.rule(shape.stamp[2]))
        return _said(said)

    def chosen(self, rows: Iterable[tuple[Condition, Any]]) -> Form:
        """Rows tried in order; behind one that always holds no other is."""
        out = []
        for guard, one in rows:
            made = self.condition(guard)
            if made is False:
                continue
            out.append((made, self.form(one)))
            if made is None:
                break
        return tuple(out)

    # ------------------------------------------------------------------ answers
    def row(self, row: Row) -> Form:
        if row.by is not None:
            return _said(
                {
                    "by": self.path(row.by),
                    "is": tuple(
                        sorted((word, self.row(one)) for word, one in row.variants.items())
                    ),
                    "unknown": row.unknown or None,
                }
            )
        if row.first:
            return _said({"first": self.chosen(row.first), "unknown": row.unknown or None})
        guard = self.condition(row.guard)
        said: dict[str, Any] = {"unknown": row.unknown or None}
        if guard is False:
            return _said(said)
        said |= {"guard": guard, "set": self.rules((".".join(name), one) for name, one in row.set)}
        for name in ("open", "into", "count", "ping", "fail", "end"):
            said[name] = getattr(row, name) or None
        for name in ("measure", "push", "append", "usage", "which"):
            said[name] = self.form(getattr(row, name)) or None
        said |= {"extend": row.extend or None, "emit": row.emit or None}
        said["give"] = self.rules(row.give) or None
        self.refs |= {("list", name) for _, name in row.extend}
        self.refs |= {("chunk", name) for name in row.emit}
        if row.into:
            self.refs.add(("block_kind", row.into))
        else:
            said["which"] = None
        if row.told:
            said |= {"told": row.told, "about": self._kept(row.about)}
        said["rest"] = tuple(one.told for one in row.rest) or None  # the names of stand-ins
        self.refs |= {("rest", one.told) for one in row.rest}
        return _said(said)

    def chunk(self, chunk: Chunk) -> Form:
        guard = self.condition(chunk.guard)
        if guard is False:
            return None
        after = self.rules((".".join(name), rule) for name, rule in chunk.after)
        needs = tuple(form for form in map(self.rule, chunk.needs))
        said = {"guard": guard, "fields": self.rules(chunk.fields), "after": after, "needs": needs}
        for name in ("each", "push", "append", "count"):
            said[name] = self.form(getattr(chunk, name)) or None
        if chunk.verbatim:
            said |= {"verbatim": True, "without": self.form(chunk.without) or None}
        return _said(said)


def _said(said: dict[str, Any]) -> Form:
    """What is there, by name."""
    return tuple((name, value) for name, value in said.items() if value not in (None, ()))


def _texts(value: Json) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for below in value.values() if isinstance(value, dict) else value:
            yield from _texts(below)
