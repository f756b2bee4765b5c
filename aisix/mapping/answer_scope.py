"""What answer rules may ask for by `$name`: registers, counters, what the request left behind."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from aisix.mapping.compile_run import NOWHERE
from aisix.mapping.paths import Json
from aisix.mapping.rules import Place
from aisix.mapping.scope import NULL, Facts, Note, Trace


class AnswerScope:
    """What answer rules may ask for by `$name`."""

    body: dict[str, Json] = MappingProxyType({})  # type: ignore[assignment]
    trace: Trace | None = None
    extra: dict[str, Json] = body
    item: Json = None  # these two: what a verb of the compiled form is looking at
    spot: tuple[str, Place] = NOWHERE

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
