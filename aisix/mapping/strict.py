"""Strict mode: what lenient mode only tells is refused, in the words of a caller's own dialect."""

from __future__ import annotations

from collections.abc import Sequence

from aisix.errors import CallerError
from aisix.mapping import paths
from aisix.mapping.paths import Json
from aisix.mapping.rules import RequestTables
from aisix.mapping.scope import Note

_FAULTS = {"dropped": "unsupported_field", "unknown": "unknown_field"}


def refuse_losses(notes: Sequence[Note], body: dict[str, Json], tables: RequestTables) -> None:
    """CallerError for the first note a caller would have been told of."""
    note = next((note for note in notes if not note.quiet), None)
    if note is None:
        return
    needed = {check.path.text for check in tables.checks if check.required}
    kind = _FAULTS.get(note.how, "unsupported_setting")
    said = paths.get(body, paths.parse(note.param or ".").steps)
    value = note.old if said is None or said is body else said
    if note.how == "dropped" and (note.new is not None or note.param in needed):
        kind = "unsupported_setting"  # the field is fine, not all that stands in it
    long = type(value) in (dict, list) or (type(value) is str and len(value) > 40)
    if long and note.about in needed:
        value = None  # what people say to each other has no place in an error
    raise CallerError(kind, note.param or note.about, value=value)
