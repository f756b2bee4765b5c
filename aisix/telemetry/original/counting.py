"""The counters of one process for the metrics of the original AISIX.

    counts = OriginalCounts(metrics, read_families({}))
    at = counts.entered("/v1/models", "openai")       # a request is under way; counts.left(at)
    counts.finished(TheirRequest(...))                # once, at its end

A request looks its rows up by one key and adds to cells: that takes a few microseconds.

Must never know: HTTP handlers, where a label comes from.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from aisix.telemetry.metrics import CANCELLED, Metrics
from aisix.telemetry.original.families import TheirFamilies, status_class, words

KEPT = 1 << 14  # kinds of requests whose cells are known


class Deployment(NamedTuple):
    """A target, as labels say it."""

    provider: str
    model: str
    upstream_model: str
    key_id: str
    key_name: str


class CallerLabels(NamedTuple):
    """Whose key it is."""

    api_key_id: str
    team_id: str
    user_id: str
    user_name: str


class TheirAttempt(NamedTuple):
    """status: as a caller would have been told; reached: it was on its way; good: None, the caller
    left before that was known; cooled: the target began to cool down."""

    deployment: Deployment
    status: int
    reached: bool
    good: bool | None
    cooled: bool = False


class RequestKind(NamedTuple):
    """What says which series a request counts in. target: of the attempt that was the last."""

    endpoint: str
    protocol: str
    model: str
    target: Deployment
    caller: CallerLabels
    stream: bool
    fallback: bool
    status: int


class TheirRequest(NamedTuple):
    """One request that is over. first: seconds to the first frame of a stream; tokens: input,
    output, all; spend: millionths; `headed`: the head of an answer has gone out; auth: (method,
    reason) of the key, whether it was let in; refused: (scope, layer) of a rate limit; left:
    (requests, tokens) of the limits, None without one; too_large: how reading ended; fallbacks:
    (where to, whether that went well)."""

    kind: RequestKind
    seconds: float
    client: str
    headed: bool = True
    first: float | None = None
    tokens: tuple[int, int, int] = (0, 0, 0)
    spend: int = 0
    attempts: Sequence[TheirAttempt] = ()
    fallbacks: Sequence[tuple[str, bool]] = ()
    auth: tuple[str, str, bool] | None = None
    refused: Sequence[tuple[str, str]] = ()
    left: tuple[int | None, int | None] = (None, None)
    too_large: str = ""


class UsualCells(NamedTuple):
    """Where a request counts that ends as most do: answered with a 2xx by the first target that
    was asked."""

    request: int
    tokens: int
    latency: int
    first: int
    deployment: int
    usage: int
    auth: int
    left_requests: int
    left_tokens: int


class _Cells(NamedTuple):
    """Where the cells of one kind of request begin; 0: it has none."""

    request: int
    tokens: int
    latency: int
    first: int
    handler: str


class OriginalCounts:
    """Those of one process, in the slot of `metrics`."""

    def __init__(self, metrics: Metrics, theirs: TheirFamilies) -> None:
        self._metrics, self._rows, self._words = metrics, theirs.rows, words()
        self._cells = metrics.slot.cells
        self._known: dict[RequestKind, _Cells] = {}
        row = self._rows["latency"]
        self._latency, self._first = row.bounds, self._rows["first"].bounds
        gauges = {row.key for row in self._rows.values() if row.gauge and not row.newest}
        for key, _ in list(metrics.slot.series()):
            if key[0] in gauges:  # of the process before this one
                self._cells[metrics.slot.cell(key, 1)] = 0.0

    def _at(self, name: str, *labels: str) -> int:
        row = self._rows[name]
        return self._metrics.place((row.key, *labels), row.width)

    # ------------------------------------------------------------------ by hand
    def entered(self, endpoint: str, protocol: str) -> int:
        """A request is under way; what `left` is to be told."""
        at = self._at("under_way", endpoint, protocol)
        self._cells[at] += 1.0
        return at

    def left(self, at: int) -> None:
        self._cells[at] -= 1.0

    # ------------------------------------------------------------------ requests
    def finished(self, one: TheirRequest) -> None:
        kind, cells = one.kind, self._cells
        known = self._known.get(kind) or self._learn(kind)
        seconds = one.seconds
        at = known.request
        cells[at] += 1.0
        cells[at + 1] += seconds
        at = known.latency
        if at:
            bounds = self._latency
            cells[at + bisect_left(bounds, seconds)] += 1.0
            cells[at + len(bounds) + 1] += seconds
        self._tokens(one, known)
        if one.auth is not None:
            method, reason, allowed = one.auth
            cells[self._at("auth", method, "allowed" if allowed else "denied", reason)] += 1.0
        if known.handler:
            self._attempts(one, known.handler)
        for scope, layer in one.refused:
            cells[self._at("refused", scope, layer)] += 1.0
        if one.left != (None, None):
            self._left(kind, one.left)
        if one.too_large:
            cells[self._at("too_large", kind.endpoint, kind.protocol, one.too_large)] += 1.0
        if kind.status == CANCELLED and not one.headed:
            target = kind.target
            labels = kind.endpoint, kind.model, target.key_id, target.key_name
            cells[self._at("cancelled", *labels)] += 1.0

    def usual_cells(self, one: TheirRequest) -> UsualCells | None:
        """Of requests like this one, which has been counted; None: it was none of those, or there
        is no room."""
        kind, known, auth = one.kind, self._known.get(one.kind), one.auth
        if known is None or not known.tokens or auth is None or one.refused or one.fallbacks:
            return None
        if len(one.attempts) != 1 or not (one.attempts[0].good and one.attempts[0].reached):
            return None
        target, caller = kind.target, kind.caller.api_key_id
        used = known.handler, status_class(kind.status), kind.protocol, kind.model
        found = UsualCells(
            *known[:4],
            self._at("deployment", *one.attempts[0].deployment[:4]),
            self._at("usage", *used, target.key_id, target.key_name),
            self._at("auth", auth[0], "allowed", auth[1]),
            0 if one.left[0] is None else self._at("left_requests", caller, kind.model),
            0 if one.left[1] is None else self._at("left_tokens", caller, kind.model),
        )
        return None if self._metrics.slot.spare() in found else found

    def client(self, client: str, model: str) -> int:
        """Where tokens count by the kind of client; for `usual`."""
        return self._at("client", client, model)

    def usual(
        self,
        at: UsualCells,
        seconds: float,
        tokens: tuple[int, int, int],
        spend: int,
        client: int,
        first: float | None,
    ) -> None:
        """`finished` for a request whose cells are known."""
        cells, bounds = self._cells, self._latency
        to = at.request
        cells[to] += 1.0
        cells[to + 1] += seconds
        to = at.latency
        cells[to + bisect_left(bounds, seconds)] += 1.0
        cells[to + len(bounds) + 1] += seconds
        to = at.deployment
        cells[to] += 1.0
        cells[to + 1] += 1.0
        cells[at.usage] += 1.0
        cells[at.auth] += 1.0
        if tokens[2]:
            prompt, answer, every = tokens
            to = at.tokens
            cells[to] += prompt
            cells[to + 1] += answer
            cells[to + 2] += every
            cells[to + 3] += spend
            cells[client] += prompt
            cells[client + 1] += answer
            cells[client + 2] += every
        if first is not None:
            to = at.tokens
            cells[to + 4] += first
            cells[to + 5] += 1.0
            to, bounds = at.first, self._first
            cells[to + bisect_left(bounds, first)] += 1.0
            cells[to + len(bounds) + 1] += first

    def set_left(self, at: int, value: int) -> None:
        """What a limit has left, in a cell that `usual_cells` names."""
        self._cells[at], self._cells[at + 1] = float(value), time.monotonic()

    def _learn(self, kind: RequestKind) -> _Cells:
        endpoint, model, target, status = kind.endpoint, kind.model, kind.target, kind.status
        handler = self._words.handlers.get(endpoint, "")
        streamed = _yes(kind.stream)
        whose = _whose(kind)
        latency = endpoint, model, target.provider, status_class(status), streamed
        found = _Cells(
            self._at("request", *whose, streamed, _yes(kind.fallback), str(status)),
            self._at("tokens", *whose) if handler and status < 300 else 0,
            self._at("latency", *latency) if handler else 0,
            self._at("first", *latency) if handler and kind.stream else 0,
            handler,
        )
        spare = self._metrics.slot.spare()
        if spare not in found[:4]:  # else there was no room, which each request tells again
            if len(self._known) >= KEPT:
                self._known.clear()
            self._known[kind] = found
        return found

    def _tokens(self, one: TheirRequest, known: _Cells) -> None:
        cells, tokens, first = self._cells, one.tokens, one.first
        if not tokens[2] and first is None:
            return
        at = known.tokens or self._at("tokens", *_whose(one.kind))
        if tokens[2]:
            cells[at] += tokens[0]
            cells[at + 1] += tokens[1]
            cells[at + 2] += tokens[2]
            cells[at + 3] += one.spend
            to = self._at("client", one.client, one.kind.model)
            cells[to] += tokens[0]
            cells[to + 1] += tokens[1]
            cells[to + 2] += tokens[2]
        if first is not None:
            cells[at + 4] += first
            cells[at + 5] += 1.0
            to, bounds = known.first, self._first
            if to:
                cells[to + bisect_left(bounds, first)] += 1.0
                cells[to + len(bounds) + 1] += first

    def _attempts(self, one: TheirRequest, handler: str) -> None:
        cells, kind = self._cells, one.kind
        for attempt in one.attempts:
            target = attempt.deployment
            if attempt.reached or attempt.cooled:
                at = self._at("deployment", *target[:4])
                cells[at] += attempt.reached
                if attempt.good is not None:
                    cells[at + (1 if attempt.good else 2)] += attempt.reached
                cells[at + 3] += attempt.cooled
            self._used(kind, handler, attempt.status, target)
        if not one.attempts and (one.auth is None or one.auth[2]):
            self._used(kind, handler, kind.status, kind.target)
        for to, good in one.fallbacks:
            cells[self._at("fallback", kind.model, to) + (not good)] += 1.0

    def _used(self, kind: RequestKind, handler: str, status: int, target: Deployment) -> None:
        labels = handler, status_class(status), kind.protocol, kind.model
        self._cells[self._at("usage", *labels, target.key_id, target.key_name)] += 1.0

    def _left(self, kind: RequestKind, left: tuple[int | None, int | None]) -> None:
        for name, value in zip(("left_requests", "left_tokens"), left, strict=True):
            if value is not None:
                self.set_left(self._at(name, kind.caller.api_key_id, kind.model), value)


def _whose(kind: RequestKind) -> tuple[str, ...]:
    """The labels of what an operator may want to bill."""
    endpoint, protocol, model, target = kind[:4]
    return (
        *(endpoint, protocol, target.provider, model, target.upstream_model),
        *(target.key_id, target.key_name, *kind.caller),
    )


def _yes(value: bool) -> str:
    return "true" if value else "false"
