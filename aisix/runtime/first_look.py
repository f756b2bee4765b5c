"""Looked at once before the fork: in which form it was started, whether a database was lost,
what the store and the resources file hold that cannot serve.

Must never know: sockets, workers.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from aisix import log
from aisix.config.original import ORIGINAL
from aisix.config.settings import Settings
from aisix.errors import OperatorError, StoreError
from aisix.mapping.mappings import Mappings
from aisix.routing import doubts, resource_checks
from aisix.runtime.resources import store_of
from aisix.store.audit import records
from aisix.store.opening import has_database

LOCK = "gateway.lock"


@contextmanager
def alone_in_folder(settings: Settings) -> Iterator[None]:
    """No second gateway of an etcd, or in the original's form, on one data_dir: each would write
    the other's copy. OperatorError when one is there.

    The lock is the process's own: workers do not have it, and who becomes the next program takes
    it anew.
    """
    if not settings.etcd.endpoints and settings.names != ORIGINAL:
        yield
        return
    folder = settings.data_dir
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise OperatorError(f"data_dir {folder}: {error.strerror}") from None
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        text = f"data_dir {folder}: another gateway serves from it; give each one its own"
        raise OperatorError(text) from None
    try:
        yield
    finally:
        os.close(fd)


def tell_form(settings: Settings) -> None:
    """In which form it was started, and what of that is not what it was."""
    if settings.names != ORIGINAL:
        return
    log.info("names: aisix%s", " (started without a verb)" if settings.started else "")
    proxy, most = settings.proxy, settings.shutdown.max_drain_secs
    log.info("a drain ends after shutdown.max_drain_secs: %d s; there it has no end", most)
    if proxy.request_body_limit_bytes == proxy.bodies_limit_bytes:
        text = "no limit of one body, but proxy.bodies_limit_bytes of all together: %d bytes"
        log.info(text, proxy.bodies_limit_bytes)
    for one in settings.said:
        if one.lost:
            log.warning("%s: %s: %s", one.where, one.name, one.why)


def open_database(settings: Settings, init: bool) -> None:
    """Make the database of a first start; OperatorError where it looks as if one was lost."""
    if settings.resources_file is not None or has_database(settings.data_dir):
        return
    if settings.etcd.endpoints:
        return  # a copy of what etcd has, made by whoever opens it first
    store_of(settings, init).close()
    # With a key of the settings a folder that is not mounted looks like a first start.
    tell = log.info if settings.encryption_key is None else log.warning
    tell("data_dir %s: no database was there, an empty one was made", settings.data_dir)


def first_look(settings: Settings, mappings: Mappings) -> None:
    """Make or migrate the store and take over the resources file, once, before any worker."""
    store = store_of(settings)
    try:
        before = store.current()
        # A file of TLS that has gone stops one upstream, and not the start: it is told below.
        extra = partial(resource_checks.faults, mappings, settings, files=False, idle=False)
        after, idle = store.reload(extra), list[str]()
        unfit = resource_checks.misfits(mappings, after, idle)
        for fault in resource_checks.stored(mappings, settings, after, unfit):
            log.error("%s", fault)
        for doubt in (*idle, *doubts.stored(after)):
            log.warning("%s", doubt)
        if settings.resources_file is not None:  # else every write was told when it was made
            for told in records({"by": "file"}, time.time(), before, after):
                log.audit(told)
    except StoreError as error:
        raise OperatorError(str(error)) from None
    finally:
        store.close()
