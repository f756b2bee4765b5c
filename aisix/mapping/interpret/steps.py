"""Steps of a rule that stand by themselves: blank texts taken out, numbers kept in bounds, passes
over lists, and what is said when a value that has to be there is not."""

from __future__ import annotations

from collections.abc import Iterator

from aisix.errors import CallerError
from aisix.mapping.interpret.pointers import Cause
from aisix.mapping.interpret.scope import Note
from aisix.mapping.interpret.view import JSON_TYPES, View, holds
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.paths import Json, Path
from aisix.mapping.syntax.rules import Condition, Rule, TableEntry
from aisix.mapping.verbs import passes
from aisix.mapping.verbs.conversions import VERBS
from aisix.mapping.verbs.nested import runner
from aisix.mapping.verbs.refused import Refused

DEFAULT = "default (caller sent none)"


def some(rule: Rule, found: Json) -> Json:
    """What several rules have made together; of nothing no step makes something."""
    return found if found or rule.keep_empty else None


def keep_nonblank(rule: Rule, view: View, value: list[Json], param: str) -> list[Json]:
    kept = []
    for number, text in enumerate(value):
        if type(text) is not str:
            raise CallerError(
                "wrong_type", f"{param}[{number}]", expected="string", found=JSON_TYPES[type(text)]
            )
        if text and not text.isspace():
            kept.append(text)
    if len(kept) != len(value):
        view.scope.notes.append(Note("dropped", param, rule.place, old=value, new=kept))
        if view.scope.trace is not None:
            view.scope.trace.step("keep nonblank", kept, "rewritten")
    return kept


def clamp(rule: Rule, view: View, value: Json, param: str, why: str) -> tuple[Json, str]:
    if type(value) not in (int, float):
        return value, why
    for limit, worse in ((rule.low, -1), (rule.high, 1)):
        bound = view.find(limit) if type(limit) is Path else limit
        if type(bound) in (int, float) and (value - bound) * worse > 0:
            quiet = why == DEFAULT  # what the caller never said is no loss
            view.scope.notes.append(
                Note("clamped", param, rule.place, quiet=quiet, old=value, new=bound)
            )
            why = f"{value} clamped to {'min' if worse < 0 else 'max'}"
            value = bound
            if view.scope.trace is not None:
                view.scope.trace.step(f"{'min' if worse < 0 else 'max'} {bound}", value, "clamped")
    return value, why


def moment(rule: Rule, value: Json) -> Cause:
    """What a rule has made of the time, and how often that is something else."""
    again = "second"
    for convert in rule.converts:
        verb = VERBS[convert.verb]
        again = verb.again(convert.options) if verb.again is not None else again
    why = f"another each {again}: the upstream's cache of prompts begins anew then"
    return Cause(value, why, rule.place, "$now")


def _asked(rule: Rule) -> Iterator[Path]:
    """The places where a rule looks, in order."""
    yield from rule.paths
    if rule.find is not None:
        yield rule.find.equals
    for _, part in rule.parts:
        yield from _asked(part)


def arrange(rule: Rule, view: View, value: Json, param: str) -> Json:
    """A list after the passes of a rule."""
    view.param = param
    trace = view.scope.trace
    for step in rule.arrange:
        if not holds(step.guard, view):
            continue
        view.place, where = step.place, step.where
        before = trace.leaves(value) if trace is not None else {}

        def chosen(item: dict[str, Json], where: Condition | None = where) -> bool:
            return holds(where, View(view.scope, item))

        try:
            run = runner(passes.PASSES[step.verb], step.options)
            value = run(value, step.options, chosen, view)
        except Refused as refused:
            if trace is not None:
                trace.refused = step.place
            ids: Json = refused.values.get("ids")
            if type(ids) is list:  # as the caller wrote them
                refused.values["ids"] = ", ".join(str(view.scope.renamed.get(i, i)) for i in ids)
            raise fault_of(refused, param) from None
        if trace is not None:
            trace.changed(before, value, step)
    return value


def missing(rule: Rule, view: View) -> CallerError:
    """Something required is not there: named itself, or what stands in its way."""
    path = next(_asked(rule), None)
    if path is None:
        return CallerError(rule.required, (*rule.about, view.at)[0] or None)
    for length in range(1, len(path.steps)):
        above = Path("", path.root, path.steps[:length])
        found = view.find(above)
        if found is not None and type(found) not in (dict, list):
            break
        if type(found) is list and type(path.steps[length]) is str:
            break
    else:
        return CallerError(rule.required, view.caller_path(path))
    text = ".".join(str(step) for step in above.steps)
    where = view.caller_path(Path(text, above.root, above.steps))
    return CallerError("wrong_type", where, expected="object", found=JSON_TYPES[type(found)])


def is_item(rule: Rule, value: dict[str, Json]) -> bool:
    """Whether an object in the place of a list is one item: it says what it is, if items do."""
    by = rule.each.by if rule.each is not None else None
    return by is None or by.root != "" or paths.get(value, by.steps) is not None


def name_of(rule: Rule, view: View) -> str:
    found = view.find(rule.named) if rule.named is not None else ""
    return found if type(found) is str else ""


def fault_of(refused: Refused, param: str) -> CallerError:
    """What a verb or a pass refused, at the caller's own path."""
    return CallerError(refused.kind, paths.join(param, refused.at), **refused.values)


def allowed(entries: dict[str, TableEntry]) -> str:
    """The words that are not refused themselves."""
    taken = (word for word, entry in entries.items() if word != "*" and not entry.reject)
    return ", ".join(f"'{word}'" for word in taken)
