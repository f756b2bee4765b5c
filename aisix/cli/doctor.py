"""What can be said against a configuration before it serves, and against the machine it serves on.

    check(settings, cases=True)    offline: tables, resources, certificates
    doctor(settings)               that, and ports, files, limits, clock, trust, every upstream

Nothing is written and no credential is sent: the database is read from a copy, and an upstream
counts as reached when it answers anything at all.

Must never know: how findings are shown.
"""

from __future__ import annotations

import asyncio
import http.client
import os
import resource
import shutil
import sqlite3
import ssl
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TypeVar

from aisix.cli.findings import FAULT, OK, WARNING, Finding
from aisix.config.cache import cache_folder, shipped_results
from aisix.config.settings import Settings
from aisix.errors import OperatorError, UpstreamError
from aisix.listener.certificates import expires
from aisix.mapping.mappings import Mappings, load_mappings
from aisix.mapping.verify.check import Checker
from aisix.mapping.verify.kept import Kept
from aisix.mapping.verify.processes import usable
from aisix.routing import resource_checks
from aisix.routing.doubts import doubts, open_addresses
from aisix.routing.target import base_url
from aisix.routing.trust import tls_of, trusted, trusted_files
from aisix.runtime.limiting import check_limits, reachable, remote
from aisix.runtime.listening import bind
from aisix.runtime.open_files import shares, wanted_shares
from aisix.runtime.resources import store_of_command
from aisix.runtime.service import addresses, certificates_of, folders
from aisix.runtime.table_checks import CACHE
from aisix.store.opening import has_database, not_lost, open_store
from aisix.store.resources import ProviderKey
from aisix.store.secrets import KEY_FILE
from aisix.store.snapshot import Snapshot
from aisix.store.sqlite import DATABASE
from aisix.upstream.curl import Driver
from aisix.upstream.request import Request, Response, Timeouts

SOON = 14 * 86400  # s before a certificate ends that it is time to say so
SKEW, TOO_MUCH = 30, 300  # s our clock may differ from an upstream's
ROOM = 256 << 20  # bytes that should be free beside the database
REACH = Timeouts(connect_ms=5000, first_byte_ms=10_000, total_ms=15_000)
PROBE_SECS = 3

T = TypeVar("T")


# ---------------------------------------------------------------- offline
def check(settings: Settings, cases: bool = True) -> list[Finding]:
    """Faults and warnings only; empty when all is well."""
    found: list[Finding] = []
    where = _caught(found, lambda: folders(settings))
    mappings = None
    if where is not None:
        kept = Kept(cache_folder(os.environ), shipped_results())
        checker = Checker(kept, cases, processes=usable(), serving=True)
        found += [Finding(FAULT, "", str(one)) for one in checker.folders(where)]
        found += [Finding(WARNING, "", str(one)) for one in checker.warnings]
        found += [Finding(WARNING, "mappings", str(bug)) for bug in checker.bugs]
        bad = any(one.level == FAULT for one in found)
        mappings = None if bad else _caught(found, lambda: load_mappings(where))
    found += _listeners(settings)
    snapshot = _caught(found, lambda: stored(settings))
    if snapshot is not None and mappings is not None:
        found += _resources(settings, snapshot, mappings)
    return found


def stored(settings: Settings) -> Snapshot | None:
    """What the database holds, read from a copy; None without one (or with a resources file)."""
    database = settings.data_dir / DATABASE
    if settings.resources_file is not None:
        return None
    if settings.etcd.endpoints:
        found = store_of_command(settings)
        try:
            return found.current()
        finally:
            found.close()
    if not has_database(settings.data_dir):
        not_lost(settings.data_dir)
        return None
    with tempfile.TemporaryDirectory(prefix="aisix-") as folder:
        copy = Path(folder)
        key = settings.data_dir / KEY_FILE
        try:
            if key.exists():
                shutil.copy2(key, copy / KEY_FILE)
            source = sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)
            target = sqlite3.connect(copy / DATABASE)
            source.backup(target)
            source.close()
            target.close()
        except (OSError, sqlite3.Error) as error:
            raise OperatorError(f"{database}: cannot be read: {error}") from None
        try:
            store = open_store(copy, settings.encryption_key)
        except OperatorError as error:  # it names the copy, which is gone when this is read
            text = str(error).replace(str(copy), str(settings.data_dir))
            raise OperatorError(text) from None
        try:
            return store.current()
        finally:
            store.close()


def _caught(found: list[Finding], make: Callable[[], T]) -> T | None:
    """What `make` answers; what it raises becomes findings."""
    try:
        return make()
    except OperatorError as error:
        found += [Finding(FAULT, "", str(one)) for one in error.complaints]
    return None


def _resources(settings: Settings, snapshot: Snapshot, mappings: Mappings) -> Iterator[Finding]:
    for bad in snapshot.quarantined:
        yield Finding(FAULT, "in quarantine", str(bad))
    for entry in snapshot.all_entries():
        name = entry.document.get("display_name") or entry.id
        found = resource_checks.faults(mappings, settings, entry.kind, entry.document, snapshot)
        for one in found:
            level = WARNING if one.idle else FAULT
            yield Finding(level, f"{entry.kind}/{name}", f"{one.path}: {one.text}")
        noted = resource_checks.notes(mappings, entry.kind, entry.document, snapshot)
        for one in (*doubts(entry.kind, entry.document), *noted):
            yield Finding(WARNING, f"{entry.kind}/{name}", f"{one.path}: {one.text}")
        if isinstance(entry.resource, ProviderKey):
            yield from _upstream_tls(entry.resource, {one.path for one in found})


def _upstream_tls(key: ProviderKey, told: set[str]) -> Iterator[Finding]:
    about, tls = f"provider_keys/{key.display_name}", key.tls
    for name, path in (("tls.ca_file", tls.ca_file), ("tls.client_cert", tls.client_cert)):
        if path is not None and name not in told:
            yield from _ends(about, name, Path(path))


def _listeners(settings: Settings) -> Iterator[Finding]:
    for name, text in open_addresses(addresses(settings)):
        yield Finding(WARNING, name, text)
    found: list[Finding] = []
    _caught(found, lambda: certificates_of(settings))
    _caught(found, lambda: check_limits(settings))
    yield from found
    if found:
        return
    for name, cert in (("proxy", settings.proxy.tls_cert), ("admin", settings.admin.tls_cert)):
        if cert is not None:
            yield from _ends(name, f"{name}.tls_cert", cert)


def _ends(about: str, name: str, file: Path) -> Iterator[Finding]:
    """What is wrong with a file of certificates, or that its first one ends soon."""
    try:
        ends = expires(name, file)
    except OperatorError as error:
        yield Finding(FAULT, about, str(error))
        return
    left = ends - time.time()
    day = datetime.fromtimestamp(ends, UTC).date()
    if left < 0:
        yield Finding(FAULT, about, f"{name} {file}: has ended on {day}")
    elif left < SOON:
        yield Finding(WARNING, about, f"{name} {file}: ends on {day}")


# ---------------------------------------------------------------- this machine, the network
def doctor(settings: Settings) -> list[Finding]:
    """Everything that was looked at, also what is well."""
    found = check(settings, cases=False)
    if not found:
        found = [Finding(OK, "configuration", "settings, tables, certificates and resources")]
    found += [_python(), *_data(settings), *_kept(settings), _files(settings), _trust(settings)]
    found += [*_ports(settings), *_etcd(settings), *_limits(settings)]
    try:
        snapshot = stored(settings)
        if snapshot is not None:
            found += asyncio.run(_upstreams(settings, snapshot, load_mappings(folders(settings))))
    except OperatorError:
        pass  # `check` has told why
    return found


def _etcd(settings: Settings) -> Iterator[Finding]:
    if settings.etcd.endpoints:
        from aisix.cli.doctor_etcd import findings  # who has no etcd loads nothing of it

        yield from findings(settings)


def _limits(settings: Settings) -> Iterator[Finding]:
    """Whether what counts rate limits elsewhere is there, and takes writes."""
    if not remote(settings):
        return
    try:
        check_limits(settings)
    except OperatorError:
        return  # `check` has told why
    try:
        where = asyncio.run(reachable(settings))
    except OperatorError as error:
        yield Finding(FAULT, "rate limits", str(error))
    else:
        yield Finding(OK, "rate limits", f"redis at {where} takes our writes in time")


def _python() -> Finding:
    version = sys.version.split()[0]
    return Finding(OK, "program", f"Python {version}, {sys.executable}")


def _data(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    if not folder.exists():
        yield Finding(OK, "data_dir", f"{folder}: will be made on the first start")
        return
    fine = True
    for path, allowed in ((folder, 0o700), (folder / DATABASE, 0o600), (folder / KEY_FILE, 0o600)):
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & ~allowed:
            fine = False
            mode = stat.S_IMODE(path.stat().st_mode)
            text = f"{path}: mode {mode:04o} lets others in; chmod {allowed:o} {path}"
            yield Finding(FAULT, "data_dir", text)
    free = shutil.disk_usage(folder).free
    if free < ROOM:
        fine = False
        yield Finding(WARNING, "data_dir", f"{folder}: {free >> 20} MiB free")
    if fine:
        yield Finding(OK, "data_dir", f"{folder}: closed to others, {free >> 30} GiB free")


def _kept(settings: Settings) -> Iterator[Finding]:
    """Where results of checks are kept: what cannot be kept is found out again each time."""
    about = "results of checks"
    gateway = settings.data_dir / CACHE
    if cache_folder(os.environ) is None:
        text = "nothing is kept for who has neither XDG_CACHE_HOME nor HOME"
        yield Finding(WARNING, about, f"{text}: every check takes seconds")
    for folder in filter(None, (cache_folder(os.environ), gateway)):
        files, size = Kept(folder).sizes()
        wrong = Kept(folder).trouble()
        if wrong:
            yield Finding(WARNING, about, f"{folder}: {wrong}; every check takes seconds")
        elif files or folder != gateway:
            yield Finding(OK, about, f"{folder}: {files} files, {size >> 10} KiB")
    if shipped_results() is not None:
        yield Finding(OK, about, f"{shipped_results()}: came with the tables")


def _files(settings: Settings) -> Finding:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.proxy.max_in_flight
    room = shares(hard, wanted_shares(settings)).requests
    if room < wanted:
        text = f"{hard} are enough for {room} requests, proxy.max_in_flight is {wanted}"
        return Finding(WARNING, "open files", f"{text}; raise LimitNOFILE")
    return Finding(OK, "open files", f"{hard if hard >= 0 else 'any number'} allowed")


def _file_of_trust(settings: Settings) -> str | None:
    try:
        return trusted(settings)
    except OperatorError:  # there is no data_dir yet
        return next(iter(trusted_files(settings)), None)


def _trust(settings: Settings) -> Finding:
    file = _file_of_trust(settings)
    if file is None:
        text = "no file of trusted authorities on this machine: install ca-certificates"
        return Finding(FAULT, "TLS trust", text)
    try:
        known = len(ssl.create_default_context(cafile=file).get_ca_certs())
    except (OSError, ssl.SSLError) as error:
        return Finding(FAULT, "TLS trust", f"{file}: cannot be used: {error}")
    return Finding(OK, "TLS trust", f"{file}: {known} authorities")


def _ports(settings: Settings) -> Iterator[Finding]:
    admin, metrics = settings.admin, settings.observability.metrics_addr
    asked = [("proxy.addr", settings.proxy.addr, "/livez")]
    asked += [("admin.addr", admin.addr, "/admin/v1/status")] if admin.enabled else []
    asked += [("observability.metrics_addr", metrics, "/metrics")] if metrics else []
    for name, addr, path in asked:
        try:
            for one in bind(addr, name):
                one.close()
            yield Finding(OK, name, f"{addr} is free")
        except OperatorError as error:
            if _answers(addr, path):
                yield Finding(OK, name, f"{addr} is in use by something that answers {path}")
            else:
                yield Finding(FAULT, name, str(error))


def _answers(addr: str, path: str) -> bool:
    """Whether what listens there looks like a running gateway."""
    host, _, port = addr.rpartition(":")
    at = host.strip("[]"), int(port)
    anyone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # nothing is told to whoever answers
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
    for connection in (
        http.client.HTTPConnection(*at, timeout=PROBE_SECS),
        http.client.HTTPSConnection(*at, timeout=PROBE_SECS, context=anyone),
    ):
        try:
            connection.request("GET", path)
            return connection.getresponse().status in (200, 401)
        except (OSError, http.client.HTTPException):
            continue  # not this scheme
        finally:
            connection.close()
    return False


async def _upstreams(settings: Settings, snapshot: Snapshot, mappings: Mappings) -> list[Finding]:
    driver = Driver(
        ca_file=_file_of_trust(settings),
        any_address=settings.upstream.allow_link_local,
    )
    try:
        keys = [e.resource for e in snapshot.entries("provider_keys")]
        asked = [
            _reached(driver, settings, k, mappings) for k in keys if isinstance(k, ProviderKey)
        ]
        return [one for several in await asyncio.gather(*asked) for one in several]
    finally:
        driver.close()


async def _reached(
    driver: Driver, settings: Settings, key: ProviderKey, mappings: Mappings
) -> list[Finding]:
    about = f"upstream {key.display_name}"
    mapping = next((m for m in mappings.mappings.values() if m.adapter == key.adapter), None)
    if mapping is None:
        return []  # `check` has told
    try:
        url = base_url(mapping.effective(mapping.example(None), key.version), key)
    except OperatorError:
        return []  # the same
    try:
        tls = tls_of(key, settings)
    except OperatorError as error:
        return [Finding(FAULT, about, str(error))]
    began = time.monotonic()
    try:
        proxy = settings.upstream.proxy
        answer = await driver.send(Request(f"{url}/", (), b"", "GET", REACH, tls, proxy))
    except UpstreamError as error:
        why = error.values.get("why") or error.values.get("phase")
        return [Finding(FAULT, about, f"{url}: {error.kind} ({why}): {error.detail}")]
    took = (time.monotonic() - began) * 1000
    text = f"{url}: answers (status {answer.status}) after {took:.0f} ms"
    return [Finding(OK, about, text), *_clock(about, answer)]


def _clock(about: str, answer: Response) -> Iterator[Finding]:
    try:
        theirs = parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (KeyError, ValueError):
        return  # it does not say what time it is
    off = time.time() - theirs
    if abs(off) > SKEW:
        level = FAULT if abs(off) > TOO_MUCH else WARNING
        yield Finding(level, "clock", f"{off:+.0f} s from that of {about}; is NTP running?")
    else:
        yield Finding(OK, "clock", f"agrees with {about}")
