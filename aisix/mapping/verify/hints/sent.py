"""Headers of a field that is not sent; fields that the caller's own takes the place of.

Must never know: what a table says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from aisix.errors import Complaint, OperatorError
from aisix.mapping.mappings import Mappings
from aisix.mapping.parse.toml_tree import Tree
from aisix.mapping.syntax.rules import RequestTables
from aisix.mapping.verify.hints.words import WORD


def unsent(mappings: Mappings, path: str, tree: Tree) -> Iterator[Complaint]:
    """Rules of headers look at what is sent: a field that nothing writes is nothing there."""
    mapping = mappings.mappings.get("/".join(path.split("/")[:2]))
    at = ("request",) if "/traits/" in path else ()
    request = tree.data.get("request", {}) if at else tree.data
    if mapping is None or not (at or path.endswith("/request.toml")):
        return
    sections = [one.data.get("request") or {} for one in (mapping.tree, *mapping.traits.values())]
    written = {name for one in sections for name in one.get("field") or {}}
    if "pass" in {
        one
        for section in sections
        for one in (section.get("rest") or {}).values()
        if isinstance(one, str)
    }:
        return
    for header, rules in (request.get("header") or {}).items():
        for name, rule in rules.items() if isinstance(rules, dict) else ():
            given = rule.get("from") if isinstance(rule, dict) else None
            if isinstance(given, str) and WORD.fullmatch(given) and given not in written:
                text = f'no [field] "{given}" is sent, which this looks at: the caller\'s is'
                text += f' "$body.{given}"'
                keys = (*at, "header", header, name, "from")
                yield Complaint(tree.where(keys), ".".join(keys), text)


def overruled(mappings: Mappings, path: str, tree: Tree) -> Iterator[Complaint]:
    """A field whose rule does not read the caller's own, which is passed on in its place."""
    at = ("request",) if "/traits/" in path else ()
    fields = (tree.data.get("request", {}) if at else tree.data).get("field")
    mapping = mappings.mappings.get("/".join(path.split("/")[:2]))
    if not at and not path.endswith("/request.toml"):
        return
    if mapping is None or not isinstance(fields, dict):
        return
    traits = (path.rpartition("/")[2].removesuffix(".toml"),) if at else ()
    try:
        request = mapping.effective(mapping.example(), None, {}, traits).request
    except OperatorError:
        return  # for a model it does not come with
    for name, text in taken_over(request, fields):
        yield Complaint(tree.where((*at, "field", name)), ".".join((*at, "field", name)), text)


def taken_over(request: RequestTables, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(field, what to write) of those fields in whose place the caller's own is passed on."""
    written = {name for name, rule in request.fields if not rule.policy}
    for name in names:
        row = request.rest.get(name)
        passed = row is None and name not in request.known and request.rest["*"].policy == "pass"
        if name in written and (passed or (row is not None and row.policy == "pass")):
            text = f'where the caller sends "{name}", [rest] passes it on in place of this: for'
            text += f' yours alone write [rest] {name} = "drop", for the caller\'s first'
            text += f' {{ from = "{name}", default = ... }}'
            yield name, text
