"""One worker: both listeners over one gateway, from the fork to the end of the drain.

    WorkerPlan               what workers are started with; replaced whole when settings change
    work(plan, slot, seat)   a worker's whole life; its exit code

The sockets were bound before the fork. Each worker has its own of the proxy's (SO_REUSEPORT: the
system spreads connections), and takes over who waits at those of a worker that is dead or stuck.
SIGTERM drains: /readyz says no, then nobody new is accepted, then what is under way finishes
(bounded), then callers who keep a connection open are let go. SIGHUP reads certificates again;
tables are `reload.py`'s, settings and the replacing of workers `supervisor.py`'s.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tornado.web import Application

from aisix import log
from aisix.admin.app import make_admin_app
from aisix.admin.base import admin_refusal
from aisix.config.settings import Settings
from aisix.errors import OperatorError
from aisix.limits import SharedRateLimiter
from aisix.listener.certificates import Certificates
from aisix.listener.fast import FastListener
from aisix.listener.hosts import Hosts
from aisix.listener.limits import ListenerLimits
from aisix.listener.plain import PlainListener
from aisix.listener.refusals import Refuse, bare
from aisix.mapping.mappings import Mappings
from aisix.proxy import refusals
from aisix.proxy.app import make_proxy_app
from aisix.proxy.base import DRAIN
from aisix.proxy.beside import SWITCH
from aisix.proxy.captures import Captures
from aisix.proxy.gateway import Gateway
from aisix.proxy.model_checks import ModelChecks
from aisix.routing.model_health import ModelHealth
from aisix.runtime.drain import Listener, drain
from aisix.runtime.drivers import drivers_of
from aisix.runtime.guarded import Guard
from aisix.runtime.limiting import OpenLimiter
from aisix.runtime.memory import give_back
from aisix.runtime.node_facts import NodeFacts
from aisix.runtime.open_files import shares_now
from aisix.runtime.reload import Reloader
from aisix.runtime.resources import store_of
from aisix.runtime.status import board_of, moved_in, pages_of
from aisix.runtime.store_watch import StoreWatch, facts
from aisix.telemetry.metrics import Metrics
from aisix.telemetry.metrics_endpoint import make_metrics_app
from aisix.telemetry.otlp import OtlpExporter
from aisix.telemetry.traffic import traffic
from aisix.upstream.ca_rotation import RotatingDriver
from aisix.workers.bus import WorkerSlots
from aisix.workers.generation import Generation
from aisix.workers.scoreboard import DRAINING, READY, STARTING, Scoreboard, Slot
from aisix.workers.spool import Spool

POLL_SECS = 1.0  # how often the store looks for changes nobody announced
BEAT_SECS = 1.0  # how often a worker shows that it is not stuck

Sockets = list[socket.socket]


@dataclass(frozen=True, slots=True)
class Shared:
    """What every worker of this gateway was forked with."""

    mappings: Mappings
    generation: Generation
    worker_slots: WorkerSlots
    scoreboard: Scoreboard
    limits: SharedRateLimiter
    health: ModelHealth
    spool: Spool  # what was captured
    parent: int  # its process id; asked of the system by a worker, it might have gone already


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """What a worker is started with: settings, admin keys, bound sockets, what all share."""

    settings: Settings
    keys: tuple[str, ...] = field(repr=False)
    proxy: Sockets
    admin: Sockets
    metrics: Sockets
    certificates: dict[str, Certificates | None]  # by listener; None: no TLS
    shared: Shared

    @property
    def count(self) -> int:
        return self.shared.worker_slots.count

    def of(self, seat: int) -> tuple[Sockets, Sockets]:
        """The proxy's sockets: those the worker on this seat listens to, and the others'. Each
        address has several (SO_REUSEPORT), so that the system spreads connections evenly."""
        mine: Sockets = []
        others: Sockets = []
        of_address: dict[Any, int] = {}
        for one in self.proxy:
            name = one.getsockname()
            number = of_address[name] = of_address.get(name, -1) + 1
            (mine if number % self.count == seat else others).append(one)
        return (mine, others) if mine else (others, [])

    @property
    def silence_secs(self) -> float:
        return self.settings.worker_silence_secs

    @property
    def drain_secs(self) -> float:
        shutdown = self.settings.shutdown
        return shutdown.min_drain_secs + shutdown.max_drain_secs + shutdown.idle_grace_ms / 1000


def work(plan: WorkerPlan, slot: Slot, seat: int) -> int:
    """A worker's whole life, in the child process; its exit code (0: told to stop, and drained).

    `seat`: which of the workers we are; `slot`: ours on the scoreboard.
    """
    with asyncio.Runner(loop_factory=loop_factory(plan.settings.event_loop)) as runner:
        return runner.run(_worker(plan, slot, seat))


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's when it is installed and wanted; None: asyncio's own."""
    if name != "asyncio":
        try:
            return importlib.import_module("uvloop").new_event_loop  # type: ignore[no-any-return]
        except ImportError:
            if name == "uvloop":
                raise OperatorError("event_loop: uvloop is not installed") from None
    return None


async def _worker(plan: WorkerPlan, slot: Slot, seat: int) -> int:
    settings, shared = plan.settings, plan.shared
    parent = shared.parent
    loop = asyncio.get_running_loop()
    metrics = Metrics(slot)
    guard = Guard(metrics)
    loop.set_exception_handler(guard.of_loop)
    sys.setswitchinterval(SWITCH)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    store = store_of(settings)
    share = shares_now(settings)
    drivers = drivers_of(settings, store, share.upstream)
    gateway = Gateway.open(
        settings, store, drivers.newest, shared.mappings, metrics, shared.generation, shared.health
    )
    shared.health.sit(slot.number)
    limiting = await OpenLimiter.of(
        settings, shared.limits, slot.number, metrics, guard, lambda: store.live_nodes
    )
    gateway.limits = limiting.limiter
    gateway.admission.bound(share.requests)
    spans = _spans(settings, guard)
    gateway.spans = spans
    bus = shared.worker_slots.sit(seat)
    secs = settings.mappings_reload_timeout_secs
    reloader = Reloader(gateway, shared.generation, bus, shared.mappings.folders, secs)
    captures = Captures.of_worker(settings.capture, gateway, shared.spool, bus)
    shown = plan.certificates
    loop.add_signal_handler(signal.SIGHUP, _read_again, shown, drivers, gateway)
    limit = settings.proxy.request_body_limit_bytes
    listen = partial(_listen, gateway, shown)
    listeners = [
        await listen(
            "proxy",
            make_proxy_app(gateway),
            plan.of(seat),
            limit,
            share.proxy,
            refusals.of_callers(gateway),
        )
    ]
    pages = pages_of(gateway, settings)
    of_admins = refusals.told(gateway, lambda refusal, _: admin_refusal(refusal))
    of_scrapers = refusals.told(gateway, lambda refusal, _: bare(refusal))
    node = NodeFacts(settings, shared.mappings.digest, shared.generation, shared.scoreboard)
    named = {"node": settings.node_id} if settings.etcd.endpoints else {}
    if plan.admin:
        app = make_admin_app(
            store,
            plan.keys,
            audit=lambda told: log.audit({**told, **named}),
            status=lambda: {
                **gateway.status(),
                "moved_in": moved_in(gateway, settings),
                **_around(settings, shared.scoreboard),
                "connections": {one.table.name: one.table.status() for one in listeners},
            },
            tables=reloader,
            extra=gateway.extra,
            captures=captures,
            access=lambda h: gateway.administered(h.request.method or "", h.get_status()),
            hosts=_hosts(settings.admin.addr, settings, shown["admin"]),
            doubts=gateway.doubts,
            node=settings.node_id,
            nodes=lambda: node.nodes(store),
            wrote=lambda secs: metrics.observe("aisix_config_write_seconds", secs),
            health=board_of(gateway, settings),
        )
        listeners.append(
            await listen("admin", app, (plan.admin, []), 1 << 20, share.admin, of_admins)
        )
    if plan.metrics:
        hosts = _hosts(settings.observability.metrics_addr or "", settings, None)
        app = make_metrics_app(
            shared.scoreboard,
            lambda: {
                **gateway.facts(),
                **_endings(shown),
                **facts(store),
                **node.numbers(),
            },
            hosts,
            settings.observability.metrics_path,
            pages,
            gateway.page,
        )
        listeners.append(
            await listen("metrics", app, (plan.metrics, []), 1 << 20, share.metrics, of_scrapers)
        )
    watch = StoreWatch(store, metrics, tells_rows=seat == 0)
    tasks = [
        guard.task("store", lambda: _each_second(watch.look, store.poll), POLL_SECS),
        guard.task("drivers", lambda: _each_second(drivers.sweep)),
        guard.task("beat", lambda: _beat(slot, parent, stop), BEAT_SECS),
        guard.task("memory", lambda: give_back(lambda: gateway.served)),
        guard.task("backstop", gateway.backstop.run, BEAT_SECS),
        guard.task("booking", gateway.booking.run),
        guard.task("checks", ModelChecks(gateway, partial(shared.scoreboard.leads, slot)).run),
    ]
    if settings.mappings_watch_secs and seat == 0:
        secs = settings.mappings_watch_secs
        tasks.append(guard.task("mappings", lambda: reloader.watch(secs)))
    slot.state = READY
    with suppress(ProcessLookupError):  # gone: `_beat` sees that
        os.kill(parent, signal.SIGUSR1)  # the parent looks again
    await stop.wait()
    slot.state = DRAINING
    await drain(gateway, listeners, settings)
    for task in tasks:
        task.cancel()
    await limiting.close()
    reloader.close()
    captures.close()
    bus.close()
    drivers.close()
    store.close()
    if spans is not None:
        await asyncio.to_thread(spans.close)
    return 0


def _hosts(addr: str, settings: Settings, shown: Certificates | None) -> Hosts:
    """Under which names a listener for operators answers."""
    added = settings.admin.allowed_hosts
    return Hosts(addr, added, lambda: () if shown is None else shown.names)


def _around(settings: Settings, scoreboard: Scoreboard) -> dict[str, Any]:
    """What a status tells of the whole gateway: its configuration and its workers."""
    states = {STARTING: "starting", READY: "ready", DRAINING: "draining"}
    workers = [slot for slot in scoreboard.living() if slot.number]  # the first is the parent's
    return {
        "pid": os.getpid(),
        "config": {"file": settings.source or None, "digest": settings.digest},
        "traffic": traffic(scoreboard),
        "workers": [{"pid": slot.pid, "state": states.get(slot.state, "")} for slot in workers],
    }


FOR_EVER = 10 * 365 * 86_400.0  # s


async def _listen(
    gateway: Gateway,
    certificates: Mapping[str, Certificates | None],
    name: str,
    app: Application,
    sockets: tuple[Sockets, Sockets],
    limit: int,
    connections: int,
    refused: Refuse,
) -> Listener:
    settings = gateway.settings
    given = settings.proxy
    limits = ListenerLimits(
        body=limit * DRAIN,
        head_secs=given.header_timeout_secs,
        body_secs=given.body_timeout_secs,
        idle_secs=given.idle_timeout_secs or FOR_EVER,
        stall_secs=given.idle_timeout_secs or settings.downstream.stalled_timeout_secs or FOR_EVER,
        requests=given.keepalive_requests,
        connections=connections,
        per_address=given.max_connections_per_address if name == "proxy" else 0,
    )
    shown = certificates.get(name)
    tls = None if shown is None else shown.context
    listener: Listener
    tell = partial(gateway.connected, name)
    if given.http == "fast":
        listener = FastListener(app, limits, tls, refused, name, tell)
    else:
        listener = PlainListener.make(app, limits, tls, refused, name, tell)
    await listener.accept(*sockets)
    return listener


def renew(shown: Mapping[str, Certificates | None]) -> bool:
    """SIGHUP: read the certificates' files again; on a fault the old ones are shown on."""
    good = True
    for one in shown.values():
        try:
            if one is not None:
                one.renew()
        except OperatorError as error:
            good = False
            log.error("certificate not reloaded: %s", error)
    return good


def _endings(shown: Mapping[str, Certificates | None]) -> dict[tuple[str, ...], float]:
    name = "aisix_certificate_expires_seconds"
    return {(name, key): one.expires for key, one in shown.items() if one is not None}


def _spans(settings: Settings, guard: Guard) -> OtlpExporter | None:
    seen = settings.observability
    if seen.otlp_endpoint is None:
        return None
    return OtlpExporter(seen.otlp_endpoint, partial(guard.failed, "spans"), seen.service_name)


def _read_again(
    shown: Mapping[str, Certificates | None], drivers: RotatingDriver, gateway: Gateway
) -> None:
    """SIGHUP: files of certificates, ours and those the upstreams are checked with."""
    renew(shown)
    if drivers.renew():
        gateway.driver = drivers.newest
        log.info("certificates of upstreams were read again")


async def _beat(slot: Slot, parent: int, stop: asyncio.Event) -> None:
    """Show that we are not stuck; stop when the parent has gone."""
    while True:
        slot.beat = time.monotonic()
        if os.getppid() != parent and not stop.is_set():
            log.error("the parent process has gone: draining")
            stop.set()
        await asyncio.sleep(BEAT_SECS)


async def _each_second(*steps: Callable[[], None]) -> None:
    while True:
        for step in steps:
            step()
        await asyncio.sleep(POLL_SECS)
