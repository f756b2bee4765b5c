"""Where every value of a result came from, kept beside it: documents that are read, what moves.

A *pointer* is RFC 6901 into the document that was read: the caller's request or a plain answer
("/messages/0/role"), event 8 of a stream ("#8/delta/text"), the request an answer belongs to
("request:/model"), a header ("header:anthropic-beta"). Objects and lists are followed by identity,
through every pass that moves them; a plain value by the object and key it was written to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aisix.mapping.syntax import paths
from aisix.mapping.syntax.answer import NUMBER, Accumulate
from aisix.mapping.syntax.paths import Json, Path, Step
from aisix.mapping.syntax.rules import Adjust, Arrange, Place

Spot = tuple[int, Step]  # id of an object or list, and the key in it
Done = tuple[str, Json]  # one thing done to a value: what, and what it was then
MOST_SOURCES = 64  # pointers of one value: a text of very many pieces has the first
LONGEST_SHOWN = 300  # characters of a value in a step
NO_PLACE = Place("", "")
MENDED = "mended"
CHANGED = ("clamped", "table", "rewritten")


@dataclass(frozen=True, slots=True)
class Cause:
    """Why one value of a result is what it is."""

    value: Json
    why: str
    place: Place
    source: str = ""  # the caller's path, in words
    how: str = "found"
    at: tuple[str, ...] = ()  # pointers to what it was made of
    choice: tuple[str, ...] = ()  # and to what decided that this rule ran
    via: str = ""  # the register that carried it: "state.id"
    steps: tuple[Done, ...] = ()
    told: bool = False
    was: Json = None  # before a step changed it


class Pointers:
    """`at` maps id(object that was read) -> pointer, `built` id(object that was made) -> (pointer
    of what it was made of, place), `origin` id(built object) -> caller path, `made` each spot of a
    result -> its line."""

    def __init__(self) -> None:
        self.at: dict[int, str] = {}
        self.built: dict[int, tuple[str, Place]] = {}
        self.origin: dict[int, str] = {}
        self.made: dict[Spot, Cause] = {}
        self.texts: dict[int, str] = {}  # id of a text that was read -> pointer
        self.lined: dict[int, Cause] = {}  # objects that were put into a list -> their line
        self.remade: set[int] = set()  # ids of values that a verb has made
        self.keep: list[Json] = []  # objects whose id stands above
        self.document: Json = None  # the event that was read last, as it came
        self.prefix = ""  # and what its pointers begin with

    # ------------------------------------------------------------------ documents
    def read(self, node: Json, prefix: str = "") -> None:
        """Learn the pointers of a document."""
        if type(node) is str and len(node) > 1:
            self.texts[id(node)] = prefix
            self.keep.append(node)
        elif type(node) in (dict, list):
            self.at[id(node)] = prefix
            self.keep.append(node)
            for key, value in items(node):
                self.read(value, f"{prefix}/{token(key)}")

    def event(self, event: dict[str, Json], by: Path, mend: Place) -> None:
        """An event of a stream, before any row sees it. `mend`: the rules that may have changed it
        since it came; one that they made up has no pointers but of what it took from that."""
        came = self.document
        self.keep.append(event)
        if type(came) is dict and by.get(event) == by.get(came):
            self._compare(event, self.prefix, came, mend)
            return
        self.lined[id(event)] = Cause(event, MENDED, mend, how="inserted", choice=(self.prefix,))
        for key, value in event.items():
            if type(came) is dict and type(value) in (dict, list) and came.get(key) == value:
                self.read(value, f"{self.prefix}/{token(key)}")

    def mended(self, event: dict[str, Json], mend: Place) -> None:
        """The same event, changed once more."""
        if id(event) in self.at:
            self._compare(event, self.prefix, self.document, mend, again=True)

    def _compare(self, node: Json, at: str, came: Json, mend: Place, again: bool = False) -> None:
        """The pointers of what is as it came; what is not was put there."""
        if type(node) is str:
            if len(node) > 1 and node == came:
                self.texts[id(node)] = at
                self.keep.append(node)
        elif type(node) in (dict, list) and type(node) is type(came):
            if again and id(node) not in self.at:
                return
            self.at[id(node)] = at
            self.keep.append(node)
            for key, value in items(node):
                below = paths.get(came, (key,))
                if below is None and value is not None:
                    line = Cause(value, MENDED, mend, how="inserted", choice=(at,))
                    self.made[id(node), key] = line
                else:
                    self._compare(value, f"{at}/{token(key)}", below, mend, again)

    def taken(
        self,
        event: dict[str, Json],
        fields: Sequence[tuple[str, Json | Path]],
        source: dict[str, Json],
    ) -> dict[str, Json]:
        """An event that fields of a plain answer were put into."""
        self.keep.append(event)
        for key, value in fields:
            if isinstance(value, Path) and event.get(key) is not None:
                at = self._walk(source, value.steps, self._here(source, ()))[0]
                self.made[id(event), key] = Cause(event[key], "", NO_PLACE, at=at)
        return event

    def piece(
        self,
        piece: dict[str, Json],
        event: dict[str, Json],
        sources: Sequence[Path],
        parts: Sequence[Path],
    ) -> None:
        """One thing of an event that holds several."""
        self.keep.append(piece)
        value = piece.get("value")
        for path in sources:
            for steps in [p.steps for p in parts] if path.root else [()]:
                found: Json = paths.get(event, (*steps, *path.steps))
                if found is None or (found is not value and type(found) is not list):
                    continue
                at = self._walk(event, (*steps, *path.steps), self._here(event, ()))[0]
                if found is not value:
                    listed: Any = found
                    number = next((n for n in range(len(listed)) if listed[n] is value), None)
                    if number is None:
                        continue
                    at = tuple(f"{one}/{number}" for one in at)
                self.made[id(piece), "value"] = Cause(value, "", NO_PLACE, at=at)
                return

    def _here(self, node: Json, given: tuple[str, ...]) -> tuple[str, ...]:
        known = self.at.get(id(node)) if type(node) in (dict, list) else None
        return given if known is None else (known,)

    def _walk(
        self, node: Json, steps: tuple[Step, ...], at: tuple[str, ...]
    ) -> tuple[tuple[str, ...], str]:
        """(pointers of what stands at `steps` of a node whose own are `at`, the register). Below
        what was made of something, all is of that."""
        via = ""
        for number, step in enumerate(steps):
            if step is None:
                return self._collected(node, steps[number + 1 :], at), via
            if type(node) is list and type(step) is int and step < 0:
                step += len(node)
            line = self.made.get((id(node), step))
            if line is not None:
                at, via = line.at, line.via
            elif id(node) in self.at:
                at = (f"{self.at[id(node)]}/{token(step)}",)
            node = paths.get(node, (step,))
            at = self._here(node, at)
            if line is None and type(node) is str and id(node) in self.texts:
                at = (self.texts[id(node)],)
        return at, via

    def _collected(
        self, node: Json, rest: tuple[Step, ...], at: tuple[str, ...]
    ) -> tuple[str, ...]:
        """The pointers of what a path with "[]" has found, one for each."""
        out: list[str] = []
        listed: Any = node if type(node) is list else ()
        for number, item in enumerate(listed):
            if not rest or paths.get(item, rest) is not None:
                below = self._walk(node, (number,), at)[0]
                out += self._walk(item, rest, self._here(item, below))[0]
            if len(out) >= MOST_SOURCES:
                break
        return tuple(out[:MOST_SOURCES])

    # ------------------------------------------------------------------ what is moved
    def counts(self, usage: dict[str, Json], counters: dict[str, Json]) -> None:
        """Counters that came."""
        self.keep.append(usage)
        for name in counters:
            at, _ = self._walk(counters, (name,), self._here(counters, ()))
            self.copied(counters[name], usage.get(name))
            if at and usage.get(name) == counters[name]:
                self.made[id(usage), name] = Cause(None, "", NO_PLACE, at=at, via=f"usage.{name}")

    def copied(self, old: Json, new: Json) -> None:
        """The same in objects of its own."""
        if type(old) is not type(new) or type(old) not in (dict, list) or old is new:
            return
        self.keep += (old, new)
        if id(old) in self.at:
            self.at[id(new)] = self.at[id(old)]
        if id(old) in self.built:
            self.built[id(new)] = self.built[id(old)]
        if id(old) in self.lined:
            self.lined[id(new)] = self.lined[id(old)]
        if id(old) in self.origin:
            self.origin.setdefault(id(new), self.origin[id(old)])
        for key, value in items(old):
            if (id(old), key) in self.made:
                self.made[id(new), key] = self.made[id(old), key]
            self.copied(value, paths.get(new, (key,)))

    def folded(self, whole: dict[str, Json], delta: dict[str, Json]) -> None:
        """A chunk has been put together with those before it (`fold`)."""
        self.keep += (whole, delta)
        for key, value in delta.items():
            mine = whole.get(key)
            if type(value) is dict and type(mine) is dict:
                self.folded(mine, value)
            elif type(value) is list and type(mine) is list:
                for item in value:
                    if type(item) is dict and mine:
                        one = _numbered(mine, item)
                        self.folded(one, item)
            if (id(delta), key) in self.made:
                self.more(whole, key, self.made[id(delta), key])

    def accumulated(
        self, blocks: dict[Json, dict[str, Json]], chunk: dict[str, Json], how: Accumulate
    ) -> None:
        """A block of a plain answer has got what a chunk brought (`accumulate.add`)."""
        block = blocks.get(how.number.get(chunk))
        begun, word = how.begin.get(chunk), how.by.get(chunk)
        if block is None:
            return
        if type(begun) is dict:
            self.copied(begun, block)
            return
        for key, _, path in how.rows.get(word, ()) if type(word) is str else ():
            if paths.get(chunk, path.steps) is not None:
                at, via = self._walk(chunk, path.steps, ())
                line = self.made.get((id(paths.get(chunk, path.steps[:-1])), path.steps[-1]))
                self.more(block, key, line or Cause(None, "", NO_PLACE, at=at, via=via))

    def more(self, node: dict[str, Json], key: Step, line: Cause) -> None:
        """What stands there has got more of the kind."""
        self.keep.append(node)
        old = self.made.get((id(node), key))
        if old is None or not (old.at or old.value not in ("", None)):
            self.made[id(node), key] = line
        else:
            at = tuple(dict.fromkeys((*old.at, *line.at)))[:MOST_SOURCES]
            pieces = dict(old.steps).get("pieces", 1)
            steps = (("pieces", pieces + 1 if type(pieces) is int else 2),)
            self.made[id(node), key] = replace(old, at=at, steps=steps)

    # ------------------------------------------------------------------ passes
    def leaves(self, node: Json) -> dict[Spot, Json]:
        """Every plain value below, to see afterwards what a pass has changed."""
        out: dict[Spot, Json] = {}
        if type(node) in (dict, list):
            self.keep.append(node)
            for key, value in items(node):
                if type(value) in (dict, list):
                    out |= self.leaves(value)
                elif type(node) is dict:
                    out[id(node), key] = value
        return out

    def changed(self, before: dict[Spot, Json], node: Json, step: Arrange | Adjust) -> None:
        """What a pass or a correction has put there is said to be its work."""
        moved = {id(v): spot for spot, v in before.items() if type(v) is str and len(v) > 1}
        why = f"{step.verb} ({step.name})"
        for spot, value in self.leaves(node).items():
            if spot in before and before[spot] == value:
                continue
            old = self.made.get(moved.get(id(value), spot))
            if old is not None and id(value) in moved:  # only somewhere else
                self.made[spot] = replace(old, steps=(*old.steps, (why, shown(value))))
                continue
            at = old.at if old is not None else ()
            how = "rewritten" if spot in before else "inserted"
            was = shown(before.get(spot))
            steps = ((why, shown(value)),)
            self.made[spot] = Cause(value, why, step.place, "", how, at, steps=steps, was=was)


def _numbered(items: list[Json], item: dict[str, Json]) -> Json:
    """The item of a list that a delta of it has become part of."""
    number = item.get(NUMBER)
    there = items[number] if type(number) is int and 0 <= number < len(items) else None
    if type(there) is dict and there.get(NUMBER) == number:
        return there
    same = (one for one in items if type(one) is dict and one.get(NUMBER) == number)
    return items[-1] if number is None else next(same, items[-1])


def shown(value: Json) -> Json:
    """A value as a step shows it: objects and lists by their size."""
    if type(value) is str and len(value) > LONGEST_SHOWN:
        return value[: LONGEST_SHOWN - 1] + "…"
    if type(value) is dict:
        return {"fields": len(value)} if value else {}
    if type(value) is list:
        return {"items": len(value)} if value else []
    return value if type(value) in (str, int, float, bool) else None


def items(node: Any) -> Iterator[tuple[Any, Json]]:
    """The keys of an object or the numbers of a list, with what stands there."""
    return iter(node.items()) if type(node) is dict else iter(enumerate(node))


def token(key: Step) -> str:
    """A key as a word of a JSON pointer."""
    return str(key).replace("~", "~0").replace("/", "~1")
