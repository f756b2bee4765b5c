"""What became of each field: links between a result and what it was made of, by a trace.

    found = Links(trace); found.walk(result); found.lost(notes, caller_body)
    found.links      every link, in the order of the result
    found.entries    the same as lines for a terminal: a field, its value, why, file:line

A link on an object covers what is below it unless a deeper link exists. Pointers are those of
`interpret/pointers.py`. No input or output.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from aisix.mapping.interpret.pointers import NO_PLACE, Cause, Done, items, shown, token
from aisix.mapping.interpret.scope import NULL, Note
from aisix.mapping.interpret.trace import RuleTrace
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.paths import Json
from aisix.mapping.syntax.rules import Place

AS_IT_CAME = "as it came"
DROPPED = frozenset(("dropped", "unknown"))


@dataclass(frozen=True, slots=True)
class Link:
    """`out`: a pointer into the result, None when nothing of it is there; `at`, `choice`: pointers
    to what it was made of, and to what decided that this rule ran."""

    out: str | None
    place: Place
    how: str  # found, default, constant, looked up, table, clamped, rewritten, dropped, ...
    at: tuple[str, ...] = ()
    choice: tuple[str, ...] = ()
    was: Json = None
    told: bool = False
    via: str = ""
    steps: tuple[Done, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One line: where the result has it, the value, why, "file:line", pointers of the source."""

    target: str
    value: Json
    why: str
    where: str
    source: str = ""


@dataclass(slots=True)
class Links:
    trace: RuleTrace
    whole: bool = False  # lines stop at what one rule wrote whole
    links: list[Link] = field(default_factory=list)
    entries: list[ReportLine] = field(default_factory=list)

    def walk(self, node: Json, out: str = "", target: str = "") -> None:
        """Every field of what was built."""
        here, cover = self._here(node), self.trace.lined.get(id(node))
        if cover is not None:
            self._add(out, cover)
        elif here is not None:
            cover = self._add(out, Cause(node, AS_IT_CAME, here[1], at=(here[0],)))
        self.entries += self._below(node, out, target, cover)

    def _below(self, node: Json, out: str, target: str, cover: Cause | None) -> list[ReportLine]:
        """The fields of an object or list; `cover` says why those are there that have no line."""
        lines: list[ReportLine] = []
        at = self.trace.at.get(id(node))
        for key, value in items(node) if type(node) in (dict, list) else ():
            name = f"{target}[{key}]" if type(node) is list else f"{target}.{key}".lstrip(".")
            pointer = f"{out}/{token(key)}"
            line = self.trace.made.get((id(node), key)) or self.trace.lined.get(id(value))
            if line is not None:
                self._add(pointer, line)
            own = line or cover
            here = self._here(value)
            moved = here is not None and here[0] != f"{at}/{token(key)}"
            if here is not None and (moved if line is None else _elsewhere(line, here[0], value)):
                place = here[1] if here[1].name or own is None else own.place
                own = self._add(pointer, Cause(value, AS_IT_CAME, place, at=(here[0],)))
            filled = type(value) in (dict, list) and len(value) > 0
            below = self._below(value, pointer, name, own) if filled else []
            if below and (not self.whole or self._made_below(value)):
                lines += below
            else:
                lines.append(entry(name, value, own))
        return lines

    def _here(self, node: Json) -> tuple[str, Place] | None:
        """The pointer of an object, list or text that came so, and the shape that rebuilt it."""
        if type(node) is str:
            at = self.trace.texts.get(id(node))
        elif type(node) in (dict, list):
            at = self.trace.at.get(id(node))
        else:
            return None
        return (at, NO_PLACE) if at is not None else self.trace.built.get(id(node))

    def _made_below(self, node: Json) -> bool:
        """Whether rules have written into an object or list, or into one of its items."""
        for key, value in items(node):
            if (id(node), key) in self.trace.made:
                return True
            if type(value) in (dict, list) and self._made_below(value):
                return True
        return False

    def _add(self, out: str | None, line: Cause) -> Cause:
        self.links.append(
            Link(
                out,
                line.place,
                line.how,
                line.at,
                tuple(at for at in line.choice if at not in line.at),
                line.was,
                line.told,
                line.via,
                tuple(step for step in line.steps if step[0] != "pieces"),
            )
        )
        return line

    # ------------------------------------------------------------------ what is not there
    def lost(self, notes: Iterable[Note], document: Json) -> None:
        """What was dropped, and every note as a line."""
        known = {link.place for link in self.links}
        for note in notes:
            if note.how == "inserted" and (not note.param or note.place in known):
                continue  # the field itself says it
            at = pointer_of(document, note.param) if note.param else ""
            if note.part and at is not None:
                below = paths.get(document, steps_of(document, note.param) or ())
                at = (
                    f"{at}/{token(note.part)}" if type(below) is dict and note.part in below else at
                )
            if note.how in DROPPED and note.new is None:
                self.links.append(
                    Link(
                        *(None, note.place, "dropped", (at,) if at else ()),
                        was=shown(note.old),
                        told=not note.quiet,
                    )
                )
            self.entries.append(_note(note, at or ""))


def _elsewhere(line: Cause, here: str, value: Json) -> bool:
    """Whether a value came from a place that its line does not name."""
    return not line.at if type(value) is str else line.at != (here,)


def entry(target: str, value: Json, line: Cause | None) -> ReportLine:
    """A field of the result as a line."""
    if line is None:
        return ReportLine(target, value, "as the upstream said it", "")
    pieces = dict(line.steps).get("pieces", 1)
    why = line.why + (
        f" (the first of {pieces} chunks)" if type(pieces) is int and pieces > 1 else ""
    )
    value = None if value is NULL else value
    return ReportLine(target, value, why, line.place.file_line, _sources(line))


def _sources(line: Cause) -> str:
    more = f" and {len(line.at) - 2} more" if len(line.at) > 2 else ""
    via = f" by {line.via}" if line.via else ""
    return (", ".join(line.at[:2]) + more + via) if line.at else line.via


def _note(note: Note, at: str) -> ReportLine:
    quiet = " (quietly)" if note.quiet else ""
    change = note.how + quiet
    if note.new is not None and note.old is not None:
        change += f", was {_brief(note.old)}"
    if note.place.name:
        change += f" by {note.place.name}"
    value = note.new if note.new is not None else note.old
    name = f"{note.param}.{note.part}" if note.part else note.param
    return ReportLine(f"({note.how}) {name}", value, change, note.place.file_line, at)


def _brief(value: Json) -> str:
    said = shown(value)
    text = f'"{said}"' if type(said) is str else str(said)
    return text if len(text) <= 40 else text[:37] + "..."


# ---------------------------------------------------------------- pointers of dotted paths
def steps_of(document: Json, dotted: str) -> tuple[paths.Step, ...] | None:
    """The keys on the way to a dotted path, of which some may hold dots themselves."""
    if not dotted or dotted == ".":
        return ()
    for key in sorted(document, key=len, reverse=True) if type(document) is dict else ():
        if dotted == key or dotted.startswith((f"{key}.", f"{key}[")):
            below = steps_of(document[key], dotted[len(key) :].removeprefix("."))
            if below is not None:
                return (key, *below)
    if type(document) is list and dotted.startswith("["):
        number, _, rest = dotted[1:].partition("]")
        if number.isdigit() and int(number) < len(document):
            below = steps_of(document[int(number)], rest.removeprefix("."))
            return None if below is None else (int(number), *below)
    return None


def pointer_of(document: Json, dotted: str) -> str | None:
    """The pointer of a dotted path in a document; of what is not there, that of its parent."""
    while dotted:
        steps = steps_of(document, dotted)
        if steps is not None:
            return "".join(f"/{token(step)}" for step in steps)
        cut = max(dotted.rfind("."), dotted.rfind("["))
        dotted = dotted[:cut] if cut > 0 else ""
    return None


def leaves(node: Json, out: str = "") -> Iterator[tuple[str, Json]]:
    """Every plain value of a document, with its pointer."""
    if type(node) in (dict, list) and node:
        for key, value in items(node):
            yield from leaves(value, f"{out}/{token(key)}")
    else:
        yield out, node
