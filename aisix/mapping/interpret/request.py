"""A whole request through the tables: accept, let, check, field, adjust, rest, in this order."""

from __future__ import annotations

from collections.abc import Sequence

from aisix.errors import CallerError
from aisix.mapping.interpret import rules
from aisix.mapping.interpret.pointers import Cause, token
from aisix.mapping.interpret.scope import NULL, Note, Scope
from aisix.mapping.interpret.view import JSON_TYPES, View, holds, is_kind, same
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.paths import Json
from aisix.mapping.syntax.rules import Check, RequestTables, Rest
from aisix.mapping.verbs import adjustments
from aisix.mapping.verbs.refused import Refused

SIZED = (list, dict)  # what `longest` counts
STRICT = {"dropped": "unsupported_field", "unknown": "unknown_field"}


def translate(tables: RequestTables, scope: Scope) -> dict[str, Json]:
    """The upstream's request body; notes, state and remembered values are left in `scope`."""
    try:
        return _translate(tables, scope)
    except CallerError as error:
        error.param = scope.own_path(error.param)
        raise


def _translate(tables: RequestTables, scope: Scope) -> dict[str, Json]:
    view = View(scope, scope.body)
    trace = scope.trace
    for check in tables.checks:
        if trace is not None:
            trace.doing = check.place
        accept(check, view)
    for name, rule in tables.lets:
        scope.lets[name] = rules.run(rule, view)
        if trace is not None:
            trace.holds_in(scope.lets, "let", name)
    for refusal in tables.refusals:
        if trace is not None:
            trace.doing = refusal.place
        if holds(refusal.guard, view):
            found = [path for path in refusal.at if view.find(path) is not None]
            at = next(iter(found or refusal.at), None)
            raise CallerError(
                refusal.kind, view.caller_path(at) if at is not None else None, **refusal.values
            )
    for name, rule in tables.fields:
        value = rules.run(rule, view, name)
        if value is not None:
            scope.out[name] = None if value is NULL else value
            if trace is not None:
                trace.wrote(scope.out, (name,))
    for step in tables.adjusts:
        if trace is not None:
            trace.doing = step.place
        if step.guard is not None and not holds(step.guard, View(scope, scope.out)):
            continue
        before = trace.leaves(scope.out) if trace is not None else {}
        try:
            changed = adjustments.ADJUSTMENTS[step.verb].run(
                scope.out, scope.body, step.options, lambda v: _resolved(v, view)
            )
        except Refused as refused:
            raise CallerError(refused.kind, refused.at, **refused.values) from None
        if changed:
            if trace is not None:
                trace.reach(step.place)
                trace.changed(before, scope.out, step)
            asked = [path for path in step.about if view.find(path) is not None]
            about = asked[0].text if asked else (step.about[0].text if step.about else "")
            if step.told and (asked or not step.about):
                scope.notes.append(Note(step.told, about, step.place))
            else:
                scope.notes.append(Note("rewritten", about, step.place, quiet=True))
    rest(tables, scope)
    for word in tables.remember:
        name = word.removeprefix("state.")
        scope.remember[name] = (scope.lets if name == word else scope.state).get(name)
    return scope.out


def headers(tables: RequestTables, scope: Scope) -> dict[str, str]:
    """The headers of the upstream's request, once the body is made."""
    view = View(scope, scope.out)
    found = {}
    for header in tables.headers:
        values = []
        for _, rule in header.rules:
            values.append(rules.run(rule, view))
            if scope.trace is not None and values[-1] is not None:
                scope.trace.sends(header.name)
        text = header_of(values)
        if text:
            found[header.name] = text
    return found


def header_of(values: Sequence[Json]) -> str:
    """The texts and numbers of these values and of lists among them, each once, by commas."""
    words: list[str] = []
    for value in values:
        for one in value if type(value) is list else (value,):
            if type(one) is str:
                words.append(one)
            elif type(one) is bool:
                words.append("true" if one else "false")
            elif type(one) in (int, float):
                words.append(str(one))
    return ",".join(dict.fromkeys(word for word in words if word))


def _resolved(value: Json, view: View) -> Json:
    if type(value) is str and value.startswith("$"):
        return view.find(paths.parse(value))
    return value


def accept(check: Check, view: View) -> None:
    value = view.find(check.path)
    param = check.path.text
    if value is None:
        if check.required:
            raise CallerError("missing", param)
        return
    if check.types and not is_kind(value, check.types):
        raise CallerError(
            check.reject or "wrong_type",
            param,
            expected=check.types[0],
            found=JSON_TYPES[type(value)],
        )
    if type(value) in (int, float):
        number = "integer" if "integer" in check.types else "decimal"
        if check.low is not None and value < check.low:
            raise CallerError("below_min", param, number=number, limit=check.low, value=value)
        if check.high is not None and value > check.high:
            raise CallerError("above_max", param, number=number, limit=check.high, value=value)
    if check.one_of and value not in check.one_of:
        allowed = ", ".join(f"'{word}'" for word in check.one_of)
        raise CallerError(check.reject or "bad_value", param, value=value, allowed=allowed)
    if check.match is not None and type(value) is str and not check.match.search(value):
        raise CallerError(
            check.reject or "bad_value", param, value=value, allowed=check.match.pattern
        )
    if check.longest is not None and type(value) in SIZED and len(value) > check.longest:
        fault = "too_many" if type(value) is dict else "too_long"
        raise CallerError(check.reject or fault, param, limit=check.longest, found=len(value))
    if check.values and type(value) is dict:
        for name, below in value.items():
            if not is_kind(below, check.values):
                found = JSON_TYPES[type(below)]
                raise CallerError(
                    "wrong_type", paths.join(param, name), expected=check.values[0], found=found
                )
    if check.empty and (value == [] or value == ""):
        raise CallerError(check.empty, param)


def rest(tables: RequestTables, scope: Scope) -> None:
    for name in sorted(scope.body):  # notes in one order, whatever the caller's
        value = scope.body[name]
        if value is None or (name in tables.known and name not in tables.rest):
            continue
        row = tables.rest.get(name)
        if scope.trace is not None:
            scope.trace.doing = (row or tables.rest["*"]).place
        if row is None:
            row = tables.rest["*"]
            if row.policy == "pass":
                _pass_on(scope, name, value, row)
                continue
            scope.notes.append(
                Note(
                    "unknown" if row.policy == "warn" else "dropped",
                    name,
                    row.place,
                    quiet=row.policy == "drop",
                    old=value,
                )
            )
            if row.policy == "reject":
                raise CallerError("unknown_field", name)
            continue
        values = value if row.items and type(value) is list else [value]
        left = [v for v in values if not any(same(v, d) or v == d for d in row.drop)]
        if row.drop_empty:
            left = [v for v in left if v not in ({}, [], "")]
        if row.policy == "pass":
            _pass_on(scope, name, value, row)
        elif not left or row.policy == "drop":
            scope.notes.append(Note("dropped", name, row.place, quiet=True, old=value))
        elif row.policy == "warn":
            scope.notes.append(Note("dropped", name, row.place, old=value))
        else:
            raise CallerError(row.reject or "unsupported_setting", name, value=left[0])


def _pass_on(scope: Scope, name: str, value: Json, row: Rest) -> None:
    """The field goes upstream as the caller sent it."""
    scope.out[name] = value
    if scope.trace is not None:
        at = (f"/{token(name)}",)
        scope.trace.last = Cause(value, "passed on", row.place, name, at=at)
        scope.trace.wrote(scope.out, (name,))


def refuse_losses(notes: Sequence[Note], body: dict[str, Json], tables: RequestTables) -> None:
    """CallerError for the first note a caller would have been told of."""
    note = next((note for note in notes if not note.quiet), None)
    if note is None:
        return
    needed = {check.path.text for check in tables.checks if check.required}
    kind = STRICT.get(note.how, "unsupported_setting")
    param = _closest(note, body)
    said = _at(param, body)
    value = note.old if said is None or said is body else said
    if note.how == "dropped" and (note.at or note.new is not None or note.param in needed):
        kind = "unsupported_setting"  # the field is fine, not all that stands in it
    long = type(value) in (dict, list) or (type(value) is str and len(value) > 40)
    if long and note.about in needed:
        value = None  # what people say to each other has no place in an error
    raise CallerError(kind, param or note.about, value=value)


def _closest(note: Note, body: dict[str, Json]) -> str:
    """The path of what was lost, as close as the note tells it."""
    if note.at or not note.param:
        return paths.join(note.param, note.at)
    said = _at(note.param, body)
    if type(said) is not dict or note.old is None:
        return note.param
    if note.part in said:
        return paths.join(note.param, note.part)
    names = [name for name, value in said.items() if value == note.old]
    return paths.join(note.param, names[0]) if len(names) == 1 else note.param


def _at(param: str, body: dict[str, Json]) -> Json:
    """What stands there; None too where a name that the caller made up is no path."""
    if param in body:
        return body[param]
    try:
        return paths.get(body, paths.parse(param or ".").steps)
    except ValueError:
        return None
