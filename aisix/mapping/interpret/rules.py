"""Runs the syntax of `rules.py`, one rule at a time, and can say why.

This is the reference: a compiled form must give what this gives. It also serves `explain`, the
exact caller path of a fault, and the map from the upstream's message numbers back to the caller's.
"""

from __future__ import annotations

from typing import Any

from aisix.errors import CallerError
from aisix.mapping.interpret.find import find_in
from aisix.mapping.interpret.scope import NULL, Note, Scope, unread
from aisix.mapping.interpret.steps import (
    DEFAULT,
    allowed,
    arrange,
    clamp,
    fault_of,
    is_item,
    keep_nonblank,
    missing,
    moment,
    name_of,
    some,
)
from aisix.mapping.interpret.view import (
    JSON_TYPES,
    View,
    holds,
    is_kind,
    look_up,
    to_count,
    unmet,
)
from aisix.mapping.interpret.weaving import weave
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.budget import INTERPRETED
from aisix.mapping.syntax.paths import Json, Path
from aisix.mapping.syntax.rules import Rule, Shape
from aisix.mapping.verbs import adjustments, conversions
from aisix.mapping.verbs.refused import Refused


# ---------------------------------------------------------------- rules
def run(rule: Rule, view: View, target: str = "") -> Json:
    """The value a rule makes, or None."""
    trace = view.scope.trace
    if trace is not None:
        if trace.entered is not rule:
            return trace.follow(run, rule, view, target)
        trace.entered = None
    if rule.guard is not None and not holds(rule.guard, view):
        if trace is not None:
            trace.misses(f"its condition does not hold: {unmet(rule.guard, view)}")
        return None
    value, param, why = _source(rule, view, target)
    if value is None:
        if rule.required:
            raise missing(rule, view)
        return None
    if rule.about:
        param = next(
            (name for name in rule.about if view.body.get(name) is not None), rule.about[0]
        )
    view.param, view.place = param, rule.place
    if trace is not None:
        trace.reach(rule.place)
    if rule.policy:
        if rule.policy != "drop":
            name = name_of(rule, view)
            word = rule.told or "dropped"
            view.scope.notes.append(Note(word, param, rule.place, old=value, part=name))
        else:
            view.scope.notes.append(Note("dropped", param, rule.place, quiet=True, old=value))
        if rule.policy == "reject":
            raise CallerError("unsupported_field", param)
        return None
    old = value
    value, why = _refine(rule, view, value, param, why, target)
    if value is None or (not rule.keep_empty and (value == [] or value == {})):
        return None
    if rule.count:
        view.scope.state[rule.count] = view.scope.state.get(rule.count, 0) + 1
    if rule.told:
        name = name_of(rule, view)
        view.scope.notes.append(Note(rule.told, param, rule.place, old=old, new=value, part=name))
    if trace is not None and any(path.root == "now" for path in rule.paths):
        trace.moments.append(moment(rule, value))
    return value


def _source(rule: Rule, view: View, target: str) -> tuple[Json, str, str]:
    """(value, caller path, why)."""
    trace = view.scope.trace
    match rule.kind:
        case "from":
            for path in rule.paths:
                value = view.find(path)
                if value is not None and (not rule.only or is_kind(value, rule.only)):
                    if trace is not None:
                        trace.found(view, path, value)
                    return value, view.caller_path(path), f"from {path.text}"
            return _default(rule, view, rule.paths[0])
        case "find":
            assert rule.find is not None
            value = find_in(view, rule.find)
            if value is not None and (not rule.only or is_kind(value, rule.only)):
                why = f"found in {rule.find.among.text} by {rule.find.by.text}"
                if trace is not None:
                    trace.found_by(view, rule.find, value, why)
                return value, view.caller_path(rule.find.equals), why
            return _default(rule, view, rule.find.equals)
        case "value":
            return rule.value, view.at, "constant"
        case "first":
            for name, part in rule.parts:
                value = run(part, view, target)
                if value is not None:
                    return value, view.param, name
            return None, "", ""
        case "object":
            return build(rule.parts, view, target), view.at, ""
        case "concat":
            out: list[Json] = []
            for _, part in rule.parts:
                value = run(part, view, target)
                if trace is not None:
                    trace.part(value)
                if type(value) is list:
                    out += value
                elif value is not None:
                    out.append(value)
            return some(rule, out), view.at, ""
        case "layers":
            layered: dict[str, Json] = {}
            for _, part in rule.parts:
                value = run(part, view, target)
                if type(value) is dict:
                    adjustments.put_over(layered, value)
            return some(rule, layered), view.at, ""
        case "sum":
            total = sum(to_count(view.find(path)) for path in rule.paths)
            if rule.minus:
                total = max(0, total - sum(to_count(view.find(path)) for path in rule.minus))
            if trace is not None:
                trace.summed(view, (*rule.paths, *rule.minus))
            return total, view.at, "sum"
        case "largest":
            counts = [to_count(run(part, view, target)) for _, part in rule.parts]
            return max(counts, default=0), view.at, "largest"
        case "weave":
            return some(rule, weave(run, rule, view, target)), view.at, ""
    raise AssertionError(rule.kind)


def _default(rule: Rule, view: View, path: Path) -> tuple[Json, str, str]:
    """What stands for what was not found; `path`: where the caller could have said it."""
    if rule.default is None:
        return None, "", ""
    value = view.find(rule.default) if type(rule.default) is Path else rule.default
    param = view.caller_path(path)
    if value is not None:
        view.scope.notes.append(Note("inserted", param, rule.place, quiet=True, new=value))
        if view.scope.trace is not None:
            view.scope.trace.step("default", value, "default")
    return value, param, DEFAULT


def build(parts: tuple[tuple[str, Rule], ...], view: View, target: str) -> dict[str, Json] | None:
    trace = view.scope.trace
    out: dict[str, Json] = {}
    for key, part in parts:
        value = run(part, view, f"{target}.{key}" if target else key)
        if value is not None:
            out[key] = None if value is NULL else value
            if trace is not None:
                trace.wrote(out, (key,))
    return out or None


def _refine(
    rule: Rule, view: View, value: Json, param: str, why: str, target: str
) -> tuple[Json, str]:
    if value is NULL:  # which no step could make anything of
        return value, why
    trace = view.scope.trace
    if rule.types and not is_kind(value, rule.types):
        raise CallerError(
            "wrong_type", param, expected=rule.types[0], found=JSON_TYPES[type(value)]
        )
    if rule.where is not None and type(value) is list:
        value = [item for item in value if holds(rule.where, View(view.scope, item))]
        if trace is not None:
            trace.step("where", value)
    if rule.keep == "nonblank" and type(value) in (list, str):
        value = keep_nonblank(rule, view, value if type(value) is list else [value], param)
    for convert in rule.converts:
        before = value
        view.param, view.place = param, rule.place
        verb = conversions.VERBS[convert.verb]
        if verb.takes is not None and type(value) is not verb.takes:
            kinds = JSON_TYPES[verb.takes], JSON_TYPES[type(value)]
            raise CallerError("wrong_type", param, expected=kinds[0], found=kinds[1])
        try:
            value = verb.run(value, convert.options, view)
        except Refused as refused:
            raise fault_of(refused, view.scope.places.get(id(refused.of), param)) from None
        if value is None:
            return None, why
        if type(before) is str and type(value) is str and type(view.scope) is Scope:
            view.scope.renamed[value] = before
        if trace is not None:
            trace.step(f"as {convert.name}", value, "" if before == value else "rewritten")
    for table in rule.tables:
        entry = look_up(table.entries, value)
        if entry is None:
            return None, why
        if trace is not None:
            trace.reach(entry.place)
        if entry.reject:
            raise CallerError(entry.reject, param, value=value, allowed=allowed(table.entries))
        if entry.told:
            view.scope.notes.append(Note(entry.told, param, entry.place, old=value, new=entry.to))
        if entry.omit:
            return None, why
        if not entry.same:
            why = f'"{value}" by table {table.name}'
            value = entry.to
            if trace is not None:
                trace.looked_up(entry.place, value)
    if rule.low is not None or rule.high is not None:
        value, why = clamp(rule, view, value, param, why)
    if rule.shape is not None:
        value = reshape(rule.shape, child(view, value, param, view.index), target)
        if value is None:
            return None, why
    elif rule.each is not None or (rule.lone is not None and type(value) is str):
        value = _each(rule, view, value, param, target)
    if rule.arrange:
        value = arrange(rule, view, value, param)
    if rule.join is not None and type(value) is list:
        value = rule.join.join(item for item in value if type(item) is str)
        if trace is not None:
            trace.step("join", value, "rewritten")
    return value, why


def child(view: View, item: Json, at: str, index: int = 0, number: int | None = None) -> View:
    """The view of a value, or with a `number` of one of its items."""
    below = View(view.scope, item, at, index)
    if view.scope.trace is not None:
        below.pointers = view.scope.trace.child(item, number)
        below.choices = view.choices
    return below


def _each(rule: Rule, view: View, value: Json, param: str, target: str) -> list[Json]:
    if type(value) is str and rule.lone is not None:
        made = reshape(rule.lone, child(view, value, param), f"{target}[0]")
        return [] if made is None else [made]
    assert rule.each is not None
    if type(value) is dict and is_item(rule, value):
        made = reshape(rule.each, child(view, value, param), f"{target}[0]")
        return made if type(made) is list else [] if made is None else [made]
    if type(value) is not list:
        expected = "string or array" if rule.lone is not None else "array"
        raise CallerError("wrong_type", param, expected=expected, found=JSON_TYPES[type(value)])
    view.scope.budget.spend(len(value) * INTERPRETED, param)
    places = view.scope.places if type(view.scope) is Scope else None
    out: list[Json] = []
    for number, item in enumerate(value):
        shape = rule.lone if type(item) is str and rule.lone is not None else rule.each
        at = f"{param}[{number}]"
        if places and id(item) in places:
            view.scope.moved[at] = places[id(item)]
        here = child(view, item, at, number, number)
        made = reshape(shape, here, f"{target}[{len(out)}]")
        if type(made) is list:  # a shape that makes several of one
            out += made
        elif made is not None:
            out.append(made)
    return out


# ---------------------------------------------------------------- shapes
def reshape(shape: Shape, view: View, target: str) -> Json:
    """The object a shape makes of `view.item`, or None when it is left out."""
    trace = view.scope.trace
    if trace is not None:
        trace.reach(shape.place)
    if shape.of == "object" and type(view.item) is not dict:
        raise CallerError(
            "wrong_type", view.at, expected="object", found=JSON_TYPES[type(view.item)]
        )
    for name, rule in shape.my:
        if view.my is None:
            view.my, view.my_at = {}, {}
        value = run(rule, view)
        view.my[name] = value
        if view.my_at is not None:
            view.my_at[name] = view.param or view.at
        if trace is not None:
            trace.holds_in(view.my, "my", name)
    if shape.reject:
        if trace is not None:
            trace.refused = shape.place
        values: dict[str, Any] = {}
        if shape.at and shape.at != ".":
            values["value"] = paths.get(view.item, paths.parse(shape.at).steps)
        if shape.allowed:
            values["allowed"] = shape.allowed
        raise CallerError(shape.reject, paths.join(view.at, shape.at or "."), **values)
    if shape.knows is not None and not view.item.keys() <= shape.knows:
        view.scope.notes += unread(view.item, shape.knows, view.at, shape.place)
    if shape.skip:
        if shape.told:
            view.scope.notes.append(Note(shape.told, view.at, shape.place, at=shape.at))
        return None
    made = _variant(shape, view, target)
    if type(made) is dict and shape.several is None:
        made = _finish(shape, view, made, target)
    return made


def _variant(shape: Shape, view: View, target: str) -> Json:
    trace = view.scope.trace
    if shape.several is not None:
        return run(shape.several, view, target) or []
    if shape.verbatim:
        item = paths.copied(view.item)  # ours to change from here on
        if trace is not None:
            trace.copied(view.item, item)
        laid = build(shape.fields, view, target) if shape.fields else None
        if not laid or type(item) is not dict:
            return item
        made = {**item, **laid}
        if trace is not None:
            trace.copied(item, made)
            trace.copied(laid, made)
        return made
    if shape.by is not None:
        word = view.find(shape.by)
        variant = shape.variants.get(word) if type(word) is str else None
        variant = variant or shape.variants.get("*")
        if variant is None:
            where = view.caller_path(shape.by)
            if word is None:
                raise CallerError("missing", where)
            taken = (name for name, below in shape.variants.items() if not below.refuses)
            allowed = ", ".join(f"'{name}'" for name in taken)
            raise CallerError("bad_value", where, value=word, allowed=allowed)
        if trace is not None:
            trace.chose(view, None, shape.by)
        return reshape(variant, view, target)
    for guard, variant in shape.first:
        if holds(guard, view):
            if trace is not None:
                trace.chose(view, guard)
            return reshape(variant, view, target)
    if shape.first:
        return None
    return build(shape.fields, view, target) or {}


def _finish(shape: Shape, view: View, made: dict[str, Json], target: str) -> Json:
    trace = view.scope.trace
    chosen = not shape.verbatim and (shape.by is not None or shape.first)
    late = shape.fields if chosen else ()
    for key, rule in (*late, *shape.all):
        value = run(rule, view, f"{target}.{key}")
        if value is not None:
            made[key] = None if value is NULL else value
            if trace is not None:
                trace.wrote(made, (key,))
    if shape.blank:
        text = made.get(shape.blank)
        if text is None or (type(text) is str and (not text or text.isspace())):
            view.scope.notes.append(Note("dropped", view.at, shape.place, quiet=True))
            return None
    if shape.stamp is not None:
        name, key, rule = shape.stamp
        value = run(rule, view, f"{target}.{name}[-1].{key}")
        if value is not None and made.get(name):
            made[name][-1][key] = None if value is NULL else value
            if trace is not None:
                trace.wrote(made, (name, -1, key))
    if shape.count:
        view.scope.state[shape.count] = view.scope.state.get(shape.count, 0) + 1
    if shape.told:
        view.scope.notes.append(Note(shape.told, view.at, shape.place, at=shape.at))
    if trace is not None:
        trace.shaped(made, view, shape.place)
    return made
