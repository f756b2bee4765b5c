"""What can be said against the tables an alias carries itself, for one mapping it is served by.

As against a file of a site: what cannot be read, what nothing uses, what takes away nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aisix.errors import Complaint, OperatorError
from aisix.mapping.effective import Mapping, Options
from aisix.mapping.model_tables import Effective
from aisix.mapping.parse.inline import Inline
from aisix.mapping.parse.meant import near
from aisix.mapping.syntax.paths import Json, get
from aisix.mapping.verify.hints.sent import taken_over


def misfits(
    mapping: Mapping,
    model: str,
    version: str | None,
    options: Options,
    traits: Sequence[str],
    overlays: Sequence[Inline],
) -> list[Complaint]:
    """Every complaint; `where` is a place of an overlay, or of a file that needs what one takes."""
    laid = [one for one in overlays if one.meant_for(mapping.name)]
    if not laid:
        return []
    try:
        base = mapping.effective(model, version, options, traits)
        tables = mapping.effective(model, version, options, traits, laid)
    except OperatorError as error:
        return list(error.complaints)
    found = [one for one in tables.idle if one not in base.idle]
    found += [one for inline in laid for one in _of_one(inline, base, tables)]
    return list(dict.fromkeys(found))


def notes(tables: Effective) -> Iterator[Complaint]:
    """What may well be meant, with the paths inside the resource: of tables that fit."""
    for inline in tables.overlays:
        fields = get(inline.tree.data, ("request", "field"))
        for name, text in taken_over(tables.request, fields if isinstance(fields, dict) else ()):
            keys = ("request", "field", name)
            told = inline.own(Complaint(inline.tree.where(keys), ".".join(keys), text))
            yield told or Complaint("", ".".join((inline.name, *keys)), text)


def _of_one(inline: Inline, base: Effective, tables: Effective) -> Iterator[Complaint]:
    unused = tables.known - tables.used - (base.known - base.used)
    for name in sorted(unused):
        keys = tuple(name.split(".", 1 if name.startswith("values.") else 2))
        if get(inline.tree.data, keys) is not None:
            yield Complaint(inline.tree.where(keys), name, "nothing uses it", idle=True)
    for name, table in inline.tree.data.get("values", {}).items():
        whole = get(tables.tree.data, ("values", name))
        told = f"values.{name}" in unused
        if isinstance(table, dict) and isinstance(whole, dict) and "*" not in whole and not told:
            where = inline.tree.where(("values", name))
            text = 'a value table needs a row "*" for words it does not list'
            yield Complaint(where, f"values.{name}", text)
    for keys in _dropped(inline.tree.data, tables.tree.data, ()):
        text = "is taken away by the tables below it: drop = false brings it back"
        yield Complaint(inline.tree.where(keys), ".".join(keys), text, idle=True)
    for keys, where in inline.tree.removed.items():
        if get(base.tree.data, keys) is None:
            others = get(base.tree.data, keys[:-1])
            text = "there is nothing here to take away"
            hint = near(keys[-1], others) if isinstance(others, dict) else ""
            yield Complaint(where, ".".join((*keys, "drop")), text + hint, idle=True)


def _dropped(node: Json, whole: Json, at: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The tables of an overlay that are not there when all are laid over each other."""
    for key, value in node.items():
        if isinstance(value, dict) and value.get("drop") is not True:
            below = whole.get(key) if isinstance(whole, dict) else None
            if below is None:
                yield (*at, key)
            else:
                yield from _dropped(value, below, (*at, key))
