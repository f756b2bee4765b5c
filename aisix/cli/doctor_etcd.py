"""What `aisix doctor` says of the etcd of the settings, and of the nodes that are there already.

    findings(settings)      one by one; nothing is written there

Imported only where the settings name an etcd. Must never know: etcd's protocol.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from aisix.cli.findings import FAULT, OK, WARNING, Finding
from aisix.config.settings import Settings
from aisix.runtime.cluster import place_of
from aisix.store.etcd.client import EtcdClient
from aisix.store.etcd.members import node_of
from aisix.store.etcd.place import EtcdPlace
from aisix.store.etcd.registration import known_home
from aisix.store.etcd.wire import DENIED, EtcdError, end_of
from aisix.store.nodes import MOST_CLOCK_OFF, Node, clock_text

ABOUT = "etcd"


def findings(settings: Settings) -> Iterator[Finding]:
    place = place_of(settings)
    client = EtcdClient(place.access)
    client.patience_ms = min(client.patience_ms, place.access.dial_timeout_ms)
    try:
        yield from _found(settings, place, client)
    except EtcdError as error:
        if error.code == DENIED:
            text = f"{error}: this node will only read, and be unknown to the others"
            yield Finding(WARNING, ABOUT, text)
        # What else there is `check` has told.
    finally:
        client.close()


def _found(settings: Settings, place: EtcdPlace, client: EtcdClient) -> Iterator[Finding]:
    layout, sent = place.layout, time.time()
    documents = client.range(layout.documents, layout.documents_end, count_only=True)
    off = client.theirs.off(sent) or 0.0
    if abs(off) > MOST_CLOCK_OFF:
        yield Finding(WARNING, "clock", clock_text("this machine", off))
    known = bool(client.range(layout.cluster_key).kvs)
    where, count = place.words.removeprefix(f"{ABOUT} "), int(documents.count)
    if known:
        yield Finding(OK, ABOUT, f"{where}: answers, {count} documents")
    else:
        text = f"{where}: no node was ever here, {count} documents; this one will be the first"
        yield Finding(WARNING, ABOUT, f"{text} (if that is wrong: etcd.prefix, etcd.env_id)")
    kvs = client.range(layout.nodes, end_of(layout.nodes)).kvs
    names = ((kv.key[len(layout.nodes) :].decode("utf-8", "replace"), kv.value) for kv in kvs)
    nodes = (node_of(name, value, 0.0) for name, value in names)
    yield _name(settings, [one for one in nodes if one is not None])


def _name(settings: Settings, nodes: Sequence[Node]) -> Finding:
    """Whether this node's name is free."""
    home = known_home(settings.data_dir)
    for one in nodes:
        if one.name == settings.node_id and one.home != home:
            who = f"aisix {one.version} at {one.proxy}" if one.proxy else "one that starts"
            text = f"another live node is called {one.name} ({who}): give every node its own"
            return Finding(FAULT, "node_id", text)
    others = [one.name for one in nodes if one.name != settings.node_id]
    beside = f"beside {', '.join(others)}" if others else "no other node lives"
    return Finding(OK, "node_id", f"{settings.node_id}; {beside}")
