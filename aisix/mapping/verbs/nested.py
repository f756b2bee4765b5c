"""Passes whose options lead below a field: `call_id = "function.id"`, `list = "message.parts"`.

    run = runner(PASSES["pair"], options)     # the pass itself when no option leads below a field

A pass looks at fields. For one that is asked to look further, what stands at each such path is laid
into a field of its own before, and back to its path behind it: whatever the pass does stays the
same, in both forms. Objects on the way are copied before they are written: they may be the
caller's. Once over all parts before, once behind: linear.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from aisix.mapping.grammar.kinds import ITEM_FIELD, ITEM_FIELDS, ITEM_LIKE, PART_FIELD
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbs.registry import Chosen, Item, Items, Options, Pass, RuleContext

Run = Callable[[Items, Options, Chosen, RuleContext], Items]
Steps = tuple[str, ...]
Laid = dict[str, Steps]  # field -> the path it stands for
INNER = "inner"  # the option that names a list within a part
_MISSING: Any = object()


def leads_below(options: Options, of: Pass) -> bool:
    """Whether an option of a pass leads below a field."""
    return any(_laid(options, of, (ITEM_FIELD, ITEM_LIKE, ITEM_FIELDS, PART_FIELD)))


def runner(of: Pass, options: Options) -> Run:
    """What runs the pass with these options."""
    return _nested(of, options) if leads_below(options, of) else of.run


def _nested(of: Pass, options: Options) -> Run:
    items_laid = dict(_laid(options, of, (ITEM_FIELD, ITEM_LIKE, ITEM_FIELDS)))
    parts_laid = dict(_laid(options, of, (PART_FIELD,)))
    kinds = {option.name: option.kind for option in of.options}
    flat: Options = {}
    for name, value in options.items():
        if kinds[name] in (ITEM_FIELD, PART_FIELD):
            flat[name] = _field(value)
        elif kinds[name] in (ITEM_LIKE, ITEM_FIELDS):
            flat[name] = {_field(key): below for key, below in value.items()}
        else:
            flat[name] = value
    name, inner = flat.get("list", ""), flat.get(INNER, "")

    def run(items: Items, _: Options, chosen: Chosen, call: RuleContext) -> Items:
        for item in items:
            _lay(item, items_laid)
            for part in _parts(item, name, inner, False) if parts_laid else ():
                _lay(part, parts_laid)
        out = of.run(items, flat, chosen, call)
        for item in out:
            for part in _parts(item, name, inner, True) if parts_laid else ():
                _put_back(part, parts_laid)
            _put_back(item, items_laid)
        return out

    return run


def _laid(options: Options, of: Pass, kinds: tuple[Any, ...]) -> Iterator[tuple[str, Steps]]:
    for option in of.options:
        value = options.get(option.name)
        if option.kind in kinds and value is not None:
            for text in value if isinstance(value, dict) else [value]:
                if "." in text:
                    yield _field(text), tuple(text.split("."))


def _field(text: str) -> str:
    """The field that stands for a path: no JSON of a provider's has such a key."""
    return f"\0{text}" if "." in text else text


def _parts(item: Item, name: str, inner: str, inmost: bool) -> Iterator[Item]:
    """The objects of an item's list, each with those of the list within it before or behind it."""
    parts = item.get(name)
    for part in parts if type(parts) is list else ():
        if type(part) is dict:
            if not inmost:
                yield part  # which may lay down the list within
            within = part.get(inner) if inner else None
            for one in within if type(within) is list else ():
                if type(one) is dict:
                    yield one
            if inmost:
                yield part


def _lay(target: Item, laid: Laid) -> None:
    for field, steps in laid.items():
        found = _found(target, steps)
        if type(found) is list:  # a pass changes lists and their parts where they are
            found = [dict(part) if type(part) is dict else part for part in found]
        if found is not _MISSING:
            target[field] = found


def _found(target: Item, steps: Steps) -> Json:
    node: Json = target
    for step in steps:
        if type(node) is not dict or step not in node:
            return _MISSING
        node = node[step]
    return node


def _put_back(target: Item, laid: Laid) -> None:
    for field, steps in laid.items():
        value = target.pop(field, _MISSING)
        if value is _found(target, steps):
            continue
        node = target
        for step in steps[:-1]:
            below = node.get(step)
            node[step] = dict(below) if type(below) is dict else {}
            node = node[step]
        if value is _MISSING:
            del node[steps[-1]]
        else:
            node[steps[-1]] = value
