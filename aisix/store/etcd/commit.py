"""One write to etcd: a txn that happens only on the state its plan saw, and at most once.

    Committer(client, layout, keyring).send(puts, deletes, at)   -> the revision of the write, Lost

The txn compares the guard (moved by each write of ours) and the whole range of documents (moved by
whoever puts) with what the plan saw. A reply that does not come leaves open whether it was done:
the guard, which carries a fresh word of ours, tells. While the guard stands where it was, the same
txn may be sent again, because only one of the two can pass the compare; where it moved on, its
history is walked back to our word or to where we began.

Must never know: what a document means, SQL.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aisix import log
from aisix.errors import StoreError
from aisix.store.base import Change, ChangeRefused, Put
from aisix.store.etcd.client import EtcdClient
from aisix.store.etcd.copy import RANKS
from aisix.store.etcd.layout import Layout, Stored, encode
from aisix.store.etcd.wire import (
    DENIED,
    INVALID,
    EtcdError,
    compare,
    delete_op,
    put_op,
    range_op,
)
from aisix.store.secrets import Keyring
from aisix.store.snapshot import Entry, Snapshot

MOST_OPS, MOST_BYTES = 120, 1 << 20  # of one txn, by etcd's own limits: 128 and 1.5 MiB
BATCH_SECS = 30  # after the last sign of life of an importer, its import is over
UNDER_WAY = (
    "a long import is under way; when it has ended, write again: it is over at the latest "
    f"{BATCH_SECS} s after its importer has died"
)
TRY_MS = 1500  # for a first reply: a member that cannot give one by then may have lost its leader
TOO_LONG = ("too many operations", "request is too large")  # etcd's words
WALK_LIMIT = 10_000  # writes of others between a lost reply and the look for it


@dataclass(frozen=True, slots=True)
class Position:
    """What a plan saw: every document's change up to `revision`, our own writes up to `guard`."""

    revision: int
    guard: int


@dataclass(frozen=True, slots=True)
class Lost:
    """Somebody else was faster. guard, revision: what there is to be seen before the next try."""

    guard: int
    revision: int


def made_by(base: Snapshot, changes: Sequence[Change], revision: int) -> Snapshot | None:
    """The state a write made, which may be no more: the txn saw that nothing had changed since
    `base`. None: it cannot be told (see Snapshot.with_changes)."""
    last = {(one.kind, one.id): one for one in changes}
    put, gone = list[Entry](), list[Entry]()
    for at, one in enumerate(last.values()):
        old = base.entry(one.kind, one.id)
        if isinstance(one, Put):
            seq, began = revision * RANKS + at % RANKS, one.now
            if old is not None:
                seq, began = old.seq, old.created_at
            put.append(
                Entry(one.kind, one.id, seq, revision, began, one.now, one.document, one.secret)
            )
        elif old is not None:
            gone.append(old)
    bad = tuple(one for one in base.quarantined if (one.kind, one.id) not in last)
    return base.with_changes(put, gone, revision, bad, base.turn)


class TooLongError(StoreError):
    """More than etcd takes in one txn."""


class Committer:
    """Blocking; for one thread at a time. keyring: None writes secrets in clear."""

    def __init__(
        self, client: EtcdClient, layout: Layout, keyring: Keyring | None, node: str
    ) -> None:
        self._client, self._layout, self._keyring, self.node = client, layout, keyring, node

    def operations(self, base: Snapshot, changes: Sequence[Change]) -> list[dict[str, Any]]:
        """The puts and deletes of a plan. The last one of a key counts: a txn knows it once."""
        last = {(one.kind, one.id): one for one in changes}
        made = []
        for one in last.values():
            key = self._layout.key(one.kind, one.id)
            if not isinstance(one, Put):
                made.append(delete_op(key))
                continue
            old = base.entry(one.kind, one.id)
            began = one.now if old is None else old.created_at
            stored = Stored(one.kind, one.id, 0, 0, one.document, one.secret, began, one.now)
            made.append(put_op(key, encode(stored, self._keyring)))
        return made

    def send(
        self,
        operations: Sequence[dict[str, Any]],
        at: Position,
        more: Sequence[dict[str, Any]] = (),
        part: tuple[str, int, int] | None = None,
    ) -> int | Lost:
        """The revision of the write; StoreError when its outcome cannot be learned. more: what
        goes with it beside documents. part: of an import, its name, which part and of how many."""
        batch = part is not None and part[1] > 1
        layout, word = self._layout, str(uuid.uuid4())
        told: dict[str, Any] = {"write": word, "node": self.node, "by": "aisix"}
        told |= {"at": int(time.time()), **({} if part is None else {"part": part})}
        guard = put_op(layout.guard, json.dumps(told, separators=(",", ":")).encode())
        compares = [
            compare(layout.guard, "MOD", "EQUAL", at.guard),
            compare(layout.documents, "MOD", "LESS", at.revision + 1, layout.documents_end),
        ]
        if not batch:
            compares.append(compare(layout.batch, "CREATE", "EQUAL", 0))
        for one in operations:
            if "requestDeleteRange" in one:  # a delete of nothing would be no event
                key = {"key": one["requestDeleteRange"]["key"]}
                compares.append({**compare(b"", "CREATE", "GREATER", 0), **key})
        otherwise = [
            range_op(layout.guard),
            range_op(
                layout.documents, layout.documents_end, keys_only=True, limit="1",
                min_mod_revision=str(at.revision + 1), sort_target="MOD", sort_order="DESCEND",
            ),
            range_op(layout.batch),
        ]  # fmt: skip

        def sent(milliseconds: int) -> int | Lost:
            answer = self._client.txn(
                compares, [guard, *more, *operations], otherwise, milliseconds
            )
            if answer.succeeded:
                return answer.revision
            found, newer, batch_ = answer.ranges()
            if batch_.kvs and not batch:
                raise ChangeRefused("conflict", UNDER_WAY)
            return Lost(
                max((kv.mod for kv in found.kvs), default=0),
                max((kv.mod for kv in newer.kvs), default=0),
            )

        try:
            done = sent(TRY_MS)
        except EtcdError as error:
            if error.code == INVALID and any(words in str(error) for words in TOO_LONG):
                raise TooLongError(f"nothing was written: {error}") from None
            if error.code == DENIED:
                raise ChangeRefused("read_only", f"nothing was written: {error}") from None
            if not error.elsewhere:
                raise StoreError(f"nothing was written: {error}") from None
            return self._resolved(sent, word, at, error, not error.certain)
        if not isinstance(done, Lost) or not self._client.connected_anew:
            return done
        try:
            return self._found(word, at, TRY_MS) or done
        except EtcdError as error:
            return self._resolved(sent, word, at, error, True)

    def _resolved(
        self,
        sent: Callable[[int], int | Lost],
        word: str,
        at: Position,
        first: EtcdError,
        open_: bool,
    ) -> int | Lost:
        """What became of a txn without a reply; the next endpoints are asked until the time ends.

        open_: one try may have arrived; then "not succeeded" may mean that it was our own.
        """
        patience = self._client.access.request_timeout_ms / 1000
        end, pause, failed = time.monotonic() + patience, 0.02, first
        while (left := end - time.monotonic()) > 0:
            self._client.next_endpoint()
            milliseconds = max(50, min(int(left * 1000), int(patience * 1000 / 3)))
            try:
                found = self._found(word, at, milliseconds) if open_ else None
                if found is not None:
                    return found
                again = sent(milliseconds)
                if not isinstance(again, Lost) or not open_:
                    return again
                # It was the first try that moved the guard, or another write.
                found = self._found(word, at, milliseconds)
                return again if found is None else found
            except EtcdError as error:
                if not error.elsewhere:
                    failed = error
                    break
                open_ = open_ or not error.certain
                failed = error
            time.sleep(min(pause, max(0.0, end - time.monotonic())))
            pause = min(pause * 2, 0.5)
        if not open_:
            raise StoreError(f"nothing was written: {failed}")
        log.error("etcd: the outcome of write %s is not known: %s", word, failed)
        raise StoreError(
            f"it is not known whether this was written, it may still take effect: {failed}"
        )

    def _found(self, word: str, at: Position, milliseconds: int) -> int | Lost | None:
        """The revision of our write; Lost: others wrote, and not we; None: nobody did."""
        revision = 0
        newest = 0
        for _ in range(WALK_LIMIT):
            answer = self._client.range(
                self._layout.guard, timeout_ms=milliseconds, revision=str(revision)
            )
            if not answer.kvs or answer.kvs[0].mod <= at.guard:
                return Lost(newest, 0) if newest else None
            kv = answer.kvs[0]
            newest = newest or kv.mod
            if _word_of(kv.value) == word:
                return kv.mod
            revision = kv.mod - 1
            if not revision:
                break
        return Lost(newest, 0)


def _word_of(value: bytes) -> str | None:
    try:
        found = json.loads(value)
    except ValueError:
        return None
    return found.get("write") if isinstance(found, dict) else None
