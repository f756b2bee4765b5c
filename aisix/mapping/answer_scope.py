"""What answer rules may ask for by `$name`: registers, counters, what the request left behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from aisix.mapping.compile_run import NOWHERE
from aisix.mapping.paths import Json
from aisix.mapping.rules import Place
from aisix.mapping.scope import NULL, Facts, Note, Trace


@dataclass(slots=True)
class AnswerScope:
    """What answer rules may ask for by `$name`."""

    facts: Facts
    remember: dict[str, Json]
    now: int
    new_id: Callable[[], str]
    wants_usage: bool = False
    state: dict[str, Json] = field(default_factory=dict)
    usage: dict[str, Json] = field(default_factory=dict)
    block: dict[str, Json] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    body: dict[str, Json] = field(default_factory=dict)
    trace: Trace | None = None
    extra: dict[str, Json] = field(default_factory=dict)
    item: Json = None  # these two: what a verb of the compiled form is looking at
    spot: tuple[str, Place] = NOWHERE

    def tell(self, how: str) -> None:
        self.notes.append(Note(how, *self.spot))

    def root(self, name: str) -> Json:
        match name:
            case "state":
                return self.state
            case "block":
                return self.block
            case "usage":
                return self.usage
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
