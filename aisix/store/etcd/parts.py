"""A change that is too long for one txn, written in parts that no node publishes before the last.

    in_parts(client, committer, operations, at)   -> the revision of the last part, or Lost

While it runs a key (`batch`) stands, which holds back every node's follower and other writers. It
has a lease: where the importer dies, nodes publish what is there, and the same import again
completes it. It is not all or nothing, as one txn is.

Must never know: what a document means.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from aisix.errors import StoreError
from aisix.store.etcd.client import EtcdClient
from aisix.store.etcd.commit import BATCH_SECS, MOST_BYTES, MOST_OPS, Committer, Lost, Position
from aisix.store.etcd.layout import Layout
from aisix.store.etcd.wire import EtcdError, delete_op, put_op


def in_parts(
    client: EtcdClient,
    layout: Layout,
    committer: Committer,
    operations: Sequence[dict[str, Any]],
    at: Position,
) -> int | Lost:
    """The operations in their order. Lost: somebody was faster than the first part, and nothing was
    written; StoreError says how far it came."""
    pieces = list(pieces_of(operations))
    name, total = uuid.uuid4().hex[:12], len(pieces)
    lease = client.grant(BATCH_SECS)
    told = json.dumps({"id": name, "node": committer.node, "total": total}).encode()
    done: int | Lost = at.revision
    try:
        for number, piece in enumerate(pieces):
            more = [put_op(layout.batch, told, lease)] if not number else []
            if number == total - 1 and number:
                more = [delete_op(layout.batch)]
            try:
                done = committer.send(piece, at, more, (name, number + 1, total))
                if isinstance(done, Lost):
                    if not number:
                        return done
                    raise StoreError("somebody else wrote meanwhile")
                client.keep(lease)
            except StoreError as error:
                if not number:
                    raise
                raise StoreError(
                    f"import {name} broke off after {number} of {total} parts, which are written: "
                    f"{error}; the same import again completes it"
                ) from None
            at = Position(done, done)
    finally:
        with suppress(EtcdError):
            client.revoke(lease)
    return done


def pieces_of(operations: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """As many as one txn takes beside our own keys, by number and by size."""
    piece: list[dict[str, Any]] = []
    size = 0
    for one in operations:
        length = len(json.dumps(one))
        if piece and (len(piece) >= MOST_OPS - 2 or size + length > MOST_BYTES):
            yield piece
            piece, size = [], 0
        piece.append(one)
        size += length
    if piece:
        yield piece
