"""What local references of a schema name, and which of them run in a circle."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from urllib.parse import unquote

from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbs.schema.keywords import DEEPEST, Schema, below, mapped

_PLAIN = re.compile(r"#/(\$defs|definitions)/[^/]+")


def is_plain(reference: str) -> bool:
    """Whether it names a definition at the root, where everybody looks."""
    return _PLAIN.fullmatch(reference) is not None


def target(root: Json, reference: str) -> Json:
    """What a local reference names; None: nothing there, or another document's."""
    if not reference.startswith("#/"):
        return None
    found = root
    for step in reference[2:].split("/"):
        name = unquote(step).replace("~1", "/").replace("~0", "~")
        if type(found) is dict:
            found = found.get(name)
        elif type(found) is list and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    return found


def hoisted(
    root: Json, made: Schema, pointers: dict[str, None], read: Callable[[Json], Json]
) -> Schema:
    """What references name anywhere in `root`, put among the definitions of `made`, so that it is
    found wherever its place goes. `read` makes what they name fit, and may find more `pointers`."""
    held = made.get("$defs")
    definitions: Schema = dict(held) if type(held) is dict else {}
    renamed: dict[str, str] = {}
    waiting = list(pointers)
    while waiting:
        reference = waiting.pop()
        if reference in renamed:
            continue
        found = target(root, reference)
        if type(found) not in (dict, bool):
            renamed[reference] = reference
            continue
        name = re.sub(r"[^A-Za-z0-9]+", "_", reference[2:])[-40:].strip("_") or "part"
        if name in definitions:
            name = f"{name}_{len(definitions)}"  # as good as unique: "_" and a number that grows
        while name in definitions:
            name += "_"
        renamed[reference] = f"#/$defs/{name}"
        definitions[name] = True  # its place, should it name itself
        pointers.clear()
        definitions[name] = read(found)
        waiting += pointers
    whole = {**made, "$defs": definitions} if definitions else made
    out: Schema = _with_references(whole, renamed)
    return out


def _with_references(node: Json, renamed: dict[str, str]) -> Json:
    made = mapped(node, lambda schema: _with_references(schema, renamed))
    if type(made) is dict and type(made.get("$ref")) is str and made["$ref"] in renamed:
        return {**made, "$ref": renamed[made["$ref"]]}
    return made


def _references(node: Json, depth: int = 0) -> Iterable[str]:
    """The references below a schema, by keyword, without what they name."""
    if type(node) is not dict:
        return
    if depth > DEEPEST:
        yield "#"  # as good as a circle
        return
    if type(node.get("$ref")) is str:
        yield node["$ref"]
    for word, schema in below(node):
        if word not in ("$defs", "definitions"):
            yield from _references(schema, depth + 1)


def is_circular(root: Schema) -> bool:
    """Whether a reference comes back to itself, or names what is not there."""
    graph: dict[str, list[str]] = {}
    open_ = list(_references(root))
    for word in ("$defs", "definitions"):
        held = root.get(word)
        if type(held) is dict:
            for name, schema in held.items():
                graph[f"#/{word}/{name}"] = list(_references(schema))
    for reference in (*open_, *(r for found in graph.values() for r in found)):
        if reference not in graph:
            return True
    waits = {name: len(set(found)) for name, found in graph.items()}
    users: dict[str, list[str]] = {}
    for name, found in graph.items():
        for reference in set(found):
            users.setdefault(reference, []).append(name)
    done = [name for name, count in waits.items() if not count]
    for name in done:  # those that name nothing that still waits
        for user in users.get(name, ()):
            waits[user] -= 1
            if not waits[user]:
                done.append(user)
    return len(done) < len(graph)
