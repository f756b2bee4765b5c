"""Another encryption key for all nodes: every secret sealed anew, and the key named last.

    lacking(nodes, key_id)              OperatorError while a live node could not read it
    sealed_again(store)                 how many secrets there were
    name_key(client, layout, keyring)   from now on it is the cluster's

Interrupted anywhere, all of it again completes it.

Must never know: where keys come from.
"""

from __future__ import annotations

from collections.abc import Iterable

from aisix.errors import OperatorError, StoreError
from aisix.store.base import Change, Put, Store
from aisix.store.etcd.claims import claim
from aisix.store.etcd.client import EtcdClient
from aisix.store.etcd.layout import Layout
from aisix.store.etcd.wire import DENIED, EtcdError, compare, put_op
from aisix.store.kinds.registry import KINDS
from aisix.store.nodes import Node
from aisix.store.secrets import Keyring
from aisix.store.snapshot import Snapshot

RESEALED = 100  # secrets of one write


def lacking(nodes: Iterable[Node], key_id: str) -> None:
    """OperatorError that names the nodes which do not know this key."""
    without = [one.name for one in nodes if not one.starting and key_id not in one.key_ids]
    if without:
        raise OperatorError(
            f"{', '.join(without)}: the key {key_id} is not there yet; nothing was changed. Give "
            "every node both keys (encryption_key: new,old; SIGHUP reads it), then run it again"
        )


def sealed_again(store: Store) -> int:
    """Write every secret anew; how many there were."""
    foreign = [one for one in store.current().quarantined if "key that is not here" in one.why]
    if foreign:
        raise OperatorError(f"{foreign[0]}: put that key back, behind the new one")
    hiding = [
        (e.kind, e.id)
        for e in store.current().all_entries()
        if e.secret is not None or KINDS[e.kind].hidden(e.document)
    ]
    for at in range(0, len(hiding), RESEALED):
        names = hiding[at : at + RESEALED]

        def again(now: Snapshot, names: list[tuple[str, str]] = names) -> list[Change]:
            found = [now.entry(*name) for name in names]
            return [Put(e.kind, e.id, e.document, e.secret, e.updated_at) for e in found if e]

        store.update(again)
    return len(hiding)


def name_key(client: EtcdClient, layout: Layout, keyring: Keyring) -> None:
    """Last of a rotation: the cluster's key is ours."""
    key = layout.cluster_key
    try:
        for _ in range(3):
            found = client.range(key).kvs
            seen = compare(key, "MOD", "EQUAL", found[0].mod if found else 0)
            if client.txn([seen], [put_op(key, claim(keyring))]).succeeded:
                return
    except EtcdError as error:
        if error.code == DENIED:
            raise OperatorError(str(error)) from None
        raise
    raise StoreError("another node names its key at the same time: run it again")
