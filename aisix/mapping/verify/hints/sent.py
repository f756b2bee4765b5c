"""Headers of a field that is not sent; fields that the caller's own takes the place of.

Must never know: what a table says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from aisix.errors import Complaint, OperatorError
from aisix.mapping.mappings import Mapping, Mappings
from aisix.mapping.parse.files import TRAITS
from aisix.mapping.parse.toml_tree import Keys, Tree
from aisix.mapping.syntax.paths import Json
from aisix.mapping.syntax.rules import RequestTables
from aisix.mapping.verify.hints.words import WORD


def unsent(mappings: Mappings, path: str, tree: Tree) -> Iterator[Complaint]:
    """Rules of headers look at what is sent: a field that nothing writes is nothing there."""
    mapping, at, request = _request(mappings, path, tree)
    if mapping is None:
        return
    sections = [one.data.get("request") or {} for one in (mapping.tree, *mapping.traits.values())]
    written = {name for one in sections for name in one.get("field") or {}}
    if any("pass" in (section.get("rest") or {}).values() for section in sections):
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
    mapping, at, written = _request(mappings, path, tree)
    fields = written.get("field")
    if mapping is None or not isinstance(fields, dict):
        return
    traits = (path.rpartition("/")[2].removesuffix(".toml"),) if at else ()
    try:
        request = mapping.effective(mapping.example(), None, {}, traits).request
    except OperatorError:
        return  # for a model it does not come with
    for name, text in taken_over(request, fields):
        yield Complaint(tree.where((*at, "field", name)), ".".join((*at, "field", name)), text)


def _request(
    mappings: Mappings, path: str, tree: Tree
) -> tuple[Mapping | None, Keys, dict[str, Json]]:
    """(mapping, place, rules) of what a file says of requests; (None, (), {}): nothing."""
    mapping = mappings.mappings.get("/".join(path.split("/")[:2]))
    if f"/{TRAITS}/" in path:
        return mapping, ("request",), tree.data.get("request") or {}
    return (mapping, (), tree.data) if path.endswith("/request.toml") else (None, (), {})


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
