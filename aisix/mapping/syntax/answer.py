"""What answer.toml says, typed: made by `parse/answer.py`, run by `interpret/answer.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from aisix.mapping.syntax import paths
from aisix.mapping.syntax.mending import BlockMends, ChoiceMends
from aisix.mapping.syntax.paths import Json, Path
from aisix.mapping.syntax.rules import Condition, Place, Rule, Shape

NUMBER = "index"  # tells which item of a list a delta belongs to
Register = tuple[str, str]  # ("state" or "block", name)
Parts = tuple[tuple[str, str, Path], ...]  # (field of the block, "" | json | list, path of a delta)


class Metered(NamedTuple):
    """The gateway's own counters of tokens, and what each counts."""

    input: str = "tokens read, without those of a cache"
    output: str = "tokens written"
    cache_read: str = "tokens read from a cache"
    cache_write: str = "tokens written to a cache"
    reasoning: str = "of those written, the reasoning"


@dataclass(slots=True)
class Row:
    """What one event does. `by`/`is` and `first` choose a more exact row."""

    place: Place
    by: Path | None = None
    variants: dict[str, Row] = field(default_factory=dict)
    first: tuple[tuple[Condition, Row], ...] = ()
    guard: Condition | None = None
    open: str = ""
    set: tuple[tuple[Register, Rule], ...] = ()
    count: tuple[Register, ...] = ()
    measure: tuple[tuple[Register, Path], ...] = ()
    push: tuple[tuple[Register, Path], ...] = ()
    append: tuple[tuple[Register, Path], ...] = ()
    extend: tuple[tuple[Register, str], ...] = ()
    usage: tuple[Path, ...] = ()  # where counters stand in the event
    emit: tuple[str, ...] = ()
    ping: bool = False
    fail: bool = False
    end: bool = False
    unknown: bool = False
    into: str = ""  # the kind of block a piece is written into (`interpret/blocks.py`)
    which: tuple[Path, ...] = ()  # which one of that kind
    give: tuple[tuple[str, Rule], ...] = ()  # $given: what its chunks are made of
    told: str = ""  # that this came is a loss, told under this word
    about: Rule | None = None  # what it is about, for the caller to read
    rest: tuple[KnownFields, ...] = ()  # objects of which every field is to be known


@dataclass(slots=True, frozen=True)
class KnownFields:
    """`[rest.NAME]`: an object of the upstream's; a field beside the known ones is a loss."""

    of: tuple[Path, ...]  # of the event; the first that is there
    known: frozenset[str]  # a rule reads them, or they are nobody's loss
    told: str
    place: Place


@dataclass(slots=True)
class Chunk:
    name: str
    place: Place
    fields: tuple[tuple[Path, Rule], ...]
    needs: tuple[Rule, ...] = ()
    guard: Condition | None = None
    after: tuple[tuple[Register, Rule], ...] = ()
    verbatim: bool = False  # the event as it is, fields laid over a copy of it
    without: tuple[Path, ...] = ()  # and these taken away
    each: Path | None = None  # one for every item of this list; its paths are the item's
    push: tuple[tuple[Register, Path], ...] = ()  # what stands in it, added to lists
    append: tuple[tuple[Register, Path], ...] = ()  # and to texts
    count: tuple[Register, ...] = ()


@dataclass(slots=True, frozen=True)
class BlockKind:
    """`[block_kind.KIND]`: what opens and closes one of the answer's own blocks."""

    begin: tuple[str, ...]
    end: tuple[str, ...]
    set: tuple[tuple[Register, Rule], ...] = ()  # registers of the block as it begins
    whole: str = ""  # the register whose text must be whole JSON before another may begin
    said: bool = False  # it begins only with a piece that has something to send
    left_open: Condition | None = None  # when what may be cut is not closed


@dataclass(slots=True, frozen=True)
class CallRules:
    """`[calls.NAME]`: where pieces of calls stand in an event, and what of them is what."""

    place: Place
    at: Path  # where pieces stand, in a stream
    name: tuple[Path, ...]
    text: Path
    of: str | None = None  # the list of an event whose items hold calls; else it is the event
    which: str = ""  # what tells those items apart
    whole: Path | None = None  # where whole calls stand, in a plain answer
    end: Path | None = None  # something there: no more of these calls follows
    names: tuple[Path, ...] = ()  # of the request that was sent: what a call may be called
    index: Path | None = None  # without: there can be but one
    id: Path | None = None
    made: Rule | None = None  # an id for a call that has none
    objects: bool = False  # what stands in the text's place and is neither text nor object is none
    fixed: tuple[tuple[tuple[paths.Step, ...], Json], ...] = ()  # written where there is nothing

    def named(self, request: dict[str, Json]) -> list[Json]:
        """What a call of the answer to this upstream request may be called."""
        found = (p.get(request) for p in self.names if p.steps[0] in request)
        return [name for names in found for name in names or ()]


@dataclass(slots=True)
class Continuation:
    """`[continuation]`: how a paused turn is continued."""

    guard: Condition
    armed: tuple[Path, ...]
    rounds: Json | Path
    list: str
    turn: dict[str, Json]
    content: str
    told: str
    about: str
    place: Place
    forget: tuple[Register, ...]  # what the round before said of its end
    rebuild: dict[str, Parts]  # delta type -> how a block grows

    def may_pause(self, request: dict[str, Json]) -> bool:
        """Whether the turn of this upstream request is one that may be paused."""
        for path in self.armed:
            steps = path.steps
            value = request.get(steps[0])  # type: ignore[arg-type]
            if value is None:
                continue
            if type(value) is list and len(steps) == 3 and steps[1] is None:
                last = steps[2]  # a field of the items: most often none has it
                if type(last) is str and not any(type(i) is dict and last in i for i in value):
                    continue
            if paths.get(request, steps) not in (None, []):
                return True
        return False


@dataclass(slots=True)
class Plain:
    """How a plain answer is taken apart into events."""

    check: tuple[tuple[Path, Json], ...]  # what stands where; "$present": anything
    start: tuple[tuple[str, Json | Path], ...]
    blocks: Path
    begin: tuple[tuple[str, Json | Path], ...]
    end: tuple[tuple[str, Json | Path], ...]
    delta: tuple[tuple[str, Json | Path], ...]
    stop: tuple[tuple[str, Json | Path], ...]
    verbatim: bool = False  # the answer is the upstream's own, [envelope.whole] laid over it
    part: tuple[Path, ...] = ()  # what `$part` is in a plain answer
    made: Path | None = None  # what the last chunk holds there is the whole answer

    def knows(self, answer: dict[str, Json]) -> bool:
        """Whether it is the kind of answer that is looked for."""
        for path, value in self.check:
            found = paths.get(answer, path.steps)
            if found != value and (value != "$present" or found is None):
                return False
        return True


@dataclass(frozen=True, slots=True)
class Accumulate:
    """`[accumulate]`: chunks of a stream -> items of a list of the plain answer."""

    list: str
    begin: Path  # a chunk with this begins an item
    number: Path  # which item a chunk belongs to
    by: Path  # what chooses the row of a chunk
    rows: dict[str, Parts]


@dataclass(frozen=True, slots=True)
class Estimate:
    """`[estimate]`: where text of an answer stands, and how many bytes of it are a token."""

    said: tuple[str, ...] = ()  # fields of an event or an answer; none: all
    skip: frozenset[str] = frozenset()  # fields below them
    bytes: int = 4


@dataclass(slots=True)
class AnswerTables:
    by: Path
    block: Path
    opening: str
    state: dict[str, Json]  # registers that do not begin at nothing
    events: dict[str, Row]
    chunks: dict[str, Chunk]
    end_emit: tuple[str, ...]
    end_row: str  # the row that is run once nothing more comes; "": none
    fail_row: str  # the row that is run when a stream fails that has begun; "": none
    finish: Rule
    complete: Condition | None
    enough: Condition | None  # the least that must be known when the upstream says that it is done
    continuation: Continuation | None
    envelopes: dict[str, tuple[tuple[Path, Rule], ...]]
    choice: tuple[tuple[str, Rule], ...]
    message: tuple[tuple[str, Rule], ...]
    lists: dict[str, Rule]
    usage: tuple[tuple[str, Rule], ...]
    meter: tuple[tuple[str, Rule], ...]
    plain: Plain | None
    shapes: dict[str, Shape]
    done: str = ""  # the upstream's own word for the end of a stream
    closing: str = ""  # a word of some upstreams that says only: nothing follows
    ping: str = ""  # the chunk that is sent in silence; "": the dialect's comment
    number: str = ""  # the field of every chunk that holds its number, from 0
    number_at: Place | None = None
    pieces: tuple[tuple[str, tuple[Path, ...]], ...] = ()  # how an event is taken apart
    part: tuple[Path, ...] = ()  # what `$part` is in a piece's path: the first that is there
    block_kinds: dict[str, BlockKind] = field(default_factory=dict)
    accumulate: Accumulate | None = None
    calls: tuple[CallRules, ...] = ()
    mend_blocks: BlockMends | None = None
    mend_choices: ChoiceMends | None = None
    estimate: Estimate = Estimate()
    counters: tuple[tuple[str, Rule], ...] = ()  # the upstream's counters, under names of our own

    @property
    def mended_by(self) -> Place:
        """The rules that repair an event before its row sees it."""
        how = self.mend_blocks or self.mend_choices
        return how.place if how is not None else Place("", "")

    @property
    def compiles(self) -> bool:
        """Whether these tables keep to what `compile/answer.py` writes."""
        kept = not any(chunk.verbatim for chunk in self.chunks.values())
        kept = kept and not (self.pieces or self.calls or self.counters or self.block_kinds)
        return kept and self.opening != "" and "chunk" in self.envelopes

    @property
    def end_word(self) -> Json:
        """The word of the event that ends a block."""
        by = self.by.steps
        return dict(self.plain.end).get(str(by[0])) if self.plain and by else None
