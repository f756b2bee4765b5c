"""What the original AISIX's metrics tell of a request, made of its handler's facts at its end.

    counter = OriginalCounter(settings, metrics)
    at = counter.entered(path, dialect)             # the head has come
    counter.left(at)                                # it has ended
    counter.finished(facts, record)                 # once, then; record: the access line's

Only where `metrics_names` says so; else nobody makes one. Probes are not counted, as there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from aisix.config.original import ORIGINAL
from aisix.config.settings import Settings
from aisix.limits import Level, LimitRefusal
from aisix.mapping.metering import CACHE_READ, CACHE_WRITE, COMPLETION, INSIDE, PROMPT, total
from aisix.routing.attempts import Attempts
from aisix.routing.balancers import Balancers
from aisix.routing.model_health import CONDITIONS
from aisix.routing.target import Target
from aisix.store.resources import ApiKey, Cost, Model
from aisix.store.snapshot import Snapshot
from aisix.telemetry.metrics import CANCELLED, Metrics
from aisix.telemetry.original.clients import LOOKED_AT, ClientKinds
from aisix.telemetry.original.counting import (
    CallerLabels,
    Deployment,
    OriginalCounts,
    RequestKind,
    TheirAttempt,
    TheirRequest,
    UsualCells,
)
from aisix.telemetry.original.families import read_families, words
from aisix.telemetry.original.page import OriginalPage

KEPT = 1 << 12  # targets, and keys, whose labels are known
TOO_LARGE = "too_large"  # the fault
COMPLETED, ABORTED = "completed", "aborted"
BROKE = 502  # what a caller is told of an attempt that broke
MICRO = 1e6
NONE = (0, 0, 0)
FREE = Cost()
# What tells the usual requests apart: where it counts as under way, target, key, streamed, alias.
UsualKey = tuple[int, Target, str, bool, str]
UsualRequest = tuple[UsualCells, str, Cost | None]  # ... their cells, label, prices
STATE = "aisix_deployment_state"
WELL, DOWN = 0.0, 2.0


class RequestFacts(NamedTuple):
    """Of a handler, at its end. path: its route's; key: None, none was good; label: the alias as it
    is stored, "" for none; went_out: its last attempt was sent; read: its body was read whole;
    levels, refusals: of rate limits."""

    path: str
    dialect: str
    agent: str
    snapshot: Snapshot
    key: ApiKey | None
    label: str
    stream: bool
    headed: bool
    read: bool
    attempts: Attempts | None = None
    went_out: bool = False
    levels: Sequence[Level] = ()
    refusals: Sequence[LimitRefusal] = ()


class OriginalCounter:
    """One per worker."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        given = settings.observability.metrics
        said = {one.name: getattr(given.buckets, one.name) for one in fields(given.buckets)}
        self.families = read_families({name: bounds for name, bounds in said.items() if bounds})
        self.counts = OriginalCounts(metrics, self.families)
        etcd = settings.etcd
        self.page = OriginalPage(self.families, etcd.env_id or "", bool(etcd.endpoints))
        self._kind_of_client = ClientKinds(given.client_type_rules)
        self._words = words()
        missing = self._words.missing
        self._no_target = Deployment(missing, missing, missing, missing, missing)
        self._no_caller = CallerLabels(missing, missing, missing, missing)
        self._snapshot: Snapshot | None = None  # the one the labels below are of
        self._targets: dict[Target, Deployment] = {}
        self._callers: dict[str, CallerLabels] = {}
        self._usual: dict[UsualKey, UsualRequest] = {}
        self._clients: dict[tuple[str, str], int] = {}

    @classmethod
    def of(cls, settings: Settings, metrics: Metrics) -> OriginalCounter | None:
        """None: they are not wanted."""
        return cls(settings, metrics) if settings.metrics_names == ORIGINAL else None

    def entered(self, path: str, dialect: str) -> int:
        return self.counts.entered(self._words.endpoint(path), self._words.protocol(dialect))

    def left(self, at: int) -> None:
        self.counts.left(at)

    def usual(
        self,
        key: UsualKey,
        agent: str,
        levels: Sequence[Level],
        record: Mapping[str, Any],
    ) -> bool:
        """`finished` in a short way, for a request that ended as most do; False: not counted, as
        none like it has been before."""
        known = self._usual.get(key)
        if known is None:
            return False
        at, label, prices = known
        counts, tokens, spend, client = self.counts, NONE, 0, 0
        counted = record.get("tokens")
        if counted:
            prompt, answer, inside = counted.get(PROMPT, 0), counted.get(COMPLETION, 0), 0
            for name in INSIDE:
                inside += counted.get(name, 0)
            tokens = prompt, answer, sum(counted.values()) - inside
            if prices is not None:
                spend = _spend(counted, prices)
            client = self._clients.get((agent, label), 0) or self._client(agent, label)
        first = record.get("first_byte_ms") if key[3] else None
        if first is not None:
            first /= 1000
        counts.usual(at, record["ms"] / 1000, tokens, spend, client, first)
        for level in levels:
            if level.counts == "requests":
                to = at.left_requests
            else:
                to = at.left_tokens if level.counts == "tokens" else 0  # of places nothing is shown
            if to:
                counts.set_left(to, level.left)
        return True

    def _client(self, agent: str, label: str) -> int:
        at = self.counts.client(self._kind_of_client(agent), label)
        if len(agent) <= LOOKED_AT:
            if len(self._clients) >= KEPT:
                self._clients.clear()
            self._clients[agent, label] = at
        return at

    def finished(
        self,
        facts: RequestFacts,
        record: Mapping[str, Any],
        key: UsualKey | None = None,
    ) -> None:
        """key: of a request that may be one of many like it."""
        if facts.snapshot is not self._snapshot:
            self._snapshot, self._targets, self._callers = facts.snapshot, {}, {}
            self._usual.clear()
        attempts, status = facts.attempts, record["status"]
        tried: list[TheirAttempt] = []
        target, spend, tokens = self._no_target, 0, NONE
        moves: list[tuple[str, bool]] = []
        if attempts is not None:
            last = attempts.target
            target = self._deployment(last)
            self._attempted(facts, record, attempts, tried, moves)
            counted = record.get("tokens")
            if counted:
                tokens = counted.get(PROMPT, 0), counted.get(COMPLETION, 0), total(counted)
                spend = _spend(counted, last.model.cost)
        label = facts.label
        if not label:
            missing, unresolved = self._words.missing, self._words.unresolved
            label = unresolved if "alias" in record else missing
        first = record.get("first_byte_ms") if facts.stream else None
        error = record.get("error")
        one = TheirRequest(
            RequestKind(
                self._words.endpoint(facts.path),
                self._words.protocol(facts.dialect),
                label,
                target,
                self._no_caller if facts.key is None else self._caller(facts.key),
                facts.stream,
                bool(moves),
                status,
            ),
            record["ms"] / 1000,
            self._kind_of_client(facts.agent) if tokens[2] else "",
            facts.headed,
            None if first is None else first / 1000,
            tokens,
            spend,
            tried,
            moves,
            self._auth(facts.key, error),
            _refused(facts.refusals),
            _left(facts.levels) if facts.levels else (None, None),
            (COMPLETED if facts.read else ABORTED) if error == TOO_LARGE else "",
        )
        self.counts.finished(one)
        if key is not None:
            cells = self.counts.usual_cells(one)
            if cells is not None:
                if len(self._usual) >= KEPT:
                    self._usual.clear()
                cost = key[1].model.cost
                self._usual[key] = cells, label, cost if cost != FREE else None

    def _attempted(
        self,
        facts: RequestFacts,
        record: Mapping[str, Any],
        attempts: Attempts,
        tried: list[TheirAttempt],
        moves: list[tuple[str, bool]],
    ) -> None:
        """Each attempt, and those of them that were at another target than the one before."""
        before: Target | None = None
        cooled = list(attempts.cooled)
        for failed in attempts.failed:
            cools = failed.target in cooled
            if cools:
                cooled.remove(failed.target)
            status = int(failed.why) if failed.why.isdigit() else BROKE
            if len(tried) + 1 == attempts.count:  # the last of all: as the caller was told
                status = record["status"]
            to = self._deployment(failed.target)
            tried.append(TheirAttempt(to, status, failed.reached, False, cools))
            if before is not None and before is not failed.target:
                moves.append((_shown(failed.target, to), False))
            before = failed.target
        if len(attempts.failed) < attempts.count:  # the last one did not fail before its answer
            last, status = attempts.target, record["status"]
            good: bool | None = "upstream_fault" not in record and "error" not in record
            if status == CANCELLED:
                good = None
            reached = facts.went_out or "upstream_status" in record
            to = self._deployment(last)
            tried.append(TheirAttempt(to, status, reached, good, last in cooled))
            if before is not None and before is not last:
                moves.append((_shown(last, to), good is not False))

    def _auth(self, key: ApiKey | None, error: object) -> tuple[str, str, bool] | None:
        if key is not None:
            return (*self._words.allowed, True)
        denied = self._words.denied.get(str(error))
        return None if denied is None else (*denied, False)

    def states(self, balancers: Balancers) -> dict[tuple[str, ...], float]:
        """How each alias with one upstream model does, for the page."""
        snapshot = balancers.snapshot
        found = {}
        for entry in snapshot.entries("models"):
            model, state = entry.resource, balancers.state(entry.id)
            if state is not None and isinstance(model, Model):
                missing = self._words.missing
                named = model.provider, model.display_name, model.model_name, model.provider_key_id
                labels = (STATE, *(one or missing for one in named))
                found[labels] = WELL if state.status == CONDITIONS[0] else DOWN
        return found

    # ------------------------------------------------------------------ labels
    def _caller(self, key: ApiKey) -> CallerLabels:
        found = self._callers.get(key.id)
        if found is None:
            if len(self._callers) >= KEPT:
                self._callers.clear()
            missing = self._words.missing
            given = key.team_id, key.user_id, key.user_name
            found = CallerLabels(key.id, *(one or missing for one in given))
            self._callers[key.id] = found
        return found

    def _deployment(self, target: Target) -> Deployment:
        found = self._targets.get(target)
        if found is None:
            if len(self._targets) >= KEPT:
                self._targets.clear()
            assert self._snapshot is not None
            found = self._targets[target] = self.deployment_of(target, self._snapshot)
        return found

    def deployment_of(self, target: Target, snapshot: Snapshot) -> Deployment:
        """The labels of a target; of a wildcard those that are stored."""
        model = target.member or target.model
        key = snapshot.provider_key(target.provider_key_id)
        provider = model.provider if not model.targets or key is None else key.provider
        stored = snapshot.stored_name(model.display_name) or model.display_name
        missing = self._words.missing
        return Deployment(
            provider or missing,
            stored,
            _template(target, stored, snapshot) or missing,
            target.provider_key_id or missing,
            (key.display_name if key is not None else "") or missing,
        )


def _template(target: Target, stored: str, snapshot: Snapshot) -> str:
    """The name of the upstream model as it is stored."""
    entry = snapshot.named("models", stored) if "*" in stored else None
    if entry is None or not isinstance(entry.resource, Model):
        return target.model_name
    pattern = entry.resource
    for mine, theirs in zip(target.model.targets, pattern.targets, strict=False):
        if (mine.provider_key_id, mine.model_name) == (target.provider_key_id, target.model_name):
            return theirs.model_name
    return pattern.model_name


def _shown(target: Target, to: Deployment) -> str:
    """What a fallback moved to: an alias, or a target of the alias itself."""
    return target.breaker.name if target.model.targets else to.model


def _spend(tokens: Mapping[str, int], cost: Cost) -> int:
    """In millionths. Tokens of a cache cost what those of a prompt do, unless they have a price."""
    prompt = cost.input_per_1k or 0.0
    read = prompt if cost.cache_read_per_1k is None else cost.cache_read_per_1k
    write = prompt if cost.cache_write_per_1k is None else cost.cache_write_per_1k
    money = tokens.get(PROMPT, 0) * prompt + tokens.get(COMPLETION, 0) * (cost.output_per_1k or 0.0)
    money += tokens.get(CACHE_READ, 0) * read + tokens.get(CACHE_WRITE, 0) * write
    return round(money / 1000 * MICRO)


def _refused(refusals: Sequence[LimitRefusal]) -> list[tuple[str, str]]:
    """(scope, layer): places count as requests there."""
    return [
        (
            "tokens" if one.rule.counts == "tokens" else "requests",
            "api_key" if one.holder.ident.startswith("key:") else "model",
        )
        for one in refusals
    ]


def _left(levels: Sequence[Level]) -> tuple[int | None, int | None]:
    """Of requests and of tokens, the least that is left."""
    by: dict[str, list[int]] = {}
    for level in levels:
        by.setdefault(level.counts, []).append(level.left)
    return min(by.get("requests", ()), default=None), min(by.get("tokens", ()), default=None)
