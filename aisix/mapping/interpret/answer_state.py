"""One answer's state, and what its rules may ask for by `$name`: registers, counters, facts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any

from aisix.mapping.interpret.fold import Numbers, add_up
from aisix.mapping.interpret.forms import PlainForm, StreamForm
from aisix.mapping.interpret.scope import NOWHERE, NULL, Facts, Note
from aisix.mapping.interpret.trace import RuleTrace
from aisix.mapping.syntax.answer import AnswerTables, KnownFields, Register
from aisix.mapping.syntax.budget import Budget
from aisix.mapping.syntax.paths import Json
from aisix.mapping.syntax.rules import Place

NEVER = object()  # no register is this
MOST_LOSSES = MOST_UNKNOWN = 32  # an upstream may make up any number of names
LONGEST_UNKNOWN = 80  # characters of one


class AnswerScope:
    """What answer rules may ask for by `$name`."""

    body: dict[str, Json] = MappingProxyType({})  # type: ignore[assignment]
    trace: RuleTrace | None = None
    extra: dict[str, Json] = body
    given: dict[str, Json] = body  # by the row whose chunks are made
    item: Json = None  # these two: what a verb of the compiled form is looking at
    spot: tuple[str, Place] = NOWHERE
    lists: dict[int, list[Json]] = MappingProxyType({})  # type: ignore[assignment]  # those `more` has made, by id()
    names: Sequence[Json] = ()  # what a call of this answer may be called
    losses: frozenset[tuple[str, str, str]] = frozenset()  # what `lost` has told: how, about, rule

    def __init__(
        self,
        facts: Facts,
        remember: dict[str, Json],
        now: int,
        new_id: Callable[[], str],
        wants_usage: bool = False,
    ) -> None:
        self.facts = facts
        self.remember = remember
        self.now = now
        self.new_id = new_id
        self.wants_usage = wants_usage
        self.state: dict[str, Json] = {}
        self.usage: dict[str, Json] = {}
        self.block: dict[str, Json] = {}
        self.notes: list[Note] = []

    @cached_property
    def indexes(self) -> dict[Any, Any]:
        """Of lists that items are looked up in: see find.py."""
        return {}

    @cached_property
    def budget(self) -> Budget:
        """What translating the answer may cost; most have nothing that is charged."""
        return Budget()

    def tell(self, how: str, name: str = "") -> None:
        """A verb's own word for what it did."""
        self.lost(how, *self.spot, name)

    def lost(self, how: str, about: str, place: Place, part: str = "") -> None:
        """A loss of the answer, told once however often it comes; of very many the first few."""
        loss = (how, f"{about} {part}", place.name)
        if loss not in self.losses and len(self.losses) < MOST_LOSSES:
            self.losses = self.losses | {loss}
            self.notes.append(Note(how, about, place, part=part))

    def more(self, old: Sequence[Json] | None, items: Sequence[Json]) -> list[Json]:
        """A list with more items: the same one where it is this answer's own, else a copy."""
        mine = self.lists.get(id(old))
        if mine is old and mine is not None:
            mine += items
            return mine
        made = [*(old or ()), *items]
        if not self.lists:
            self.lists = {}  # its own: most answers have none
        self.lists[id(made)] = made
        return made

    def take(self, counters: dict[str, Json]) -> None:
        """Counters that came overwrite what was there; nothing and zero are no count."""
        merge(self.usage, counters)

    def unread(self, found: dict[str, Json], rest: KnownFields) -> None:
        """An object with a field that is not known: a loss when it holds something."""
        for name, value in found.items():
            if value and name not in rest.known:
                self.lost(rest.told, name, rest.place)

    def root(self, name: str) -> Json:
        match name:
            case "state":
                return self.state
            case "block":
                return self.block
            case "usage":
                return self.usage
            case "given":
                return self.given
            case "request":
                return self.remember
            case "alias":
                return self.facts.alias
            case "upstream_model":
                return self.facts.upstream_model
            case "now":
                return self.now
            case "new_id":
                return self.new_id()
            case "null":
                return NULL
            case "option":
                return self.facts.option
            case "model":
                return self.facts.model
            case "wants_usage":
                return self.wants_usage
        return self.extra.get(name)


def grow(registers: dict[str, Json], name: str, text: str) -> None:
    """Adds to a text that nothing else holds meanwhile, so that it grows where it is."""
    whole = registers.pop(name, "")
    whole += text
    registers[name] = whole


def merge(usage: dict[str, Json], counters: dict[str, Json]) -> None:
    for name, value in counters.items():
        if value is None:
            continue
        old = usage.get(name)
        if type(value) is dict and type(old) is dict:
            usage[name] = old = dict(old)  # the event's own stays as it came
            merge(old, value)
        elif old is None or (value > 0 if type(value) in (int, float) else value):
            usage[name] = value


class AnswerState:
    """What is known of one answer so far: registers, blocks, counters, how it ended.

    Held apart from the machine (`Answering`) that runs rows over it, so that what works on a part
    of it (`blocks`, `continuation`) need not know the machine.
    """

    tables: AnswerTables
    scope: AnswerScope
    form: StreamForm | None = None
    frame = "{data}"
    raw: dict[Json, dict[str, Json]] | None = None  # blocks of a turn that may be paused
    unknown: Sequence[str] = ()  # things no row knows, for a metric: each once
    made: dict[str, Json] | None = None  # what the plain form has made
    plain_form: PlainForm | None = None
    head = tail = b""  # the bytes of every chunk around its delta, made for `key`
    key: Json = NEVER
    started = ended = pinged = False
    failed: Json = None
    offset = 0  # blocks of earlier rounds of a paused turn
    rounds = 0
    past_usage: dict[str, Json] = MappingProxyType({})  # type: ignore[assignment]

    def reset(self) -> None:
        """As it is before anything of the answer was seen."""
        scope = self.scope
        scope.state = dict(self.tables.state)
        scope.usage, scope.block, scope.notes = {}, {}, []
        scope.losses = frozenset()
        scope.lists = AnswerScope.lists
        self.started = self.ended = self.pinged = False
        self.unknown = ()
        self.blocks: dict[Json, dict[str, Json]] = {}
        self.open: set[int] = set()  # numbers of blocks that have begun and not ended
        self.folded: dict[str, Json] = {}  # a plain answer's deltas, put together
        self.grown: dict[Json, dict[str, Json]] = {}  # or its blocks
        self.said: dict[str, Json] = {}  # a plain answer that goes on as it is
        self.said_before: list[Json] = []  # blocks of earlier rounds

    @cached_property  # few answers fold lists
    def numbers(self) -> Numbers:
        """Where the items of `folded`, or of what a compiled form folds, stand by number."""
        return Numbers()

    def new_block(self, number: int) -> dict[str, Json]:
        """The registers of a block that begins."""
        made = self.blocks[number] = {"index": number + self.offset}
        return made

    def not_known(self, what: str) -> None:
        """No row knows this; of very many such things the first few."""
        told = what[:LONGEST_UNKNOWN]
        if len(self.unknown) < MOST_UNKNOWN and told not in self.unknown:
            self.unknown = [*self.unknown, told]

    def registers(self, register: Register) -> dict[str, Json]:
        """Those it is one of: the answer's, or the block's of the event at hand."""
        return self.scope.state if register[0] == "state" else self.scope.block

    def register(self, register: Register, default: Any) -> Any:
        return self.registers(register).get(register[1], default)

    def put(self, register: Register, value: Json) -> None:
        registers = self.registers(register)
        if value is NULL:
            registers.pop(register[1], None)
        else:
            registers[register[1]] = value

    def grow(self, register: Register, text: str) -> None:
        """Adds to a text."""
        grow(self.registers(register), register[1], text)

    def used(self) -> dict[str, Json]:
        """The upstream's counters, of every round of a paused turn."""
        return add_up(self.past_usage, self.scope.usage) if self.past_usage else self.scope.usage
