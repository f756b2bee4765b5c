"""What `[mend]` of answer.toml says, typed: what an answer's clients need of it."""

from __future__ import annotations

from dataclasses import dataclass

from aisix.mapping.syntax.paths import Json
from aisix.mapping.syntax.rules import Place, Rule


@dataclass(slots=True, frozen=True)
class BlockMends:
    """`[mend.blocks]`: words and fields of an answer that comes in blocks."""

    place: Place
    by: str  # the field of an event that says what it is
    number: str  # ... and which block it belongs to
    start: str  # the event an answer begins with
    answer: str  # its field with the answer
    begin: str  # that of a block
    block: str
    delta: str
    piece: str
    end: str
    last: str  # the event behind all blocks
    list: str  # the blocks of a plain answer
    lone: str  # the kind a text in their place is of
    kind: str  # the field of a block or piece that says what it is
    id: str
    made: Rule  # an id for an answer that has none
    call: str  # the kind of block that is a call
    call_id: str
    made_call: Rule
    call_object: str  # its field with an object
    call_delta: str  # a piece of that
    call_text: str  # ... and its text
    about: str
    fill: dict[str, Json]  # of the answer, where there is nothing
    last_fill: dict[str, Json]
    kinds: dict[str, dict[str, Json]]  # of a block
    begun: dict[str, str]  # kind of a piece -> the block it begins when none has


@dataclass(slots=True, frozen=True)
class ChoiceMends:
    """`[mend.choices]`: words and fields of an answer whose events hold choices."""

    place: Place
    list: str
    number: str
    alone: bool  # there is room for one; else:
    part: str  # of a choice, in a stream
    whole: str  # ... and in a plain answer
    once: str  # a field of a part that only the first one has
    finish: str  # of a choice, why it ended: "" is no reason
    text: str  # of a part
    kind: str  # of one in a list in the text's place
    inner: str  # ... its text
    thought: str  # ... the kind of a thought, and the field with it
    thoughts: str  # the field of a part for those
    id: str
    fill: tuple[tuple[str, Rule], ...]  # what an event without an id gets
    whole_fill: tuple[tuple[str, Rule], ...]  # ... and a plain answer
