"""Tables written inside an alias: one more overlay, behind the traits, for this alias alone.

    for = "openai-chat/anthropic-messages"     # a mapping, or a caller dialect; or a list of them
    [request.field.max_tokens]
    max = 4096

Such a text, or the same as a JSON object. It is read as a file of traits/ is: old names, two
parsers, a place for each key, which is the path inside the resource.

Must never know: which aliases there are, and which mapping serves one.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from aisix.errors import Complaint, OperatorError
from aisix.mapping.parse import overlays, toml_tree
from aisix.mapping.parse.meant import near
from aisix.mapping.parse.renamed import rename
from aisix.mapping.parse.structure import SECTIONS as FILE_SECTIONS
from aisix.mapping.parse.structure import found
from aisix.mapping.parse.toml_tree import Keys, Tree
from aisix.mapping.syntax.paths import Json

SECTIONS = ("request", "answer", "values", "errors")
FOR = "for"
ELSEWHERE = {
    "mapping": "an alias's own are its fields `options` and `mapping`",
    "models": "what one model can do stands in models.toml; here a rule may say its own value",
    "caller": "what callers are told stands in caller.toml",
}
MOST_KEPT = 1024  # overlays that stay read
MOST_DEPTH = 32  # tables within each other in an object
MOST_NUMBER = 2**63


@dataclass(frozen=True, slots=True)
class Inline:
    """One overlay. `name`: what its places begin with; `wanted`: what it is for, () is all."""

    name: str  # "overlay", "targets[1].overlay[0]", "alias small"
    digest: str
    wanted: tuple[str, ...]
    tree: Tree = field(repr=False)
    text: str = field(default="", repr=False)  # as it is written

    def meant_for(self, mapping: str) -> bool:
        """Whether it is laid over this mapping's tables.

        >>> Inline("overlay", "", ("a/b", "c"), Tree()).meant_for("c/d")
        True
        """
        dialect = mapping.partition("/")[0]
        return not self.wanted or mapping in self.wanted or dialect in self.wanted

    def own(self, complaint: Complaint) -> Complaint | None:
        """A complaint about what it says, with the path inside the resource; None: another's."""
        at = ((keys, place) for keys, place in self.tree.lines.items() if keys)
        file = next((keys[0] for keys, place in at if place == complaint.where), "")
        if not file and complaint.where != self.name:
            return None
        path = complaint.path
        if file and path.partition(".")[0] != file:
            path = f"{file}.{path}" if path else file
        return in_resource(
            Complaint(complaint.where, path, complaint.text, complaint.idle), self.name
        )


def in_resource(complaint: Complaint, name: str) -> Complaint:
    """What `read_inline` says against `name`, with the path inside the resource.

    >>> str(in_resource(Complaint("overlay[1]:3", "request.x", "unknown key"), "overlay"))
    'overlay[1].request.x: line 3: unknown key'
    """
    place = re.match(rf"({re.escape(name)}(?:\[\d+\])?)(?::(\d+))?", complaint.where)
    own, line = place.groups() if place else (name, None)
    text = f"line {line}: {complaint.text}" if line else complaint.text
    path = f"{own}.{complaint.path}" if complaint.path else own
    return Complaint("", path, text, complaint.idle)


def read_inline(
    given: Sequence[str], name: str = "overlay", *, listed: bool = False
) -> tuple[Inline, ...]:
    """Those of one alias, each a text of TOML or of a JSON object, in the order they are laid.

    Several, and those of a list, are named `name[0]`, `name[1]` ... OperatorError with every
    complaint, `where` being `name:line` in a text and the path in an object.

    >>> [one] = read_inline(['{"values": {"stop": {"full": "length"}}}'])
    >>> one.tree.where(("values", "stop", "full"))
    'overlay.values.stop.full'
    """
    listed = listed or len(given) > 1
    names = [f"{name}[{place}]" if listed else name for place in range(len(given))]
    wrong: list[Complaint] = []
    made: list[Inline] = []
    for text, own in zip(given, names, strict=True):
        try:
            made.append(_read(text, own))
        except OperatorError as error:
            wrong += error.complaints
    if wrong:
        raise OperatorError(wrong)
    return tuple(made)


@lru_cache(MOST_KEPT)
def _read(text: str, name: str) -> Inline:
    tree = _object(text, name) if is_object(text) else toml_tree.parse_text(text, name)
    complaints = rename(tree, ())
    wanted = tree.data.pop(FOR, [])
    wanted = [wanted] if isinstance(wanted, str) else wanted
    if not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted):
        text_ = "expected a mapping or a caller dialect, or a list of them"
        complaints.append(Complaint(tree.where((FOR,)), FOR, f"{text_}, found {found(wanted)}"))
    for key in list(tree.data):
        if key not in SECTIONS:
            complaints.append(Complaint(tree.where((key,)), key, _unknown(key)))
        elif not isinstance(tree.data[key], dict):
            said = f"expected table, found {found(tree.data[key])}"
            complaints.append(Complaint(tree.where((key,)), key, said))
    if not tree.data and not complaints:
        said = f"holds no table: write one of {', '.join(SECTIONS)}"
        complaints.append(Complaint(name, "", said))
    if complaints:
        raise OperatorError(complaints)
    overlays.mark_removed(tree)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Inline(name, digest, tuple(wanted), tree, text)


def is_object(text: str) -> bool:
    """Whether a text is that of a JSON object: no TOML begins with a brace."""
    return text.lstrip()[:1] == "{"


def _unknown(key: str) -> str:
    if key in ELSEWHERE:
        return f"an alias's overlay has no `{key}`: {ELSEWHERE[key]}"
    if key.partition(".")[0] in SECTIONS:
        first, _, rest = key.partition(".")
        return f'a table in a table, not one key: {{"{first}": {{"{rest.partition(".")[0]}": ...'
    file = next((file for file in SECTIONS if key in FILE_SECTIONS.get(file, ())), "")
    hint = f' (did you mean "{file}.{key}"?)' if file else near(key, (FOR, *SECTIONS))
    return f"unknown section{hint}"


def _object(text: str, name: str) -> Tree:
    """The same of a JSON object; a key's place is its path."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise OperatorError([Complaint(name, "", f"is no JSON: {error}")]) from None
    except RecursionError:
        raise OperatorError([Complaint(name, "", "nested too deeply")]) from None
    lines: dict[Keys, str] = {(): name}
    wrong: list[Complaint] = []
    for keys, value in _every(data, ()):
        lines[keys] = ".".join((name, *keys))
        said = _no_value(value, len(keys))
        if said:
            wrong.append(Complaint(lines[keys], ".".join(keys), said))
    if wrong:
        raise OperatorError(wrong)
    return Tree(data, lines, ranks={"": 0})  # its places name no line


def _every(table: dict[str, Json], at: Keys) -> Iterator[tuple[Keys, Json]]:
    for key, value in table.items():
        yield (*at, key), value
        if isinstance(value, dict) and len(at) < MOST_DEPTH:
            yield from _every(value, (*at, key))


def _no_value(value: Json, depth: int) -> str:
    """Why a table cannot hold it; "" when it can."""
    if depth > MOST_DEPTH:
        return f"tables within each other, at most {MOST_DEPTH}"
    if value is None:
        return "null is no value of a table: leave the key out"
    if isinstance(value, float) and not math.isfinite(value):
        return "is no number that JSON has"
    if isinstance(value, int) and abs(value) > MOST_NUMBER:
        return "is too large a number"
    if isinstance(value, list):
        held = (_no_value(b, depth + 1) or _held(b, depth) for b in value)
        return next(filter(None, held), "")
    return ""


def _held(value: Json, depth: int) -> str:
    """The same of what stands in an object of a list."""
    below = value.values() if isinstance(value, dict) else ()
    return next(filter(None, (_no_value(b, depth + 2) or _held(b, depth + 2) for b in below)), "")
