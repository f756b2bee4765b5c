"""What is done with a shape of some size, and the bytes it is done with.

job = Job("answer", case, mapping)       # the exchange a case tells of, up to its answer
job.work(raw)()                          # -> how it ended ("200", "too_deep"), steps charged
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from aisix.errors import CallerError
from aisix.mapping.dialect.estimate import estimate
from aisix.mapping.exchange import Exchange
from aisix.mapping.mappings import Mapping
from aisix.mapping.syntax.budget import Budget, Spent
from aisix.mapping.translation import MOST_WARNINGS
from aisix.mapping.verbs import surrogates
from aisix.mapping.verify import cases
from aisix.mapping.verify.cases import Case
from aisix.mapping.verify.explain import explain_request

Json = Any
Work = Callable[[], tuple[str, int]]  # how it ended, steps charged
KINDS = ("request", "explain", "count", "answer", "error", "stream")
NO_END = 1 << 60


@dataclass(frozen=True)
class Job:
    """`rules`: by the interpreter, as an alias that is strict does, and every fallback."""

    kind: str
    case: Case
    mapping: Mapping
    rules: bool = False
    steps: int = NO_END  # of the budget

    def work(self, raw: Sequence[bytes]) -> Work:
        """Made ready; what is called then is all that is measured. `raw`: one body, or pieces."""
        one = cases.exchange(replace(self.case, compiled=not self.rules), self.mapping)
        one._budget.most = self.steps
        if self.kind == "explain":
            return lambda: (_explained(one, raw[0]), 0)
        if self.kind == "count":
            how = self.mapping.caller.estimate
            return lambda: (_counted(raw[0], how), 0)
        if self.kind == "request":
            return lambda: (self._request(one, raw[0]), one._budget.spent)
        body = self.case.request(self.mapping.caller, self.kind == "stream")
        one.request(body, self._headers)
        budget = one._ready().scope.budget
        budget.most = self.steps
        if self.kind == "stream":
            return lambda: self._stream(one, budget, raw)
        status = self.case.about.get("upstream_status", 200 if self.kind == "answer" else 400)
        return lambda: (self._answer(one, status, raw[0]), budget.spent)

    @property
    def _headers(self) -> dict[str, str]:
        return dict(self.case.about.get("caller_headers", {}))

    def _request(self, one: Exchange, raw: bytes) -> str:
        try:
            one.request(decoded(raw), self._headers)
        except msgspec.DecodeError:
            return "bad_json"
        except CallerError as error:
            one.fault(error)
            return error.kind
        except RecursionError:
            return "too_deep"
        except Spent:
            return "too_much_work"
        assert len(one.warnings) <= MOST_WARNINGS
        return "200"

    def _answer(self, one: Exchange, status: int, raw: bytes) -> str:
        retry = one.retry(status, {}, raw)
        answer = one.response(status, {}, raw)
        assert len(one.losses) <= MOST_WARNINGS
        return f"{answer.status}{retry and ' again'}"

    def _stream(self, one: Exchange, budget: Budget, raw: Sequence[bytes]) -> tuple[str, int]:
        spent = 0
        for piece in raw:
            one.receive(piece)
            spent += budget.spent
        one.end()
        return one.error.kind if one.error else "200", spent


def _explained(one: Exchange, raw: bytes) -> str:
    try:
        return str(explain_request(one, decoded(raw), {}).status)
    except msgspec.DecodeError:
        return "bad_json"


def _counted(raw: bytes, how: dict[str, Json]) -> str:
    try:
        return str(estimate(decoded(raw), how) > 0)
    except msgspec.DecodeError:
        return "bad_json"


def decoded(raw: bytes) -> dict[str, Json]:
    """As the proxy reads a body."""
    try:
        return dict(msgspec.json.decode(raw))
    except msgspec.DecodeError:
        return dict(surrogates.decode(raw)[0])
