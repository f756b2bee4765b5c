"""What one process serves with: settings, store, driver, tables. One `Gateway` per process.

Snapshot and tables are immutable and replaced whole; a request keeps the pair it began with.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from collections.abc import Mapping as Map
from typing import Any, Protocol

from aisix import __version__, log
from aisix.config.settings import Settings
from aisix.errors import AisixError, Complaint, OperatorError
from aisix.limits import RateLimiter, SharedRateLimiter
from aisix.listener.connection_table import CLOSED, GIVEN_UP, OPENED
from aisix.listener.refusals import RefusedRequest
from aisix.mapping.dialect.counts import SHORTEST
from aisix.mapping.exchange import Exchange
from aisix.mapping.grammar.caller import COUNTED
from aisix.mapping.mappings import Mappings, NoMapping
from aisix.mapping.syntax.budget import Held
from aisix.proxy.admission import Admission
from aisix.proxy.backstop import Backstop, Watched
from aisix.proxy.beside import Beside
from aisix.proxy.booking import Booking
from aisix.proxy.captures import Captures
from aisix.proxy.cross_origin import CrossOrigin
from aisix.proxy.doors import Doors
from aisix.proxy.identity import Identity
from aisix.proxy.original_metrics import OriginalCounter
from aisix.proxy.real_ip import RealIp
from aisix.proxy.tables import Tables
from aisix.proxy.upstream_doubts import Unverified, tell_unfit
from aisix.routing import resource_checks
from aisix.routing.balancers import Balancers
from aisix.routing.circuit_breaker import BreakerRules, CircuitBreakers
from aisix.routing.doubts import doubts
from aisix.routing.model_health import ModelHealth
from aisix.routing.resource_checks import Misfit, misfits
from aisix.store.base import Store
from aisix.store.snapshot import Snapshot
from aisix.telemetry.metrics import Metrics
from aisix.telemetry.page import page
from aisix.telemetry.trace_context import TraceContext
from aisix.upstream.curl import Driver
from aisix.workers.generation import Generation
from aisix.workers.scoreboard import Scoreboard

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
PATH = 256  # characters of a path in the access line
MOST_BUGS = 1000  # in compiled tables, told of by one process
MOST_OF_A_PLACE = 1000  # characters
SERVES_ON, SERVES_NOW = "with the tables it fitted last", "with the tables of now"
MOST_LABELS = 4096  # kept; wildcards make as many aliases as callers think of


class SpanExporter(Protocol):
    """Who is told of every request that has a trace."""

    def finished(self, trace: TraceContext, name: str, record: Map[str, Any]) -> None: ...


class Gateway:
    """One process's settings, store, driver and tables, and how many requests are under way.

    `open` is the way to make one. `mappings` is what was loaded before the fork; `generation` says
    when a newer set is to be used. `serving` and `served` are counts, `started_at` is Unix seconds.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        driver: Driver,
        mappings: Mappings,
        metrics: Metrics | None = None,
        generation: Generation | None = None,
        health: ModelHealth | None = None,
    ) -> None:
        self.settings = settings
        self.metrics = metrics or Metrics(Scoreboard(1).claim())
        self.original = OriginalCounter.of(settings, self.metrics)
        self.page = page if self.original is None else self.original.page
        self.store = store
        self.driver = driver
        self.draining = False
        self.serving = 0
        self.served = 0
        self.under_way: dict[Watched, None] = {}  # of `serving`, those that can be asked
        self.booking = Booking()
        self.backstop = Backstop(lambda: self.under_way, self._hung)
        self.started_at = time.time()
        limits, upstream = settings.proxy, settings.upstream
        self.limits: RateLimiter = SharedRateLimiter()
        self.admission = Admission(
            limits.max_in_flight,
            limits.max_queue,
            limits.queue_timeout_ms / 1000,
            limits.bodies_limit_bytes,
        )
        self.beside = Beside(limits.max_queue, limits.queue_timeout_ms / 1000)
        counted = {name: getattr(settings.limits, f"max_{name}") for name in COUNTED}
        self.most: Map[str, int] = counted
        self.countable = min(counted.values()) * SHORTEST  # bytes of a body that may hold too many
        self.held = Held(settings.limits.max_values, settings.limits.max_escapes)
        self._rules = BreakerRules(
            upstream.cooldown_failures, upstream.cooldown_secs, upstream.retry_budget_percent / 100
        )
        self.doors = Doors(mappings)
        self.on_doors: Callable[[], None] = lambda: None  # whom to tell of others
        self.identity = Identity.of(settings)
        self.real_ip = RealIp.of(settings.proxy.real_ip)
        self.cross_origin = CrossOrigin.of(settings.proxy)
        self.tables = Tables(mappings, generation)
        breakers = CircuitBreakers(self._rules)
        given = settings, store.current(), mappings, breakers
        self._balancers = Balancers(*given, health=health)
        seen = settings.observability
        self.spans: SpanExporter | None = None  # who exports them, set by the server
        self.recorder: Captures | None = None  # while a capture waits for exchanges
        self.traces = seen.trace_upstream or seen.otlp_endpoint is not None
        # Of some tables and resources: those of now, or of a reload that is made ready.
        self._looked: tuple[Mappings, Snapshot, list[Misfit], list[str]] | None = None
        self._bugs: set[str] = set()  # in compiled tables, that have been logged
        self._unverified = Unverified()
        self._labelled: Snapshot | None = None
        self._labels: dict[str, str] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    @classmethod
    def open(
        cls,
        settings: Settings,
        store: Store,
        driver: Driver,
        mappings: Mappings,
        metrics: Metrics | None = None,
        generation: Generation | None = None,
        health: ModelHealth | None = None,
    ) -> Gateway:
        gateway = cls(settings, store, driver, mappings, metrics, generation, health)
        gateway._unverified.tell(store.current(), settings)
        if gateway.tables.newer():  # a worker that came after a reload: what served before it
            gateway.warm(gateway._balancers)
        gateway.warm(gateway.balancers())
        return gateway

    @property
    def mappings(self) -> Mappings:
        return self.balancers().mappings

    def balancers(self) -> Balancers:
        """The balancers of now; cheap unless something was written or reloaded since.

        A request asks once and keeps what it got: one snapshot and one set of tables.
        """
        snapshot, mappings, old = self.store.current(), self.tables.current(), self._balancers
        if snapshot is not old.snapshot or mappings is not old.mappings:
            self._unverified.tell(snapshot)
            if mappings is not old.mappings:
                self.doors = Doors(mappings)
                self.on_doors()
            self._balancers = Balancers(
                self.settings, snapshot, mappings, old.breakers, old.last_good, old.health
            )
        return self._balancers

    def warm(self, balancers: Balancers) -> None:
        """Settle every alias before its first request; what cannot work is logged, not fatal."""
        for entry in balancers.snapshot.entries("models"):
            alias = entry.resource.display_name or ""
            if "*" in alias:
                continue
            missing = []  # dialects it does not serve: fine as long as it serves one
            for dialect in balancers.mappings.callers:
                try:
                    tell_unfit(alias, balancers.find(dialect, alias))
                except NoMapping as error:
                    missing.append(error)
                except AisixError as error:
                    log.warning("model %s cannot serve: %s", alias, error)
            if len(missing) == len(balancers.mappings.callers):
                words = "; ".join(str(error) for error in missing)
                log.warning("model %s cannot serve: %s", alias, words)

    def prepare(self, number: int, snapshot: Snapshot) -> str:
        """Make the tables of a later generation ready, for every alias there is; their digest. Not
        in the loop's own thread."""
        fresh = self.tables.prepare(number)
        old, breakers = self._balancers, CircuitBreakers(self._rules)
        given = self.settings, snapshot, fresh, breakers, old.last_good.copy(), old.health
        self.warm(Balancers(*given))
        self._look(fresh, snapshot)
        return fresh.digest

    def label(self, alias: str) -> str:
        """The alias as the operator wrote it (a wildcard stays one); "" for what nobody stored."""
        snapshot = self.store.current()
        if snapshot is not self._labelled:
            self._labelled, self._labels = snapshot, {}
        label = self._labels.get(alias)
        if label is None:
            if len(self._labels) >= MOST_LABELS:
                self._labels.clear()
            label = self._labels[alias] = snapshot.stored_name(alias)
        return label

    def record_with(self, recorder: Captures | None) -> None:
        """Ask it of every request whether to write it down; None: ask nobody."""
        self.recorder = recorder

    # ------------------------------------------------------------------ requests under way
    def enter(self) -> None:
        self.metrics.enter()
        self.serving += 1
        self._idle.clear()

    def leave(self) -> None:
        self.serving -= 1
        self.served += 1
        self.metrics.leave()
        if not self.serving:
            self._idle.set()

    async def drain(self, seconds: float) -> bool:
        """Wait until nothing is under way, at most `seconds`; whether that was reached."""
        self.draining = True
        try:
            await asyncio.wait_for(self._idle.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def give_up(self) -> None:
        """End every request that is still under way, with an answer that says so."""
        for request in list(self.under_way):
            request.give_up()

    def _hung(self, where: str) -> None:
        self.metrics.add("aisix_hung_requests_total", where)

    # ------------------------------------------------------------------ operator
    def extra(self, kind: str, document: Map[str, Any], snapshot: Snapshot) -> list[Complaint]:
        """What only tables, settings and machine know of a document an admin writes."""
        mappings = self._balancers.mappings
        return resource_checks.faults(mappings, self.settings, kind, document, snapshot)

    def doubts(self, kind: str, document: Map[str, Any]) -> list[Complaint]:
        """What the writer of a document that was taken may regret, or may well mean."""
        balancers = self.balancers()
        noted = resource_checks.notes(balancers.mappings, kind, document, balancers.snapshot)
        return [*doubts(kind, document), *noted]

    def refused(self, refusal: RefusedRequest, request_id: str, status: int) -> None:
        """What was no request that a handler could have answered: it is told all the same."""
        record: dict[str, Any] = {"request_id": request_id, "remote": refusal.remote}
        if refusal.path:
            record |= {"method": refusal.method, "path": refusal.path[:PATH]}
        ms = round(refusal.secs * 1000, 1)
        record |= {"status": status, "ms": ms, "error": refusal.kind}
        log.access(record)
        self.metrics.finished("none", "", record)

    def connected(self, listener: str, event: str) -> None:
        """Count what becomes of a connection, in the words of listener/connection_table.py."""
        if event in (OPENED, CLOSED):
            change = 1.0 if event == OPENED else -1.0
            self.metrics.add("aisix_connections", listener, amount=change)
        elif event == GIVEN_UP:
            self.metrics.add("aisix_connections_given_up_total", listener)
        else:
            self.metrics.add("aisix_connections_refused_total", listener, event)

    def count_fallbacks(self, exchange: Exchange) -> None:
        """Count what compiled tables left to the interpreter; a bug in them is logged once."""
        if not exchange.fallbacks:
            return
        name = exchange.tables.name
        for part, reason, bug in exchange.take_fallbacks():
            self.metrics.add("aisix_translation_fallbacks_total", name, part, reason)
            if bug is not None:
                where = log.place(bug)[:MOST_OF_A_PLACE]
                if where not in self._bugs and len(self._bugs) < MOST_BUGS:
                    self._bugs.add(where)
                    log.error("bug in a compiled %s of %s: %s", part, name, where)

    def administered(self, method: str, status: int) -> None:
        """Count a request of the admin API."""
        known = method if method in METHODS else "other"
        self.metrics.add("aisix_admin_requests_total", known, str(status))

    def facts(self) -> dict[tuple[str, ...], float]:
        """What a page of metrics shows beside the counters."""
        shown: dict[tuple[str, ...], float] = {}
        shown["aisix_info", __version__, self.mappings.digest[:8]] = 1.0
        shown |= self.tables.facts()
        shown["aisix_models_quarantined",] = float(len(self.quarantined()))
        limits = self.limits.status()
        shown["aisix_limit_holders",] = limits["holders"]
        shown["aisix_limit_refusals_total",] = limits["refused"]
        if "up" in limits:
            shown["aisix_limits_backend_up",] = float(limits["up"])
        if self.original is not None:
            shown |= self.original.states(self.balancers())
            shown |= self.store.config_state().numbers()
        return shown

    def status(self) -> dict[str, Any]:
        now = self.balancers()
        unfit, _ = self._look(now.mappings, now.snapshot)
        stored = now.mappings, self.settings, now.snapshot, unfit
        return {
            "version": __version__,
            "uptime_secs": int(time.time() - self.started_at),
            "draining": self.draining,
            "in_flight": self.serving,
            "queued": self.admission.waiting,
            "limits": self.limits.status(),
            "targets": self.targets(),
            "faults": resource_checks.stored(*stored),
            "mappings": {
                **self.tables.status(),
                "warnings": [*self.tables.warnings(), *self.idle()],
                "quarantined": self.quarantined(),
            },
        }

    def idle(self) -> list[str]:
        """What overlays of aliases say and plainly does nothing with the tables of now."""
        now = self.balancers()
        return self._look(now.mappings, now.snapshot)[1]

    def quarantined(self) -> list[dict[str, Any]]:
        """The aliases whose overlay does not fit the tables, and whether they serve on."""
        balancers = self.balancers()
        return [
            {"id": one.id, "alias": one.alias, "why": list(one.why)}
            | {"serving": self._serving(balancers, one.alias)}
            for one in self._look(balancers.mappings, balancers.snapshot)[0]
        ]

    def _look(self, mappings: Mappings, snapshot: Snapshot) -> tuple[list[Misfit], list[str]]:
        """(overlays that do not fit, what others say and plainly does nothing), looked for once: it
        takes tens of milliseconds for each there is."""
        known = self._looked
        if known is None or known[0] is not mappings or known[1] is not snapshot:
            idle: list[str] = []
            known = mappings, snapshot, misfits(mappings, snapshot, idle), idle
            self._looked = known
        return known[2:]

    def _serving(self, balancers: Balancers, alias: str) -> str | None:
        """With which tables callers are served all the same; None: those of some dialect are not,
        who were, or would be."""
        found = set()
        for dialect in balancers.mappings.callers if "*" not in alias else ():
            try:
                balancer = balancers.find(dialect, alias)
            except NoMapping:
                continue
            except OperatorError:
                return None
            if balancer is not None:
                tables = [target.tables for target in balancer.targets]
                now = balancers.mappings.mappings
                old = any(now[t.name].digest != t.digest if t.name in now else True for t in tables)
                found.add(SERVES_ON if old else SERVES_NOW)
        return next((one for one in (SERVES_ON, SERVES_NOW) if one in found), None)

    def targets(self) -> dict[str, Any]:
        """The targets of aliases that have several, as this worker has found them."""
        now = asyncio.get_running_loop().time()
        return {
            breaker.name: {
                "in_flight": breaker.in_flight,
                "failures_in_a_row": breaker.failures,
                "cools_down_secs": round(breaker.wait(now), 1),
            }
            for breaker in self._balancers.in_use()
        }
