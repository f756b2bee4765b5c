"""Both listeners over one gateway, in one process or several: start, reload, drain, stop.

    serve(settings)        blocks until SIGTERM or SIGINT; returns the exit code

The sockets are bound once, before any fork, and shared by the workers: a worker that dies takes no
waiting connection with it. SIGTERM drains: /readyz says no, then nobody new is accepted, then what
is under way finishes (bounded). SIGHUP reads the mapping tables again (`reload.py`).
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from tornado.netutil import bind_sockets
from tornado.web import Application

from aisix import __version__, log
from aisix.admin.app import make_admin_app
from aisix.board import DRAINING, READY, STARTING, Board, Slot
from aisix.errors import OperatorError, StoreError
from aisix.limits import SharedLimits
from aisix.listener.fast import FastListener
from aisix.listener.limits import Limits
from aisix.listener.plain import PlainListener
from aisix.mapping.check import jobs
from aisix.mapping.loader import Mappings, load_mappings
from aisix.metrics import Metrics
from aisix.paths import shipped_mappings
from aisix.proxy import fitting
from aisix.proxy.app import make_proxy_app
from aisix.proxy.base import DRAIN
from aisix.proxy.context import Gateway
from aisix.reload import RELOAD, Reloader
from aisix.scrape import make_metrics_app
from aisix.settings import Settings
from aisix.store import open_store
from aisix.store.base import Store
from aisix.upstream.curl import Driver
from aisix.workers.bus import Seats
from aisix.workers.turn import Turn

POLL_SECS = 1.0  # how often the store looks for changes nobody announced
RESTART_PAUSE = 1.0  # s between a worker's death and its successor, when it died young

Sockets = list[socket.socket]
Listener = FastListener | PlainListener


@dataclass(frozen=True, slots=True)
class Shared:
    """What every worker of this gateway was forked with."""

    mappings: Mappings
    turn: Turn
    seats: Seats
    board: Board
    limits: SharedLimits


def serve(settings: Settings) -> int:
    """See the module. Raises OperatorError when it cannot start."""
    log.setup(settings.observability.log_level, settings.observability.access_log)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to reload
    keys = admin_keys(settings)
    mappings = load_mappings(_folders(settings))  # complaints belong to the start
    _first_look(settings, mappings)
    proxy = bind(settings.proxy.addr, "proxy.addr")
    admin = bind(settings.admin.addr, "admin.addr") if settings.admin.enabled else []
    metrics = _bind_metrics(settings)
    count = settings.workers or os.cpu_count() or 1
    board = Board(2 * count + 2)  # the parent's, and room for the old and the new of a restart
    board.claim().pid = os.getpid()
    log.info(
        "aisix %s: proxy on http://%s, admin on %s, %d worker%s",
        __version__,
        _shown(proxy),
        f"http://{_shown(admin)}" if admin else "(disabled)",
        count,
        "" if count == 1 else "s",
    )
    shared = Shared(mappings, Turn(), Seats(count), board, SharedLimits(len(board.slots)))
    # The shipped cases hold with the shipped tables: no release is made without that.
    known = [job.name for job in jobs(mappings.shelves[:1])]
    shared.turn.write_note(msgspec.json.encode({"proven": known}))
    if count == 1:
        return asyncio.run(_worker(settings, keys, proxy, admin, metrics, shared, 0, board.claim()))
    return Supervisor(settings, keys, proxy, admin, metrics, shared).run()


def _open_store(settings: Settings) -> Store:
    return open_store(
        settings.data_dir,
        settings.encryption_key,
        resources_file=settings.resources_file,
        environ=settings.environ,
    )


def _first_look(settings: Settings, mappings: Mappings) -> None:
    """Make or migrate the store and take over the resources file, once, before any worker."""
    store = _open_store(settings)
    try:
        store.reload(partial(fitting.faults, mappings))
    except StoreError as error:
        raise OperatorError(str(error)) from None
    finally:
        store.close()


def admin_keys(settings: Settings) -> tuple[str, ...]:
    """Those of the settings; without any, one that is made on the first start and kept."""
    if settings.admin.admin_keys or not settings.admin.enabled:
        return settings.admin.admin_keys
    file = settings.data_dir / "admin_key"
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists():
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as out:
                out.write(secrets.token_hex(32) + "\n")
            log.info("no admin.admin_keys set: an admin key was made, see %s", file)
        return (file.read_text().strip(),)
    except OSError as error:
        raise OperatorError(f"data_dir {settings.data_dir}: {error.strerror}") from None


def bind(addr: str, name: str) -> Sockets:
    """Listening sockets; OperatorError names the setting when the address cannot be had."""
    host, _, port = addr.rpartition(":")
    try:
        return bind_sockets(int(port), host.strip("[]") or None, backlog=1024)
    except OSError as error:
        raise OperatorError(f"{name} {addr}: {error.strerror or error}") from None


def _bind_metrics(settings: Settings) -> Sockets:
    """Callers are served all the same when the metrics cannot be."""
    addr = settings.observability.metrics_addr
    if addr is None:
        return []
    try:
        return bind(addr, "observability.metrics_addr")
    except OperatorError as error:
        log.error("no metrics: %s", error)
        return []


def _shown(sockets: Sockets) -> str:
    host, port = sockets[0].getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _folders(settings: Settings) -> list[Any]:
    for folder in settings.mappings:
        if not folder.is_dir():
            raise OperatorError(f"mappings: {folder}: no such folder")
    return [shipped_mappings(), *settings.mappings]


# ---------------------------------------------------------------- one worker
async def _worker(
    settings: Settings,
    keys: Sequence[str],
    proxy: Sockets,
    admin: Sockets,
    metrics: Sockets,
    shared: Shared,
    seat: int,
    slot: Slot,
) -> int:
    """Serve until told to stop. `seat`: which of the workers we are; `slot`: ours on the board."""
    slot.pid = os.getpid()
    shared.limits.sit(slot.number)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    store = _open_store(settings)
    up = settings.upstream
    driver = Driver(
        max_connections=up.max_connections,
        max_per_host=up.max_connections_per_host,
        idle_secs=up.idle_secs,
    )
    gateway = Gateway.open(settings, store, driver, shared.mappings, Metrics(slot), shared.turn)
    gateway.limits = shared.limits
    bus = shared.seats.sit(seat)
    secs = settings.mappings_reload_timeout_secs
    reloader = Reloader(gateway, shared.turn, bus, shared.mappings.folders, secs)
    if shared.seats.count == 1:  # else the parent is signalled, and asks one of us
        loop.add_signal_handler(signal.SIGHUP, reloader.begin, "signal")
    limits = settings.proxy
    listeners = [
        await _listen(make_proxy_app(gateway), proxy, settings, limits.request_body_limit_bytes)
    ]
    if admin:
        app = make_admin_app(
            store,
            keys,
            audit=log.audit,
            status=lambda: {**gateway.status(), **_around(settings, shared.board)},
            reload=lambda: reloader.reload("admin"),
            extra=gateway.extra,
            access=lambda h: gateway.administered(h.request.method or "", h.get_status()),
        )
        listeners.append(await _listen(app, admin, settings, 1 << 20))
    if metrics:
        app = make_metrics_app(shared.board, gateway.facts)
        listeners.append(await _listen(app, metrics, settings, 1 << 20))
    tasks = [loop.create_task(_poll(store))]
    if settings.mappings_watch_secs and seat == 0:
        tasks.append(loop.create_task(reloader.watch(settings.mappings_watch_secs)))
    slot.state = READY
    await stop.wait()
    slot.state = DRAINING
    await _drain(gateway, listeners, settings)
    for task in tasks:
        task.cancel()
    reloader.close()
    bus.close()
    driver.close()
    store.close()
    return 0


def _around(settings: Settings, board: Board) -> dict[str, Any]:
    """What a status tells of the whole gateway: its configuration and its workers."""
    states = {STARTING: "starting", READY: "ready", DRAINING: "draining"}
    workers = [slot for slot in board.living() if slot.number]  # the first is the parent's
    return {
        "pid": os.getpid(),
        "config": {"file": settings.source or None, "digest": settings.digest},
        "workers": [{"pid": slot.pid, "state": states.get(slot.state, "")} for slot in workers],
    }


async def _listen(app: Application, sockets: Sockets, settings: Settings, limit: int) -> Listener:
    given = settings.proxy
    limits = Limits(
        body=limit * DRAIN,
        head_secs=given.header_timeout_secs,
        body_secs=given.body_timeout_secs,
        idle_secs=given.idle_timeout_secs,
        requests=given.keepalive_requests,
    )
    listener: Listener
    if given.http == "fast":
        listener = FastListener(app, limits)
    else:
        listener = PlainListener.make(app, limits)
    await listener.accept(sockets)
    return listener


async def _poll(store: Any) -> None:
    while True:
        await asyncio.sleep(POLL_SECS)
        store.poll()


async def _drain(gateway: Gateway, listeners: list[Listener], settings: Settings) -> None:
    log.info("draining: %d requests under way", gateway.serving)
    gateway.draining = True
    await asyncio.sleep(settings.shutdown.min_drain_secs)
    for listener in listeners:
        listener.stop()
        listener.close_idle()
    if not await gateway.drain(settings.shutdown.max_drain_secs):
        log.warning("%d requests did not finish in time", gateway.serving)
        gateway.give_up()
        await gateway.drain(1)
    for listener in listeners:
        await listener.close_all_connections()


# ---------------------------------------------------------------- several workers
class Supervisor:
    """The parent of the workers: passes signals on and replaces who dies."""

    def __init__(
        self,
        settings: Settings,
        keys: Sequence[str],
        proxy: Sockets,
        admin: Sockets,
        metrics: Sockets,
        shared: Shared,
    ) -> None:
        self._settings, self._keys = settings, keys
        self._proxy, self._admin, self._metrics = proxy, admin, metrics
        self._shared = shared
        self._workers: dict[int, tuple[int, float]] = {}  # pid -> seat, when it was started
        self._stopping = False
        self._code = 0

    def run(self) -> int:
        for seat in range(self._shared.seats.count):
            self._fork(seat)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._reload)
        while self._workers:
            try:
                pid, status = os.wait()
            except ChildProcessError:
                break
            if pid not in self._workers:
                continue
            seat, began = self._workers.pop(pid)
            if not self._stopping:
                log.error("worker %d ended (%s); starting another", pid, _ending(status))
                if time.monotonic() - began < RESTART_PAUSE:
                    time.sleep(RESTART_PAUSE)
                if not self._stopping:
                    self._fork(seat)
            elif status:
                self._code = 1
        return self._code

    def _fork(self, seat: int) -> None:
        slot = self._shared.board.claim()
        pid = os.fork()
        if pid:
            self._workers[pid] = seat, time.monotonic()
            return
        code = 1
        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # one reload for all, asked by the parent
            sockets = self._proxy, self._admin, self._metrics
            code = asyncio.run(
                _worker(self._settings, self._keys, *sockets, self._shared, seat, slot)
            )
        except OperatorError as error:
            log.error("worker cannot start: %s", error)
        except BaseException as error:
            log.bug("-", error)
        finally:
            sys.stdout.flush()
            os._exit(code)

    def _stop(self, number: int, frame: object) -> None:
        self._stopping = True
        self._pass_on(signal.SIGTERM, frame)

    def _reload(self, number: int, frame: object) -> None:
        """Ask one worker; it sees to the others."""
        for seat in sorted(seat for seat, _ in self._workers.values()) or [0]:
            if self._shared.seats.tell(seat, RELOAD, "signal"):
                return

    def _pass_on(self, number: int, frame: object) -> None:
        for pid in list(self._workers):
            os.kill(pid, number)


def _ending(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"signal {-code}" if code < 0 else f"exit code {code}"
