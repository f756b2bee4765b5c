"""Which encryption key is the cluster's: the first node says so, and every other must know it.

    claim_key(client, layout, keyring)    OperatorError when ours is another one

The key itself is nowhere: only its id, and a word sealed with it.

Must never know: where keys come from.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from aisix import log
from aisix.errors import OperatorError, StoreError
from aisix.store.etcd.client import EtcdClient
from aisix.store.etcd.layout import Layout
from aisix.store.etcd.wire import DENIED, EtcdError, compare, put_op, range_op
from aisix.store.secrets import Keyring

WORD, BOUND = "aisix", "cluster/key"


def claim(keyring: Keyring) -> bytes:
    """What stands under the cluster's key while ours is the newest."""
    check = base64.b64encode(keyring.seal(WORD, BOUND)).decode()
    return json.dumps({"key_id": keyring.current, "check": check}).encode()


def claim_key(client: EtcdClient, layout: Layout, keyring: Keyring, take: bool = True) -> None:
    """Name our key as the cluster's if none is named yet; take=False: only look. OperatorError
    names both when ours cannot read what theirs wrote; EtcdError when etcd does not answer."""
    key = layout.cluster_key
    try:
        found = client.range(key).kvs
        if not found and not take:
            return
        if not found:
            absent, mine = compare(key, "CREATE", "EQUAL", 0), put_op(key, claim(keyring))
            answer = client.txn([absent], [mine], [range_op(key)])
            if answer.succeeded:
                where = layout.own.decode()
                log.info("etcd had nothing under %s: this is the first node there", where)
                return
            found = answer.ranges()[0].kvs
    except EtcdError as error:
        if error.code == DENIED:
            return  # we only read here, perhaps documents alone
        raise
    named, good = _read(found[0].value, keyring) if found else ("", True)
    if not good:
        raise OperatorError(
            f"etcd's secrets are encrypted with the key {named}, which is not here (here is "
            f"{keyring.current}): give every node the same encryption_key"
        )


def foreign_key(value: bytes, keyring: Keyring) -> str | None:
    """The id of a cluster's key that this node does not know; None: it does."""
    named, good = _read(value, keyring)
    return None if good else named


def _read(value: bytes, keyring: Keyring) -> tuple[str, bool]:
    try:
        told: Any = json.loads(value)
        named, check = str(told["key_id"])[:64], base64.b64decode(told["check"])
    except (ValueError, KeyError, TypeError):
        return "(unreadable)", False
    try:
        return named, keyring.unseal(check, BOUND) == WORD
    except StoreError:
        return named, False
