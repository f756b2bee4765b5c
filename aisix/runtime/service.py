"""The gateway as a service: what is made before the fork, and what happens when it must change.

    serve(settings)        blocks until SIGTERM or SIGINT; returns the exit code

Made here, once: the listening sockets, what the workers share, the plan they are started with. A
plan for changed settings takes over the sockets whose address did not change. On SIGUSR2 the
process becomes the program that is installed now, which finds the sockets and the old workers in
one variable of the environment.

Must never know: HTTP, what a worker does.
"""

from __future__ import annotations

import gc
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import MutableMapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import msgspec

from aisix import __version__, log
from aisix.config.original import VARIABLE as NAMES_VARIABLE
from aisix.config.settings import Settings, load_settings
from aisix.config.shipped import table_folders
from aisix.errors import OperatorError
from aisix.limits import SharedRateLimiter
from aisix.listener.certificates import Certificates
from aisix.mapping.mappings import Mappings, load_shelves
from aisix.mapping.model_tables import preload
from aisix.mapping.parse.files import read_folders, shipped_of
from aisix.mapping.verify.both_forms import known_to_differ
from aisix.mapping.verify.kept import Kept
from aisix.mapping.verify.proofs import of_files
from aisix.proxy.captures import MOST
from aisix.routing import doubts
from aisix.routing.model_health import ModelHealth
from aisix.runtime import kept_tables
from aisix.runtime.companion import Companion
from aisix.runtime.first_look import alone_in_folder, first_look, open_database, tell_form
from aisix.runtime.limiting import check_limits
from aisix.runtime.listening import Listening
from aisix.runtime.node_facts import NodeFacts
from aisix.runtime.reload import HELD, RELOAD
from aisix.runtime.supervisor import Supervisor
from aisix.runtime.systemd import Notifier
from aisix.runtime.table_checks import CACHE, warnings_at_start
from aisix.runtime.worker import Shared, Sockets, WorkerPlan, renew, work
from aisix.telemetry import otlp
from aisix.upstream.addresses import refused_host
from aisix.workers.bus import WorkerSlots
from aisix.workers.generation import Generation
from aisix.workers.scoreboard import Scoreboard, Slot
from aisix.workers.spool import Spool

HANDOVER = "AISIX_HANDOVER"  # {"sockets": {"proxy.addr": ["127.0.0.1:3000", 5]}, "workers": [7]}
CHECK_SECS = 120  # for the newly installed program to say that it can start
LEAST_SLOTS = 16


def serve(
    settings: Settings, env: MutableMapping[str, str] = os.environ, init: bool = False
) -> int:
    """Serve until told to stop; the exit code. `env` may hold what an older version hands over;
    `init`: begin with an empty database also where one has been before.

    Raises OperatorError when it cannot start: an address in use, tables or settings at fault.
    """
    gc.disable()  # what is made here stays
    set_up_log(settings)
    with alone_in_folder(settings):
        return _serve(settings, env, init)


def _serve(settings: Settings, env: MutableMapping[str, str], init: bool) -> int:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to reload
    handed = json.loads(env.pop(HANDOVER, "{}"))
    sockets = Listening(handed.get("sockets", {}))
    open_database(settings, init)
    # The parent's slot, and room for the old and the new of a restart.
    slots = 2 * max(_count(settings), LEAST_SLOTS) + 1
    board = Scoreboard(slots, settings.observability.metrics_series_bytes)
    plan = make_plan(settings, sockets, board)
    sockets.keep(plan)
    notifier = Notifier(env)

    gc.freeze()  # workers share these pages as long as nobody writes to them
    gc.enable()
    # A request makes hundreds of objects that die with it: looking at them every 700 costs 5 % CPU.
    gc.set_threshold(5000, 20, 100)

    def start(plan: WorkerPlan, slot: Slot, seat: int) -> int:
        sockets.keep(plan)  # one that a worker held open would never refuse anybody
        return work(plan, slot, seat)

    log.info(
        "aisix %s: proxy on %s, admin on %s, %d worker%s",
        __version__,
        _shown(plan.proxy, settings.proxy.tls_cert is not None),
        _shown(plan.admin, settings.admin.tls_cert is not None),
        plan.count,
        "" if plan.count == 1 else "s",
    )
    tell_form(settings)
    for name, text in doubts.open_addresses(addresses(settings)):
        log.warning("%s %s", name, text)
    companion = companion_of(plan, sockets)
    return Supervisor(
        plan,
        plan.shared.scoreboard,
        work=start,
        renew=lambda old: renewed(old, sockets, env),
        again=again,
        become=lambda old, pids: become(old, pids, sockets, env, companion),
        settled=lambda plan: settled(plan, sockets, companion),
        stopping=sockets.close,
        gone=partial(given_back, plan.shared),
        notifier=notifier,
        inherited=handed.get("workers", []),
        companion=companion,
    ).run()


def given_back(shared: Shared, number: int) -> bool:
    """What worker `number`, who is dead, had under way is over. False: not now, ask again."""
    return all([shared.limits.free(number), shared.health.free(number)])


def companion_of(plan: WorkerPlan, sockets: Listening) -> Companion | None:
    """The process that follows etcd; None where there is none."""
    settings, shared = plan.settings, plan.shared
    if not settings.etcd.endpoints:
        return None
    from aisix.runtime.cluster import follow  # who has no etcd loads nothing of it

    facts = NodeFacts(settings, shared.mappings.digest, shared.generation, shared.scoreboard)

    def beside() -> int:
        sockets.close()  # else who calls after the last worker has gone waits there, for nobody
        return follow(settings, facts)

    return Companion(beside, settings)


def settled(plan: WorkerPlan, sockets: Listening, companion: Companion | None) -> None:
    """Every worker has this plan: what else goes by the settings follows."""
    sockets.keep(plan)
    fresh = None if companion is None else companion_of(plan, sockets)
    if companion is not None and fresh is not None and fresh.about != companion.about:
        before, companion.work, companion.about = companion.about, fresh.work, fresh.about
        companion.restart(succeeded=_entry_of(before) == _entry_of(fresh.about))


def _entry_of(settings: object) -> object:
    """Where a node of these settings has its entry in etcd."""
    assert isinstance(settings, Settings)
    return settings.node_id, settings.etcd.prefix, settings.etcd.env_id


# ---------------------------------------------------------------- plans
def make_plan(
    settings: Settings, sockets: Listening, scoreboard: Scoreboard, before: WorkerPlan | None = None
) -> WorkerPlan:
    """Everything a worker needs that can be checked before there is one; OperatorError."""
    keys = admin_keys(settings)
    preload()
    generation = Generation()
    mappings, way = _tables(settings, generation, before)
    mappings.run_by_rules(known_to_differ(Kept(settings.data_dir / CACHE), mappings.digest))
    for name, parts in mappings.differs.items():
        log.error("bug in aisix: %s runs rule by rule: %s", name, " and ".join(parts))
    certificates = certificates_of(settings)
    if settings.observability.otlp_endpoint is not None:
        otlp.check()
        check_endpoint(settings, settings.observability.otlp_endpoint)
    if settings.etcd.endpoints:
        from aisix.runtime.cluster import join  # who has no etcd loads nothing of it

        join(settings)
    first_look(settings, mappings)
    check_limits(settings)
    admin, metrics = settings.admin, settings.observability.metrics_addr
    limits = SharedRateLimiter(len(scoreboard.slots)) if before is None else before.shared.limits
    health = ModelHealth(len(scoreboard.slots)) if before is None else before.shared.health
    worker_slots = WorkerSlots(_count(settings))
    spool = Spool(MOST) if before is None else before.shared.spool
    of_all = generation, worker_slots, scoreboard, limits, health, spool
    shared = Shared(mappings, *of_all, parent=os.getpid())
    note: dict[str, object] = {"warnings": warnings_at_start(mappings), "way": way}
    if len(shipped_of(mappings.table_folders)) == len(mappings.table_folders):
        # No release is made unless its cases hold.
        note["good"] = of_files(mappings.table_folders)
    shared.generation.write_note(msgspec.json.encode(note))
    return WorkerPlan(
        settings,
        keys,
        proxy=sockets.at("proxy.addr", settings.proxy.addr, _count(settings)),
        admin=sockets.at("admin.addr", admin.addr) if admin.enabled else [],
        metrics=_metrics_sockets(sockets, metrics) if metrics is not None else [],
        certificates=certificates,
        shared=shared,
    )


def _tables(
    settings: Settings, generation: Generation, before: WorkerPlan | None
) -> tuple[Mappings, dict[str, object]]:
    """Those to begin with, and what their status says of how they came. Files that were rolled back
    from are left alone until they change."""
    old = before and before.shared.generation
    on_disk = read_folders(folders(settings))
    kept = kept_tables.shared(old) if old else kept_tables.from_disk(settings.data_dir)
    table_folders, kept = kept_tables.begin(on_disk, kept)
    if kept is None and old is None:
        kept_tables.to_disk(settings.data_dir, None)  # what was there belongs to other files
    try:
        mappings = load_shelves(table_folders)
    except OperatorError as error:
        if table_folders is on_disk:
            raise
        log.error("the tables that were rolled back to cannot be read any more: %s", error)
        mappings, kept = load_shelves(on_disk), None
    kept_tables.share(generation, kept)
    held = kept and kept.held()
    if held:
        log.warning(HELD, held["digest"], mappings.digest)
    previous = kept and kept.previous()
    by = "rollback" if held else "start"
    return mappings, {"since": int(time.time()), "by": by, "previous": previous, "held": held}


def renewed(plan: WorkerPlan, sockets: Listening, env: MutableMapping[str, str]) -> WorkerPlan:
    """The plan of now: the same one when the settings are the same."""
    settings = load_settings(plan.settings.source or None, env, plan.settings.started)
    if settings == plan.settings:
        return plan
    if bool(settings.etcd.endpoints) != bool(plan.settings.etcd.endpoints):
        raise OperatorError(
            "etcd.endpoints: to begin with an etcd, or to leave it, needs a restart"
        )
    if 2 * _count(settings) + 1 > len(plan.shared.scoreboard.slots):
        raise OperatorError(f"workers: {_count(settings)}: so many need a restart")
    set_up_log(settings)
    try:
        return make_plan(settings, sockets, plan.shared.scoreboard, plan)
    except OperatorError:
        sockets.keep(plan)
        raise


def again(plan: WorkerPlan, pids: list[int]) -> dict[str, bool]:
    """The settings are as they were: certificates in every worker, the tables by one for all.

    What was read again here, and whether it could be used.
    """
    for seat in range(plan.count):
        if plan.shared.worker_slots.tell(seat, RELOAD, "signal"):
            break
    good = renew(plan.certificates)
    for pid in pids if good else ():
        os.kill(pid, signal.SIGHUP)
    return {"certificates": good} if any(plan.certificates.values()) else {}


def become(
    plan: WorkerPlan,
    pids: list[int],
    sockets: Listening,
    env: MutableMapping[str, str],
    companion: Companion | None = None,
) -> None:
    """Exec the installed program in our place, if it says that it can start with our settings."""
    command = [sys.executable, *sys.orig_argv[1:]]
    check, form = _check_of(command, plan.settings), {**env, NAMES_VARIABLE: plan.settings.names}
    try:
        subprocess.run(check, check=True, timeout=CHECK_SECS, capture_output=True, env=form)
    except (OSError, subprocess.SubprocessError) as error:
        told = [getattr(error, name, None) or b"" for name in ("stdout", "stderr")]
        said = b"".join(told).decode("utf-8", "replace").strip()
        log.error("the installed program would not start, staying as we are: %s", said or error)
        return
    env[HANDOVER] = json.dumps({"sockets": sockets.handed_over(), "workers": pids})
    if companion is not None:
        companion.stop(succeeded=True)  # the next program has its own
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execve(command[0], command, dict(env))
    except OSError as error:
        del env[HANDOVER]
        log.error("cannot become the installed program: %s", error.strerror)


def _check_of(command: list[str], settings: Settings) -> list[str]:
    """The command that says whether this one would start."""
    if settings.started:  # without a verb
        program = command[: len(command) - len(sys.argv) + 1]
        return [*program, "check", "--no-cases", "--config", settings.source]
    words = ["check" if word == "serve" else word for word in command if word != "--init"]
    return [*words, "--no-cases"]


def set_up_log(settings: Settings) -> None:
    seen = settings.observability
    log.setup(seen.log_level, seen.access_log, seen.access_log_format)


def folders(settings: Settings) -> list[Any]:
    """Where tables are: the shipped ones first."""
    for folder in settings.mappings:
        if not folder.is_dir():
            raise OperatorError(f"mappings: {folder}: no such folder")
    return table_folders(settings.names, settings.mappings)


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


def certificates_of(settings: Settings) -> dict[str, Certificates | None]:
    """Of each listener; OperatorError when a file cannot be used."""
    proxy, admin = settings.proxy, settings.admin
    return {
        "proxy": Certificates.load("proxy", proxy.tls_cert, proxy.tls_key),
        "admin": Certificates.load("admin", admin.tls_cert, admin.tls_key),
    }


def check_endpoint(settings: Settings, endpoint: str) -> None:
    """OperatorError for a collector where no request goes; it is looked at as it is written."""
    try:
        why = refused_host(urlsplit(endpoint).hostname or "")
    except ValueError:
        why = "is no URL"
    if why is not None and not settings.upstream.allow_link_local:
        text = f"observability.otlp_endpoint: {why} (see upstream.allow_link_local)"
        raise OperatorError(text)


def addresses(settings: Settings) -> dict[str, tuple[str, bool]]:
    """Where keys are taken: {setting: (address, whether TLS is spoken there)}."""
    proxy, admin = settings.proxy, settings.admin
    found = {"proxy.addr": (proxy.addr, proxy.tls_cert is not None)}
    if admin.enabled:
        found["admin.addr"] = admin.addr, admin.tls_cert is not None
    return found


def _count(settings: Settings) -> int:
    return settings.workers or os.cpu_count() or 1


def _metrics_sockets(sockets: Listening, addr: str) -> Sockets:
    """Callers are served all the same when the metrics cannot be."""
    try:
        return sockets.at("observability.metrics_addr", addr)
    except OperatorError as error:
        log.error("no metrics: %s", error)
        return []


def _shown(sockets: Sockets, tls: bool) -> str:
    if not sockets:
        return "(disabled)"
    host, port = sockets[0].getsockname()[:2]
    scheme = "https" if tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
