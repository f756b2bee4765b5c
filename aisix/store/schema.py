"""Which documents are acceptable, by the field table of their kind: every fault told at once.

    check(KINDS["models"], body)  ->  the normalised document, or ChangeRefused("invalid", [...])

A complaint's path is the writer's own ("rate_limit.rpm", "allowed_models[2]"). A field set to null
is a field not set. What depends on other resources or on the clock is checked in `normalize.py`.

Must never know: which kinds there are, the store's content, HTTP. It never quotes a value: the
value may be a secret in the wrong place.
"""

from __future__ import annotations

import difflib
from typing import Any

import voluptuous as vol

from aisix.errors import Complaint
from aisix.store.base import ChangeRefused
from aisix.store.kinds.checks import without_nulls
from aisix.store.kinds.declare import Field, Kind
from aisix.store.resources import Document


def check(kind: Kind, body: Document) -> Document:
    """The document in its stored form: nulls gone, values normalised, fields in a fixed order."""
    complaints, good = faults(kind, body)
    if complaints:
        raise ChangeRefused("invalid", complaints)
    return good


def faults(
    kind: Kind, body: Document, unfit: list[str] | None = None
) -> tuple[list[Complaint], Document]:
    """Everything wrong with the body, sorted by path, and the fields that are right. With `unfit`
    the lenient rule of a field will do, and its name is put in there."""
    body = without_nulls(body)
    complaints: list[Complaint] = []
    good: Document = {}
    for name, field in kind.stored.items():
        moved = field.moves_into in body
        if name not in body:
            if field.lacking(body):
                complaints.append(Complaint("", name, field.required))
            continue
        if moved:
            text = f"stands in each of the `{field.moves_into}`: leave it out here"
            complaints.append(Complaint("", name, text))
        try:
            kept = _kept(field, body[name], unfit)
            if field.empty is None or kept != field.empty:
                good[name] = kept
        except vol.MultipleInvalid as error:
            complaints += [_complaint(field, e) for e in error.errors]
    known = tuple(field.name for field in kind.fields)
    complaints += [unknown(key, known) for key in body if key not in kind.stored]
    return sorted(complaints, key=lambda c: c.path), good


def _kept(field: Field, value: Any, unfit: list[str] | None) -> Any:
    try:
        return field.type.check(value)
    except vol.MultipleInvalid:
        if unfit is None or field.lenient is None:
            raise
    try:
        kept = field.lenient(value)
    except vol.Invalid as error:
        raise vol.MultipleInvalid([error]) from None
    unfit.append(field.name)
    return kept


def unknown(key: str, known: tuple[str, ...], path: str = "") -> Complaint:
    """An unknown field, with the known one that looks most like it."""
    short = (key if len(key) <= 60 else key[:60] + "...") or '""'
    near = [name for name in known if sorted(name) == sorted(key)]  # letters that changed places
    near = near or difflib.get_close_matches(short, known, 1)
    hint = f'did you mean "{near[0]}"?' if near else "known: " + ", ".join(known)
    return Complaint("", f"{path}.{short}" if path else short, f"unknown field ({hint})")


def _complaint(field: Field, error: vol.Invalid) -> Complaint:
    path = field.name
    *above, last = error.path or [None]
    for step in above:
        path += _step(step)
    text = error.error_message
    if text == "extra keys not allowed":
        return unknown(str(last), tuple(one.name for one in field.type.fields), path)
    if last is not None:
        path += _step(last)
    return Complaint("", path, "must be an object" if text == "expected a dictionary" else text)


def _step(step: Any) -> str:
    return f"[{step}]" if isinstance(step, int) else f".{str(step)[:60]}"
