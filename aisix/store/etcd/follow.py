"""The follower: one process per node that keeps the local copy as etcd is. Nothing else writes it.

    Follower(folder, keyring, access, layout).run(stopped)

Two watches, one on the documents and one on our own keys, both at one member, go on from the copy's
revision; everything is read again only where that cannot be (`_must_read_all`). Each second a
linearizable read through the same member proves that it is in the quorum: only that says how old
the copy is. Whatever breaks ends the session; the next one begins at the next member.

Must never know: HTTP of ours, a worker.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from aisix import log
from aisix.errors import StoreError
from aisix.store.etcd import board as cells
from aisix.store.etcd.board import Board, CopyAge
from aisix.store.etcd.client import Access, EtcdClient
from aisix.store.etcd.emptied import EMPTIED, EmptiedEtcd
from aisix.store.etcd.foreign import ForeignChanges
from aisix.store.etcd.holdings import Holdings
from aisix.store.etcd.layout import Layout
from aisix.store.etcd.lines import EtcdCalls
from aisix.store.etcd.members import Members
from aisix.store.etcd.own import OwnKeys
from aisix.store.etcd.registration import DENIED_SECS, Registration
from aisix.store.etcd.wire import (
    OUT_OF_RANGE,
    EtcdError,
    KeyValue,
    RangeAnswer,
    WatchResult,
    range_body,
)
from aisix.store.nodes import MOST_REFUSED
from aisix.store.secrets import Keyring

HEARTBEAT_SECS, HEARTBEAT_MS = 1.0, 1500
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 5.0
LOOK_SECS = 0.2  # how soon it notices that it is to stop
PUBLISH_SECS = 0.05  # the longest that a change waits for others to come with it
PART_SECS = 2.0  # the longest that parts of an import wait for documents that were told of
OWN_SECS = 0.003  # the longest that a change waits for what our own keys say of it
LEAVE_MS = 500  # for etcd to take our entry away when we go
SECS_PER_ENTRY = 5e-6  # what a worker takes to renew its snapshot, more or less
Changes = dict[bytes, KeyValue | None]


class Follower:
    """Everything it says of itself stands on its board."""

    def __init__(
        self,
        folder: Path,
        keyring: Keyring,
        access: Access,
        layout: Layout,
        registration: Registration | None = None,
        copy_file: Path | None = None,
        refuse: bool = False,
    ) -> None:
        self._layout = layout
        self._keyring = keyring
        self.board = Board(folder)
        self._age = CopyAge(self.board)
        counted = self._counted = self.board.count
        self._holdings = Holdings(folder, keyring, layout, copy_file, refuse)
        self._judge = self._holdings.judge
        facts = self._holdings.facts
        self.revision = facts.revision
        self._registration = registration
        name = "" if registration is None else registration.name
        members = Members(folder, layout, self.board, name)
        self.own = OwnKeys(layout, keyring, self.board, members, facts.guard)
        self._foreign = ForeignChanges(name)
        self._cluster = facts.cluster_id
        since, cluster = facts.emptied_since, facts.emptied_cluster
        self._emptied = EmptiedEtcd(folder, since, cluster, self._holdings.keep)
        self._kept: dict[str, object] = {}  # of our own keys
        errors = "aisix_etcd_errors_total"
        self.client = EtcdClient(access, lambda code: counted(errors, str(code)))
        self._pending: Changes = {}
        self._pending_revision = self.revision
        self._published = 0.0
        self._pending_since = 0.0
        self._all_next: str | None = None if facts.cluster_id else "first"
        if self._all_next is None and self._holdings.damaged:
            self._all_next = "damaged"
        self._pause = FIRST_PAUSE
        self._told = ""
        self._told_of_us = self._about_us()

    def close(self, for_good: bool = True) -> None:
        """for_good: no other follower of this node comes after it."""
        self.board.set(cells.CONNECTED, 0)
        if for_good and self._registration is not None and self._registration.lease:
            self.client.patience_ms = min(self.client.patience_ms, LEAVE_MS)
            with suppress(EtcdError):
                self.client.revoke(self._registration.lease)
        self.client.close()
        self._holdings.close()

    def run(self, stopped: Callable[[], bool]) -> None:
        """Until `stopped` says so; every failure is told on the board and tried again."""
        while not stopped():
            self.board.beat()
            try:
                self._session(stopped)
            except StoreError as error:
                if isinstance(error, EtcdError) and error.code == OUT_OF_RANGE:
                    self._all_next = "compacted"
                else:
                    self._holdings.not_read(whole=str(error) == EMPTIED)
                self._broke(error)
            self._wait(stopped)
            self.client.next_endpoint()

    def _broke(self, error: StoreError) -> None:
        self._pending, self._pending_revision, self._pending_since = {}, self.revision, 0.0
        self._foreign.clear()
        if self.board.connected:
            self.board.set(cells.BROKE, time.time())
        self.board.set(cells.CONNECTED, 0)
        self.board.text = str(error)
        if str(error) != self._told:
            self._told = str(error)
            log.warning("etcd: %s", error)

    def _wait(self, stopped: Callable[[], bool]) -> None:
        end = time.monotonic() + self._pause * random.uniform(0.5, 1.0)
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        while not stopped() and (left := end - time.monotonic()) > 0:
            self.board.beat()
            time.sleep(min(left, LOOK_SECS))

    # ------------------------------------------------------------------ a session
    def _session(self, stopped: Callable[[], bool]) -> None:
        """At one member, until something breaks or we are told to stop."""
        self.catch_up()
        calls = EtcdCalls(self.client)
        try:
            layout = self._layout
            before = range_body(self.own.marker, revision=str(self.revision))

            begun = False

            def took(result: WatchResult) -> None:
                nonlocal begun
                begun = begun or result.created
                self._took(result)

            calls.watch(layout.documents, layout.documents_end, self.revision + 1, took)
            if not self.own.closed:
                calls.watch(layout.own, layout.own_end, self.own.revision + 1, self._took_own)
                if self._registration is not None:
                    self._registration.begin(calls)
            due, under_way = 0.0, False
            again, opened = time.monotonic() + DENIED_SECS, False

            def allowed(answer: RangeAnswer | EtcdError) -> None:
                nonlocal opened
                opened = not isinstance(answer, EtcdError)

            def proved(sent: float, least: int, answer: RangeAnswer | EtcdError) -> None:
                nonlocal under_way
                under_way = False
                self._proved(_answered(answer), sent, least)

            while not (stopped() or opened):
                now = time.monotonic()
                self.board.beat()
                if now >= due and not under_way:
                    due, under_way = now + HEARTBEAT_SECS, True
                    body, sent = range_body(self.own.marker), time.time()
                    done = partial(proved, sent, self.revision)
                    calls.ask("kv/range", body, RangeAnswer, HEARTBEAT_MS, done)
                if begun:
                    # A delete at the very revision up to which etcd is compacted is in no watch
                    # (of 3.4): where ours began there, what was before it is not there either.
                    begun = False
                    calls.ask("kv/range", before, RangeAnswer, HEARTBEAT_MS, _answered)
                if self.own.closed and now >= again:
                    again = now + DENIED_SECS
                    calls.ask("kv/range", self.own.probe, RangeAnswer, HEARTBEAT_MS, allowed)
                calls.step(self._turn(due))
                self._publish_when_due()
                self._tend_nodes()
        finally:
            calls.close()

    def _turn(self, due: float) -> float:
        now = time.monotonic()
        ends = [due, now + LOOK_SECS]
        if self._pending and not self.own.held:
            ends.append(self._publish_at())
        if self._registration is not None and not self.own.closed:
            ends.append(self._registration.due(now, self._told_of_us))
        if self.own.members.due is not None:
            ends.append(self.own.members.due)
        return min(LOOK_SECS, max(min(ends) - now, 0.001))

    def _publish_at(self) -> float:
        """When what is pending may be published: not before what our own keys say of it is known,
        which comes by another watch, or has to be asked for; nor before a part of an import whose
        guard was seen first."""
        if self.own.ahead_of(self._pending_revision):
            return self._pending_since + PART_SECS
        known = self.own.closed or self._pending_revision <= self.own.revision
        return max(self._published + self._gap, 0.0 if known else self._pending_since + OWN_SECS)

    def _about_us(self) -> dict[str, object]:
        """What an entry says, of what the follower knows."""
        return {
            "applied": self.revision,
            "refused": len(self._judge.refused),
            "refused_names": ["/".join(n) for n in sorted(self._judge.refused)[:MOST_REFUSED]],
            "key_ids": list(self._keyring.ids),
        }

    def _tend_nodes(self) -> None:
        self._holdings.tend()
        now, entry, members = time.monotonic(), self._registration, self.own.members
        if entry is not None and not self.own.closed:
            entry.tend(now, self._told_of_us, len(members.nodes))
        counted = self._counted_in
        if (members.due is not None and now >= members.due) or members.counted != counted:
            members.save(counted)

    @property
    def _counted_in(self) -> bool:
        """We are one of the nodes, or about to be: nothing speaks against it. A node that starts
        while others count would else take the whole of a limit for its share."""
        return self._registration is not None and not (self.own.closed or self.board.note)

    @property
    def _gap(self) -> float:
        return min(PUBLISH_SECS, SECS_PER_ENTRY * len(self._judge.good))

    def _proved(self, answer: RangeAnswer, sent: float, least: int) -> None:
        """`least`: the copy's revision when it was asked, at Unix seconds `sent`."""
        if answer.header.cluster_id != self._cluster or answer.revision < least:
            self._all_next = "another cluster"
            raise EtcdError("etcd is another one, or was put back: all is read again", OUT_OF_RANGE)
        self.board.set(cells.OBSERVED, answer.revision)
        self._age.proved(max((kv.mod for kv in answer.kvs), default=0), sent, self.revision)
        self.client.theirs.tell(self.board, sent)
        if not self.board.connected:
            self.board.set(cells.CONNECTED, 1)
            log.info("etcd: following %s from revision %d", self.client.endpoint, self.revision)
        self.board.text, self._told = self.own.foreign, ""
        self._pause = FIRST_PAUSE

    # ------------------------------------------------------------------ changes
    def _took(self, result: WatchResult) -> None:
        for event in result.events:
            kv = event.kv
            if kv.mod <= self.revision:
                continue  # a watch from the future brings what we have
            self._pending_revision = max(self._pending_revision, kv.mod)
            deleted = event.type == "DELETE"
            self._pending[kv.key] = None if deleted else kv
            name = self._holdings.named(kv.key)
            if name is not None:
                self._pending_since = self._pending_since or time.monotonic()
                self._foreign.note(name, kv, deleted)

    def _took_own(self, result: WatchResult) -> None:
        self.own.took(result)
        self._keep_own()

    def _keep_own(self) -> None:
        """A write of this node compares the guard with the one that is kept."""
        told = {"guard": self.own.guard, "broke_off": self.own.broke_off}
        if told != self._kept:
            self._holdings.keep(**told)
            self._kept = told

    def _publish_when_due(self) -> None:
        moved = self._pending_revision > self.revision
        if not moved or self.own.held or time.monotonic() < self._publish_at():
            return
        if self._pending_revision > self.own.revision:
            self.own.look(self.client)  # is it the first part of a long import?
            self._keep_own()
            if self.own.held or time.monotonic() < self._publish_at():
                return
        self._foreign.tell(self.own.author)
        self._publish(self._pending, self._pending_revision)
        self._pending, self._pending_since = {}, 0.0
        self.own.forget(self.revision)

    def _publish(self, changes: Changes, revision: int, **facts: object) -> None:
        alive = self.board.beat
        self._holdings.publish(changes, alive, "cluster_id" in facts, revision=revision, **facts)
        self.revision = revision
        self._published = time.monotonic()
        self._told_of_us = self._about_us()
        self._age.reached(revision)

    # ------------------------------------------------------------------ all of it
    def catch_up(self) -> None:
        """Be where a watch can go on from. Reads everything only where it must."""
        at, end = self._layout.documents, self._layout.documents_end
        answer = self.client.range(at, end, timeout_ms=HEARTBEAT_MS, limit="1", keys_only=True)
        why = self._all_next or self._must_read_all(answer)
        if why is None:
            self._emptied.over()
            self._read_own(self.revision)
            return
        if why != "first":
            self.own.look(self.client)
            if self.own.held:  # else its parts would be seen, and not it
                raise StoreError("all of etcd is read again when a long import has ended")
            # All nodes may need it now.
            nodes = max(1.0, self.board.get(cells.NODES))
            time.sleep(random.uniform(0, min(nodes * 0.1, 10.0)) if nodes > 1 else 0)
        self.read_all(why)

    def _must_read_all(self, answer: RangeAnswer) -> str | None:
        if answer.header.cluster_id != self._cluster:
            return "another cluster"
        if answer.revision < self.revision:
            return "an older state"
        return None

    def read_all(self, why: str = "asked") -> None:
        """The whole of it at one revision, and the copy made to that."""
        layout = self._layout
        found: dict[bytes, KeyValue] = {}
        answer = None
        for page in self.client.pages(layout.documents, layout.documents_end):
            answer = answer or page
            found.update((kv.key, kv) for kv in page.kvs)
        assert answer is not None
        cluster, revision = answer.header.cluster_id, answer.revision
        self._refuse_emptied(cluster, revision, found)
        self._counted("aisix_config_resyncs_total", why)
        changes = self._holdings.differing(found)
        self._pending, self._pending_revision = {}, revision
        missed = {name for key in changes if (name := self._holdings.named(key)) is not None}
        self._foreign.missed(missed if self._cluster else ())
        if cluster != self._cluster or revision < self.revision:
            self.own.guard = 0
        self._publish(changes, revision, cluster_id=cluster)
        self._cluster, self._all_next = cluster, None
        self._read_own(revision)

    def _refuse_emptied(self, cluster: str, revision: int, found: Mapping[bytes, KeyValue]) -> None:
        """Nothing where something was, in another etcd: more likely lost than meant."""
        other = self._cluster and (cluster != self._cluster or revision < self.revision)
        if other and not found and self._judge.good:
            self._emptied.refuse(cluster)
        self._emptied.over()

    def _read_own(self, since: int) -> None:
        """Our own keys as they are, so that their watch can begin."""
        self.own.read(self.client, since)
        self._keep_own()
        self.own.members.save(self._counted_in)


def _answered(answer: RangeAnswer | EtcdError) -> RangeAnswer:
    if isinstance(answer, EtcdError):
        raise answer
    return answer
