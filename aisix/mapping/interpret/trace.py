"""Why every value of a result is what it is: what a traced run of the tables leaves behind.

Only a run that was asked for has a trace; nothing here is called by any other. Where values came
from is kept by `pointers.py`; here stand the rules that made them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from aisix.errors import CallerError
from aisix.mapping.interpret.pointers import (
    CHANGED,
    MOST_SOURCES,
    NO_PLACE,
    Cause,
    Done,
    Pointers,
    shown,
)
from aisix.mapping.interpret.prose import why
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.answer import Register, Row
from aisix.mapping.syntax.paths import Json, Path, Step
from aisix.mapping.syntax.rules import Condition, Find, Place, Rule

CARRIERS = ("folded", "counted")  # what was made before, and is handed on
REGISTERS = ("state", "block", "usage", "request", "let", "my")
FACTS = ("model", "option", "version")
GIVEN = ("model", "option", "alias", "upstream_model", "version", "now", "new_id", "index")


class Looks(Protocol):
    """What a rule sees (`view.py`)."""

    scope: Any
    item: Json
    at: str
    my: dict[str, Json] | None
    param: str
    pointers: tuple[str, ...]
    choices: tuple[str, ...]

    def find(self, path: Path) -> Json: ...


@dataclass(slots=True)
class RuleRun:
    """One time a rule was run, for who follows that rule."""

    rule: str
    where: str
    item: str  # pointer of what it was run on
    steps: tuple[Done, ...]
    outcome: str  # written | nothing | dropped | refused
    why: str = ""


@dataclass(slots=True)
class _Frame:
    """A rule that is being run."""

    rule: Rule
    view: Looks
    at: tuple[str, ...] = ()
    via: str = ""
    how: str = "found"
    place: Place = NO_PLACE  # the row of a value table that has just been used
    steps: list[Done] = field(default_factory=list)
    choice: tuple[str, ...] = ()
    missed: str = ""  # why it made nothing
    inner: Cause | None = None  # of the value it hands on as it is


class RuleTrace(Pointers):
    """Filled only when someone wants to know why.

    `watch`: the name of a rule whose runs are kept in `runs`.
    """

    def __init__(self, watch: str = "") -> None:
        super().__init__()
        self.alias_at: tuple[str, ...] = ()  # where the caller named the alias
        self.entered: Rule | None = None
        self.finish: Cause | None = None  # of the reason an answer ended
        self.last: Cause | None = None  # of the value the latest rule has made
        self.refused: Place | None = None
        self.doing = NO_PLACE  # what is looked at that is no rule
        self.chosen: tuple[str, ...] = ()  # what chose the row of the event at hand
        self.moments: list[Cause] = []  # what a rule has made of $now
        self.headers: list[tuple[str, Cause]] = []  # of the upstream's request
        self.rows: list[Place] = []  # rows that were run
        self.chunks: list[Json] = []  # what was sent, and the plain answer
        self.watch = watch
        self.runs: list[RuleRun] = []
        self.reached: dict[Place, int] = {}  # what has come to act: how often
        self._rowed: Looks | None = None
        self._frames: list[_Frame] = []

    # ------------------------------------------------------------------ where a path leads
    def resolve(self, view: Looks, path: Path) -> tuple[tuple[str, ...], str]:
        """(pointers of what a path found, the register it was in)."""
        root, steps = path.root, path.steps
        if root == "":
            return self._walk(view.item, steps, self._here(view.item, view.pointers))
        if root == "my":
            base: Json = view.my
        elif root == "header":
            return (f"header:{steps[0]}",) if steps else (), ""
        elif root in ("alias", "upstream_model"):
            return self.alias_at, ""
        elif root in GIVEN:
            return (), ".".join([root, *map(str, steps)]) if root in FACTS else ""
        else:
            base = view.scope.root(root)
        at, via = self._walk(base, steps, self._here(base, ()))
        if root in REGISTERS and steps:
            via = f"{root}.{steps[0]}"
        return at, via

    # ------------------------------------------------------------------ rules
    def follow(
        self, run: Callable[[Rule, Any, str], Json], rule: Rule, view: Looks, target: str
    ) -> Json:
        """Run a rule and keep why its value is what it is, in `last`."""
        frame = _Frame(rule, view, how="constant" if rule.kind == "value" else "found")
        frame.choice = self._asked(rule.guard, view)
        if not frame.choice:
            around = self._frames[-1] if self._frames else None
            inside = around is not None and around.view is view
            frame.choice = around.choice if inside and around else view.choices or self.chosen
        self._frames.append(frame)
        self.last = None
        notes = len(view.scope.notes)
        self.entered = rule
        watched = bool(self.watch) and named(rule.place.name, self.watch)
        try:
            value = run(rule, view, target)
        except CallerError as error:
            if self.refused is None:
                self.refused = frame.place if frame.place.name else rule.place
            if watched:
                self._ran(frame, "refused", f"{error.kind} at {error.param or 'the request'}")
            raise
        finally:
            self._frames.pop()
        inner = self.last if rule.kind in ("first", "largest") else frame.inner
        self.last = None
        if watched:
            self._ran(frame, *self._outcome(frame, value))
        if value is None:
            return None
        mine = (rule.place, frame.place)
        told = [n for n in view.scope.notes[notes:] if not n.quiet and n.place in mine]
        if inner is not None and len(frame.steps) <= (frame.inner is not None):
            self.last = replace(inner, told=inner.told or bool(told))
        else:
            self.last = self._line(frame, inner, value)
            if told:
                self.last = _with_loss(self.last, told[-1].old)
        return value

    def _line(self, frame: _Frame, inner: Cause | None, value: Json) -> Cause:
        rule, view = frame.rule, frame.view
        at, via, how, steps = frame.at, frame.via, frame.how, tuple(frame.steps)
        if inner is not None:
            at, via, how = inner.at, inner.via, inner.how if how == "found" else how
            steps = (*inner.steps, *steps[frame.inner is not None :])
        if type(value) in (dict, list) and value:
            at = at or ((self.at[id(value)],) if id(value) in self.at else ())
        elif how == "found" and not (at or via):
            how = "constant"
        place = frame.place if frame.place.name else rule.place
        said = inner.why if inner is not None else why(rule, frame.how, frame.steps)
        was = steps[0][1] if steps and how in CHANGED else None
        given = view.param, how, at, frame.choice, via, steps
        return Cause(value, said, place, *given, was=was)

    def found(self, view: Looks, path: Path, value: Json) -> None:
        """What the first path of a rule that led anywhere has found."""
        frame = self._frames[-1]
        frame.at, frame.via = self.resolve(view, path)
        if path.root == "finish" and self.finish is not None and self.finish.value is value:
            frame.inner = self.finish
        elif path.root in CARRIERS:
            above = paths.get(view.scope.root(path.root), path.steps[:-1])
            frame.inner = self.made.get((id(above), path.steps[-1])) if path.steps else None
        elif path.root == "null":
            frame.how = "constant"
        elif path.root in GIVEN:
            frame.how = "looked up"
        elif path.root in REGISTERS and path.steps:
            registers = view.my if path.root == "my" else view.scope.root(path.root)
            line = self.made.get((id(registers), path.steps[0]))
            if line is not None:  # what it was made by before it got there
                frame.how = line.how
                frame.steps += line.steps
        if path.root == "" and frame.how == "found" and id(view.item) in self.remade:
            frame.how = "rewritten"
        frame.steps.append((f"found {path.text}", shown(value)))

    def found_by(self, view: Looks, find: Find, value: Json, said: str) -> None:
        """An item of a list has been found by its key."""
        frame = self._frames[-1]
        frame.at = self._here(value, self.resolve(view, find.among)[0])
        frame.choice = (*frame.choice, *self.resolve(view, find.equals)[0])
        frame.steps.append((said, shown(value)))

    def summed(self, view: Looks, found: Sequence[Path]) -> None:
        """Several paths were counted together."""
        frame = self._frames[-1]
        for path in found:
            if view.find(path) is not None:
                at, via = self.resolve(view, path)
                frame.at, frame.via = (*frame.at, *at)[:MOST_SOURCES], via

    def step(self, what: str, value: Json, how: str = "") -> None:
        """Something was done to the value of the rule at hand. `how`: what that makes of it."""
        frame = self._frames[-1]
        frame.steps.append((what, shown(value)))
        if how:
            frame.how = how

    def part(self, value: Json) -> None:
        """What a part of the rule at hand adds to a list."""
        if self.last is not None:
            for item in value if type(value) is list else [value]:
                if type(item) is dict and id(item) not in self.built:
                    self.keep.append(item)
                    self.lined[id(item)] = self.last

    def looked_up(self, place: Place, value: Json) -> None:
        """A row of a value table says what it is."""
        self.step(f"table {place.name}", value, "table")
        self._frames[-1].place = Place(place.file_line, f"values.{place.name}")

    def _asked(self, guard: Condition | None, view: Looks) -> tuple[str, ...]:
        """The pointers of what a condition looked at."""
        if guard is None:
            return ()
        there = (test.path for test in guard.tests if view.find(test.path) is not None)
        found = [at for path in there for at in self.resolve(view, path)[0]]
        return tuple(dict.fromkeys(found))[:MOST_SOURCES]

    # ------------------------------------------------------------------ one rule, watched
    def _ran(self, frame: _Frame, outcome: str, said: str) -> None:
        item = (*self._here(frame.view.item, frame.view.pointers), "")[0]
        place = frame.rule.place
        self.runs.append(
            RuleRun(place.name, place.file_line, item, tuple(frame.steps), outcome, said)
        )

    def _outcome(self, frame: _Frame, value: Json) -> tuple[str, str]:
        rule, view = frame.rule, frame.view
        if value is not None:
            return "written", ""
        if frame.missed:
            return "nothing", frame.missed
        if rule.policy and frame.steps:
            return "dropped", f'policy = "{rule.policy}"'
        if frame.steps:
            return "nothing", f"nothing was left after {frame.steps[-1][0]}"
        there = [p.text for p in rule.paths if view.find(p) is not None]
        if there:
            return "nothing", f"{there[0]} is there, but not {' or '.join(rule.only)}"
        if rule.kind == "from":
            return "nothing", f"nothing at {', '.join(p.text for p in rule.paths)}"
        return "nothing", "none of its parts made anything"

    def misses(self, why: str) -> None:
        """The rule at hand makes nothing."""
        self._frames[-1].missed = why

    def reach(self, place: Place) -> None:
        """A rule, shape, row or word of a value table has come to act."""
        self.reached[place] = self.reached.get(place, 0) + 1

    # ------------------------------------------------------------------ shapes and rows
    def child(self, item: Json, number: int | None) -> tuple[str, ...]:
        """The pointers of an item of the value of the rule at hand."""
        if type(item) in (dict, list) and id(item) in self.at:
            return (self.at[id(item)],)
        if id(item) in self.built:  # what was made of one thing has no other beside it
            return (self.built[id(item)][0],)
        frame = self._frames[-1] if self._frames else None
        at = frame.at if frame is not None else ()
        if frame is not None and frame.how == "rewritten":
            self.keep.append(item)
            self.remade.add(id(item))
        if number is None or frame is None or len(frame.steps) > 1:
            return at
        if type(item) is str and id(item) in self.texts:
            return (self.texts[id(item)],)
        if len(at) == 1:
            return (f"{at[0]}/{number}",)
        return (at[number],) if number < len(at) else at

    def chose(self, view: Looks, guard: Condition | None, by: Path | None = None) -> None:
        """What an item says of itself has chosen its shape."""
        found = self._asked(guard, view) if by is None else self.resolve(view, by)[0]
        if found:
            view.choices = found

    def row(self, view: Looks, by: Path | None, guard: Condition | None = None) -> None:
        """What chose the row of an event, or a more exact one of its rows."""
        found = self.resolve(view, by)[0] if by is not None else self._asked(guard, view)
        more = (*self.chosen, *found) if self._rowed is view else found
        self._rowed, self.chosen = view, tuple(dict.fromkeys(more))[:MOST_SOURCES]

    def acts(self, row: Row) -> None:
        """The row that was chosen."""
        self.rows.append(row.place)
        self.reach(row.place)

    def shaped(self, made: dict[str, Json], view: Looks, place: Place) -> None:
        """An object a shape has made of an item."""
        self.origin.setdefault(id(made), view.at)
        self.keep.append(made)
        at = self._here(view.item, view.pointers)
        if at and id(made) not in self.at:
            self.built.setdefault(id(made), (at[0], place))

    def sends(self, header: str) -> None:
        """The latest value goes into a header."""
        if self.last is not None:
            self.headers.append((header, self.last))

    def losses(self, loud: Sequence[Place]) -> None:
        """The first loss is what a strict alias refuses."""
        self.refused = next(iter(loud), None)

    def remember(self, kept: dict[str, Json], name: str, at: tuple[str, ...]) -> None:
        """What the answer's tables may ask of the request, and where it stands there."""
        self.keep.append(kept)
        self.made[id(kept), name] = Cause(None, "", NO_PLACE, at=at, via=f"request.{name}")

    def for_answer(self, watch: str) -> RuleTrace:
        """A fresh trace that knows of the request what this one does."""
        trace = RuleTrace(watch)
        trace.keep = self.keep
        trace.alias_at = tuple(f"request:{at}" for at in self.alias_at)
        trace.at = {one: f"request:{at}" for one, at in self.at.items()}
        return trace

    # ------------------------------------------------------------------ what is written
    def wrote(self, node: Json, steps: tuple[Step, ...]) -> None:
        """The latest value has been put there."""
        parent = paths.get(node, steps[:-1]) if len(steps) > 1 else node
        if self.last is not None and type(parent) in (dict, list):
            self.keep.append(parent)
            self.made[id(parent), steps[-1]] = self.last

    def numbered(self, chunk: dict[str, Json], field: str, place: Place) -> None:
        """A chunk has been given its number in the stream."""
        self.last = Cause(chunk[field], "", place, how="constant")
        self.wrote(chunk, (field,))

    def holds_in(self, registers: dict[str, Json], kind: str, name: str) -> None:
        """A register has been set to the latest value."""
        if self.last is not None:
            self.keep.append(registers)
            self.made[id(registers), name] = replace(self.last, via=f"{kind}.{name}")

    def adds_to(
        self,
        registers: dict[str, Json],
        register: Register,
        view: Looks,
        path: Path | None,
        how: str = "found",
    ) -> None:
        """A register has got more: a text, an item, a number."""
        at = self.resolve(view, path)[0] if path is not None else ()
        via = ".".join(register)
        self.more(registers, register[1], Cause("", "", NO_PLACE, "", how, at, self.chosen, via))


def _with_loss(line: Cause, old: Json) -> Cause:
    """A value with which something of the caller's was lost."""
    if line.how in ("found", "constant"):
        return replace(line, told=True, how="rewritten", was=shown(old))
    return replace(line, told=True)


def named(name: str, asked: str) -> bool:
    """Whether a rule is the one asked for, or below it."""
    return name == asked or name.startswith(f"{asked}.")
