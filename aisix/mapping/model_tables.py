"""The effective tables of one kind of model: what an exchange runs on.

    tables.request, tables.answer, tables.errors     # parsed
    tables.forms, tables.answers, tables.is_error    # compiled, when first asked for

`effective.py` makes them. Must never know: a field or event by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING

from aisix.errors import Complaint
from aisix.mapping.compile.runtime import CannotCompile
from aisix.mapping.dialect.upstream_errors import ErrorTables
from aisix.mapping.interpret.answer import Answering
from aisix.mapping.interpret.answer_state import AnswerScope
from aisix.mapping.interpret.scope import Facts
from aisix.mapping.parse.inline import Inline
from aisix.mapping.parse.toml_tree import Tree
from aisix.mapping.syntax.answer import AnswerTables
from aisix.mapping.syntax.paths import Json
from aisix.mapping.syntax.rules import RequestTables
from aisix.mapping.types import ResolvedModel

if TYPE_CHECKING:
    from aisix.mapping.compile.answer import AnswerForms, Form, FormCache
    from aisix.mapping.compile.request_forms import RequestForms

Told = Callable[[str, Exception], None]  # (part, what its compiled form raised)
MOST_FACTS = 4096


@dataclass(frozen=True)
class Effective:
    """The tables of one kind of model with one set of options: what an exchange runs on.

    Their compiled forms are made, and the compiler is imported, when they are first asked for: most
    of what is checked is run rule by rule. A gateway imports it before it serves (`preload`).
    """

    name: str  # "openai-chat/anthropic-messages"
    digest: str
    row: str  # the model row that was chosen
    model: dict[str, Json]
    option: dict[str, Json]
    version: str
    traits: tuple[str, ...]
    overlays: tuple[Inline, ...]  # the alias's own
    tree: Tree
    request: RequestTables
    answer: AnswerTables
    errors: ErrorTables
    upstream: dict[str, Json]
    used: frozenset[str]  # names of shapes, conversions, value tables and chunks that rules use
    known: frozenset[str]  # and of all there are
    registers: dict[str, Complaint]  # that are set, and what to say of one that nothing reads
    registers_read: frozenset[str]
    differs: tuple[str, ...] = ()  # parts whose compiled form is known to be wrong
    idle: tuple[Complaint, ...] = ()  # about what does nothing in them
    _facts: dict[ResolvedModel, Facts] = field(default_factory=dict, repr=False, compare=False)

    def facts(self, target: ResolvedModel) -> Facts:
        """What rules know of an alias before they see a body."""
        found = self._facts.get(target)
        if found is None:
            if len(self._facts) >= MOST_FACTS:  # aliases of a wildcard are the caller's words
                self._facts.clear()
            alias, upstream_model, strict = target
            found = Facts(alias, upstream_model, self.version, self.model, self.option, strict)
            self._facts[target] = found
        return found

    @property
    def _named(self) -> tuple[Facts, str]:
        """What forms know of the model, and the name of their sources."""
        return Facts("", "", self.version, self.model, self.option), f"{self.name} {self.row}"

    @cached_property
    def forms(self) -> RequestForms:
        """The request tables as Python source."""
        from aisix.mapping.compile.request_forms import RequestForms

        return RequestForms(self.request, *self._named, "request" in self.differs)

    @cached_property
    def answers(self) -> AnswerForms:
        """And the answer's."""
        from aisix.mapping.compile.answer import AnswerForms

        return AnswerForms(self.answer, *self._named, self.differs)

    @cached_property
    def is_error(self) -> Callable[[dict[str, Json]], bool]:
        """Whether an event is an error: asked of every one."""
        from aisix.mapping.compile.errors import is_error

        asked = self.errors.recogniser
        places = asked.places.get("mark", ())
        if not places and not asked.marks:
            return asked.is_error
        try:
            return is_error(asked.harmless, places, asked.marks, asked.usual)
        except CannotCompile:
            return asked.is_error

    def answering(
        self,
        scope: AnswerScope,
        armed: bool,
        stream: bool,
        frame: str,
        compiled: bool,
        told: Told,
    ) -> Answering:
        """What runs one answer: in its compiled form, if there is one for what this request left.

        `armed`: the upstream may pause, to be asked again. `frame`: how the caller's dialect sends
        a chunk. `told` hears of a form that could not be written.
        """
        if compiled and not stream and not armed:
            plain = _found("plain", self.answers.plain, scope, told)
            if plain is not None:
                return Answering(self.answer, scope, plain_form=plain)
        form = deltas = None
        if compiled:
            deltas = _found("stream" if stream else "plain", self.answers.deltas, scope, told)
        if compiled and stream and frame.count("{") == frame.count("{data}") == 1:
            form = _found("stream", self.answers.stream, scope, told)
        return Answering(self.answer, scope, armed, form, None, frame, deltas)


def preload() -> None:
    """Import the compiler now: the first request of a gateway does not wait for that."""
    for name in ("request_forms", "answer", "errors"):
        import_module(f"aisix.mapping.compile.{name}")


def _found(part: str, forms: FormCache[Form], scope: AnswerScope, told: Told) -> Form | None:
    """The answer's compiled form; None: the interpreter's."""
    try:
        return forms.find(scope.remember, scope.wants_usage)
    except Exception as raised:
        told(part, raised)
        return None
