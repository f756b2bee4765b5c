"""A shape, conversion, chunk or value table that nothing uses: who took its last use away.

Of a name that a site's folder made unused, the site is told at its own line, with what to write.
A base offers what it has: nobody is told of what one mapping over it has no use for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from aisix.errors import Complaint
from aisix.mapping.effective import Mapping
from aisix.mapping.parse.files import UPSTREAM
from aisix.mapping.parse.lineage import is_base
from aisix.mapping.parse.toml_tree import Keys, Tree
from aisix.mapping.syntax.paths import Json, get

MOST_SPOTS = 256  # places that named a thing: the first of them that is another now is told


def unused(
    mapping: Mapping, name: str, before: Mapping | None, others: Collection[str] = ()
) -> Complaint:
    """The complaint about one name ("request.convert.words").

    before: the mapping without the last folder, when that one used it. others: the names that
    nothing uses any more, of which one may have been the last to use this.
    """
    keys = _keys(name)
    there = _where(mapping, keys)
    if before is not None:
        found = _caused(mapping, before, keys, {_keys(other) for other in others})
        if found is not None:
            section = ".".join(keys[1:])
            text = f"this takes away the last use of [{section}] ({there}): when that is meant,"
            text += f" write [{section}] drop = true in {keys[0]}.toml"
            return Complaint(found[0], ".".join(found[1][1:]), text, idle=True)
    return Complaint(there, name, "nothing uses it", idle=True)


def offered(name: str, mapping: Mapping, others: Iterable[Mapping]) -> bool:
    """Whether it stands in a base for mappings to choose from: in one of callers, whoever uses
    it; in one of an upstream, where another mapping over that base names it."""
    keys = _keys(name)
    where = _where(mapping, keys)
    base = next((one for one in mapping.line if is_base(one) and f"/{one}/" in f"/{where}"), "")
    if not base.endswith(UPSTREAM):
        return base != ""
    sharing = (one for one in others if base in one.line and one is not mapping)
    return any(next(_spots(one.tree.data, keys), None) is not None for one in sharing)


def _keys(name: str) -> Keys:
    return ("values", name[7:]) if name.startswith("values.") else tuple(name.split(".", 2))


def _where(mapping: Mapping, keys: Keys) -> str:
    """Where a thing is written: in the base, or in a trait."""
    trees = mapping.tree, *mapping.traits.values()
    return next((t for t in trees if get(t.data, keys) is not None), mapping.tree).where(keys)


def _caused(
    mapping: Mapping, before: Mapping, keys: Keys, gone: Collection[Keys]
) -> tuple[str, Keys] | None:
    """(the line that took the last use of a thing away, what it is about)."""
    waiting, seen = [keys], {keys}
    while waiting:
        asked = waiting.pop(0)
        for name, tree in (("", before.tree), *before.traits.items()):
            for spot in _spots(tree.data, asked):
                line = _overlay_line(mapping.tree, before.tree, spot)
                if not line and name in mapping.traits:
                    line = _overlay_line(mapping.traits[name], tree, spot)
                line = line or _line_of_trait(mapping, before, spot)
                if line:
                    return line, spot
                user = next((one for one in gone if spot[: len(one)] == one), asked)
                if user not in seen:  # what used it is itself used no more
                    seen.add(user)
                    waiting.append(user)
    return None


def _spots(data: dict[str, Json], keys: Keys) -> Iterator[Keys]:
    """Where the thing is named, in its own file; a value table in any."""
    words = (keys[-1], f"$values.{keys[-1]}") if keys[0] == "values" else (keys[-1],)
    files = ("request", "answer") if keys[0] == "values" else (keys[0],)
    waiting: list[tuple[Keys, Json]] = [((file,), data.get(file)) for file in files]
    found = 0
    while waiting and found < MOST_SPOTS:
        at, node = waiting.pop()
        if isinstance(node, dict):
            waiting += [((*at, key), below) for key, below in node.items()]
            continue
        held = node if isinstance(node, list) else [node]
        if any(isinstance(word, str) and word in words for word in held):
            found += 1
            yield at


def _overlay_line(tree: Tree, before: Tree, spot: Keys) -> str:
    """The line that put something else there, or took it away; "" when nobody did."""
    old: Json = before.data
    new: Json = tree.data
    for length, key in enumerate(spot, 1):
        at = spot[:length]
        if at in tree.removed and at not in before.removed:
            return tree.removed[at]
        old = old.get(key) if isinstance(old, dict) else None
        new = new.get(key) if isinstance(new, dict) else None
        if new is None or (length == len(spot) and new != old) or not isinstance(new, type(old)):
            break
    else:
        return ""
    for length in range(len(at), 0, -1):
        for keys, line in tree.lines.items():
            if keys[:length] == at[:length] and before.lines.get(keys) != line:
                return line
    return ""


def _line_of_trait(mapping: Mapping, before: Mapping, spot: Keys) -> str:
    """The line nearest to the spot of a trait that is new, or says more than before."""
    for length in range(len(spot), 2, -1):
        for name, tree in mapping.traits.items():
            known = before.traits[name].lines if name in before.traits else {}
            for keys, line in tree.lines.items():
                if keys[:length] == spot[:length] and known.get(keys) != line:
                    return line
    return ""


def tables_without_other(mapping: Mapping) -> Iterator[Complaint]:
    """A value table must say what becomes of a word nobody knew when it was written."""
    for name, table in (mapping.tree.data.get("values") or {}).items():
        if isinstance(table, dict) and "*" not in table:
            yield Complaint(
                mapping.tree.where(("values", name)),
                f"{name}",
                'a value table needs a row "*" for words it does not list',
            )
