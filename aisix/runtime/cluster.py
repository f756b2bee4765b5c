"""What a node of many does beside serving: it says hello to etcd, and has a follower.

    join(settings)       once, before there is a worker: is our key the cluster's?
    follow(settings, facts)   the follower's whole life, in a process of its own; its exit code

Imported only where the settings name an etcd. Must never know: etcd's protocol, a worker.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import FrameType

from aisix import log
from aisix.config.declared import REFUSE
from aisix.config.settings import Settings
from aisix.errors import OperatorError
from aisix.runtime.companion import SUCCEEDED
from aisix.store.etcd.board import Board
from aisix.store.etcd.claims import claim_key
from aisix.store.etcd.client import Access, EtcdClient
from aisix.store.etcd.follow import Follower
from aisix.store.etcd.place import EtcdPlace
from aisix.store.etcd.registration import Facts, Registration, claim_name, home_of
from aisix.store.etcd.wire import EtcdError
from aisix.store.secrets import Keyring

JOIN_MS = 2000  # a start does not wait longer for an etcd that is away


def place_of(settings: Settings) -> EtcdPlace:
    """What the settings say of it."""
    etcd, tls = settings.etcd, settings.etcd.tls

    def file(path: Path | None) -> str | None:
        return None if path is None else str(path)

    password = settings.environ.get(etcd.password_env) if etcd.password_env else None
    access = Access(
        endpoints=etcd.endpoints,
        user=etcd.user,
        password=password,
        dial_timeout_ms=etcd.dial_timeout_ms,
        request_timeout_ms=etcd.request_timeout_ms,
        ca_file=file(tls.ca_cert_file),
        client_cert=file(tls.client_cert_file),
        client_key=file(tls.client_key_file),
        domain_name=tls.domain_name,
    )
    plain = etcd.secrets == "plain"
    return EtcdPlace(
        access,
        etcd.prefix,
        etcd.env_id,
        settings.node_id,
        plain,
        etcd.read_only,
        etcd.copy_path,
        settings.not_served == REFUSE,
    )


def join(settings: Settings) -> None:
    """OperatorError when this node's key is not the cluster's, or its name that of another live
    node. An etcd that does not answer is told, and no reason not to start: the follower goes on
    trying."""
    place = place_of(settings)
    timeout = min(JOIN_MS, place.access.request_timeout_ms)
    client = EtcdClient(place.access)
    client.patience_ms = timeout
    try:
        if settings.encryption_key is not None:  # else nothing is sealed there, and ours is our own
            keyring = Keyring.open(settings.data_dir, settings.encryption_key)  # of no file
            claim_key(client, place.layout, keyring)
        claim_name(client, place.layout, settings.node_id, home_of(settings.data_dir))
    except EtcdError as error:
        log.error("%s; starting all the same, with what was last read of it", error)
    finally:
        client.close()  # a handle must not cross a fork


def follow(settings: Settings, facts: Facts) -> int:
    """Until SIGTERM or SUCCEEDED, or until the parent has gone. facts(): what other nodes are told
    of this one."""
    place, parent = place_of(settings), os.getppid()
    told: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        told.append(number)

    for number in (signal.SIGTERM, SUCCEEDED):
        signal.signal(number, stop)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)  # of a terminal: the parent tells us when to end
    keyring = Keyring.open(settings.data_dir, settings.encryption_key, place.key_file)
    home = home_of(settings.data_dir)
    try:
        board = Board(settings.data_dir)
        entry = Registration(place.layout, settings.node_id, home, facts, board)
        follower = Follower(
            settings.data_dir,
            keyring,
            place.access,
            place.layout,
            entry,
            place.copy_file,
            place.refuse,
        )
    except OSError as error:
        raise OperatorError(f"data_dir {settings.data_dir}: {error.strerror}") from None
    try:
        follower.run(lambda: bool(told) or os.getppid() != parent)
    finally:
        follower.close(for_good=SUCCEEDED not in told)
    return 0
