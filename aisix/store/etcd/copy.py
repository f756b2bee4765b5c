"""The local copy of what etcd holds: `replica.db`, written by the follower alone, read by everyone.

    copy = LocalCopy(folder, keyring)
    copy.write(judge, touched, revision=17)       one SQLite transaction
    REPLICA                                       how a reader sees what is new in it

Tables as in aisix.db, and what etcd has beside a document: `seq` is its create_revision times RANKS
and a number among those created together, `revision` its mod_revision, `turn` that of the copy when
the row was written. `refused` keeps what is not fit to serve, sealed: a refused document may hold a
secret. The copy is what a node starts with while etcd is away; etcd is the durable one.

Must never know: a socket, HTTP.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from aisix.errors import StoreError
from aisix.store.change_signal import ChangeSignal
from aisix.store.connection import BUSY_SECONDS, connect, private_file, use_wal
from aisix.store.etcd.judge import Judge, RefusedDocument
from aisix.store.etcd.layout import Layout, Name, Stored
from aisix.store.etcd.observed import TABLE, ObservedTable, Seen
from aisix.store.kinds.registry import KINDS
from aisix.store.rows import COLUMNS, RowForm, at_rest, meta
from aisix.store.sealing import unpacked
from aisix.store.secrets import Keyring
from aisix.store.snapshot import Quarantined

DATABASE = "replica.db"
SIGNAL = "replica.bell"
FORM = 2  # PRAGMA user_version
RANKS = 1024  # documents that one txn may create; etcd's own default is 128
MOST_COMPLAINTS = 2000  # characters of one document's, as a status shows them

SCHEMA = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    "INSERT INTO meta VALUES ('revision', '0'), ('turn', '0'), ('guard', '0')",
    """CREATE TABLE resources (
         seq INTEGER PRIMARY KEY,
         kind TEXT NOT NULL,
         id TEXT NOT NULL,
         document TEXT NOT NULL,
         secret BLOB,
         revision INTEGER NOT NULL,
         created_at INTEGER NOT NULL,
         updated_at INTEGER NOT NULL,
         turn INTEGER NOT NULL,
         in_clear INTEGER NOT NULL,
         partial TEXT NOT NULL,
         UNIQUE (kind, id)
       ) STRICT""",
    "CREATE INDEX resources_by_turn ON resources (turn)",
    """CREATE TABLE refused (
         kind TEXT NOT NULL,
         id TEXT NOT NULL,
         created INTEGER NOT NULL,
         mod_revision INTEGER NOT NULL,
         value BLOB NOT NULL,
         complaints TEXT NOT NULL,
         since INTEGER NOT NULL,
         PRIMARY KEY (kind, id)
       ) STRICT""",
)

EMPTYING = (
    "DELETE FROM resources",
    "DELETE FROM refused",
    "DELETE FROM observed",
    "DELETE FROM meta WHERE name NOT IN ('revision', 'turn', 'guard')",
    "UPDATE meta SET value = '0' WHERE name IN ('revision', 'guard')",
    "UPDATE meta SET value = value + 1 WHERE name = 'turn'",
)


def refused_rows(db: sqlite3.Connection) -> tuple[Quarantined, ...]:
    """What is refused, told as other damage is."""
    rows = db.execute(
        """SELECT kind, id, mod_revision, complaints, since, EXISTS (
             SELECT 1 FROM resources AS r WHERE r.kind = refused.kind AND r.id = refused.id)
           FROM refused ORDER BY kind, id"""
    )
    return tuple(
        Quarantined(kind, id, mod, "; ".join(json.loads(why))[:MOST_COMPLAINTS], bool(good), since)
        for kind, id, mod, why, since, good in rows
    )


REPLICA = RowForm("turn", refused_rows)


@dataclass(frozen=True, slots=True)
class CopyFacts:
    """What the copy says of itself. revision: of the newest change of a document in it; guard: of
    the newest write of ours in it; cluster_id: "" before it was ever filled."""

    revision: int
    guard: int
    cluster_id: str
    in_clear: int  # documents whose secret stands in etcd as it is
    broke_off: str | None  # of an import that ended before its last part
    emptied_since: int | None = None  # Unix seconds; etcd is empty, and that is not believed
    emptied_cluster: str = ""  # which etcd that is
    loaded: str = field(default="", repr=False)  # the record of what became of it


class LocalCopy:
    """The writing connection. Raises StoreError for a file of another form.

    file: the database, where it is not in the folder; layout: what is copied. A copy of another
    prefix is emptied: nothing of that is ours.
    """

    def __init__(
        self,
        folder: Path,
        keyring: Keyring,
        file: Path | None = None,
        layout: Layout | None = None,
    ) -> None:
        self._keyring = keyring
        self.unreadable: set[Name] = set()  # rows, since the start
        self.file = file or folder / DATABASE
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        private_file(self.file)
        self._db = connect(self.file, BUSY_SECONDS)
        try:
            self._prepare()
            if layout is not None:
                self._belongs_to(layout.documents.decode())
        except BaseException:
            self._db.close()
            raise
        self.observed = ObservedTable(self._db, keyring)
        self.signal = ChangeSignal(folder / SIGNAL)

    def _prepare(self) -> None:
        use_wal(self._db, BUSY_SECONDS)
        self._db.execute("PRAGMA synchronous = NORMAL")  # etcd is the durable one
        self._db.execute("BEGIN IMMEDIATE")
        try:
            form = self._db.execute("PRAGMA user_version").fetchone()[0]
            if form > FORM:
                text = f"{self.file}: written by a newer aisix; take it away, it is only a copy"
                raise StoreError(text)
            if form < FORM:
                for statement in (*(() if form else SCHEMA), TABLE):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {FORM}")
            self._db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    def _belongs_to(self, place: str) -> None:
        before = meta(self._db, "place")
        if before == place:
            return
        self._db.execute("BEGIN IMMEDIATE")
        if before is not None:
            for statement in EMPTYING:
                self._db.execute(statement)
        self._db.execute("INSERT OR REPLACE INTO meta VALUES ('place', ?)", (place,))
        self._db.execute("COMMIT")

    def close(self) -> None:
        self._db.close()
        self.signal.close()

    def facts(self) -> CopyFacts:
        return copy_facts(self._db)

    def judge(self) -> Judge:
        """With what the copy has. A row that cannot be read is left out, and asks for all of etcd:
        it is written anew then."""
        good, partial = [], {}
        for row in self._db.execute(COLUMNS).fetchall():
            try:
                good.append(self._stored(row))
            except Exception:
                self.unreadable.add((row[0], row[1]))
        query = "SELECT kind, id, partial FROM resources WHERE partial != '[]'"
        for kind, id, text in self._db.execute(query):
            partial[kind, id] = tuple(json.loads(text))
        return Judge(self._keyring, good, self._refused(), partial)

    def _stored(self, row: tuple[object, ...]) -> Stored:
        kind, id, seq, revision, made, changed, text, sealed = row
        assert isinstance(kind, str) and isinstance(id, str) and isinstance(seq, int)
        assert isinstance(text, str) and isinstance(revision, int)
        assert isinstance(made, int) and isinstance(changed, int)
        plain = None
        if isinstance(sealed, bytes):
            plain = self._keyring.unseal(sealed, f"{kind}/{id}")
        document, secret = unpacked(json.loads(text), plain)
        clear = "SELECT in_clear FROM resources WHERE seq = ?"
        in_clear = bool(self._db.execute(clear, (seq,)).fetchone()[0])
        created = seq // RANKS
        return Stored(kind, id, created, revision, document, secret, made, changed, in_clear)

    def _refused(self) -> Iterable[RefusedDocument]:
        query = "SELECT kind, id, created, mod_revision, value, complaints FROM refused"
        for kind, id, created, mod, sealed, complaints in self._db.execute(query).fetchall():
            if kind not in KINDS.names:
                continue
            with suppress(StoreError):
                value = self._keyring.unseal(sealed, f"refused/{kind}/{id}").encode("latin-1")
                why = tuple(json.loads(complaints))
                yield RefusedDocument(kind, id, created, mod, value, why)

    # ------------------------------------------------------------------ writing
    def write(
        self,
        judge: Judge,
        touched: Iterable[Name],
        now: float,
        seen: Mapping[bytes, Seen | None] = MappingProxyType({}),
        **facts: object,
    ) -> bool:
        """Bring the copy to what the judge holds of these names, and to what was seen of these
        keys, with these facts (of `meta`); whether a reader sees anything else now, which it is
        then told."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            turn = int(meta(self._db, "turn") or 0) + 1
            changed = self._rows(judge, set(touched), turn, int(now))
            self.observed.write(seen)
            told = {name: str(value) for name, value in facts.items()}
            changed |= "revision" in told and meta(self._db, "revision") != told["revision"]
            if changed:
                told |= {"turn": str(turn), "key_id": self._keyring.current}
                told["in_clear"] = str(sum(one.in_clear for one in judge.good.values()))
            for name, value in told.items():
                self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
            self._db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise
        self.unreadable.difference_update(judge.good)
        if changed:
            with suppress(OSError):
                self.signal.give()  # else readers notice at their next poll
        return changed

    def _rows(self, judge: Judge, touched: set[Name], turn: int, now: int) -> bool:
        changed = False
        writing: list[Stored] = []
        for name in sorted(touched):
            changed |= self._refusal(name, judge.refused.get(name), now)
            fresh = judge.good.get(name)
            row = self._db.execute(
                "SELECT seq, revision, partial FROM resources WHERE kind = ? AND id = ?", name
            ).fetchone()
            partial = json.dumps(judge.partial.get(name, ()))
            made = None if fresh is None else fresh.created
            again = row is not None and row[0] // RANKS == made
            same = fresh is not None and row is not None and row[1:] == (fresh.mod, partial)
            if again and same and name not in self.unreadable:
                continue
            if row is not None and not again:
                self._db.execute("DELETE FROM resources WHERE seq = ?", (row[0],))
            changed |= fresh is not None or row is not None
            if fresh is not None:
                writing.append(fresh)
        for fresh in sorted(writing, key=lambda one: (one.created, one.kind, one.id)):
            self._row(fresh, json.dumps(judge.partial.get(fresh.name, ())), turn)
        return changed

    def _row(self, fresh: Stored, partial: str, turn: int) -> None:
        document, sealed = at_rest(
            self._keyring, fresh.kind, fresh.id, fresh.document, fresh.secret
        )
        first = fresh.created * RANKS
        query = "SELECT coalesce(max(seq) + 1, ?) FROM resources WHERE seq >= ? AND seq < ?"
        free = self._db.execute(query, (first, first, first + RANKS)).fetchone()[0]
        self._db.execute(
            """INSERT INTO resources VALUES (
                 :seq, :kind, :id, :document, :secret, :mod, :made, :changed, :turn, :clear,
                 :partial)
               ON CONFLICT (kind, id) DO UPDATE SET document = :document, secret = :secret,
                 revision = :mod, created_at = :made, updated_at = :changed, turn = :turn,
                 in_clear = :clear, partial = :partial""",
            {
                "seq": free, "kind": fresh.kind, "id": fresh.id, "document": document,
                "secret": sealed, "mod": fresh.mod, "made": fresh.created_at,
                "changed": fresh.updated_at, "turn": turn, "clear": int(fresh.in_clear),
                "partial": partial,
            },
        )  # fmt: skip

    def _refusal(self, name: Name, fresh: RefusedDocument | None, now: int) -> bool:
        query = "SELECT mod_revision, complaints FROM refused WHERE kind = ? AND id = ?"
        row = self._db.execute(query, name).fetchone()
        if fresh is None:
            if row is not None:
                self._db.execute("DELETE FROM refused WHERE kind = ? AND id = ?", name)
            return row is not None
        why = json.dumps(fresh.complaints)
        if row == (fresh.mod, why):
            return False
        sealed = self._keyring.seal(fresh.value.decode("latin-1"), "refused/" + "/".join(name))
        values = (*name, fresh.created, fresh.mod, sealed, why, now)
        self._db.execute(
            """INSERT INTO refused VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET
                 created = excluded.created, mod_revision = excluded.mod_revision,
                 value = excluded.value, complaints = excluded.complaints""",
            values,
        )  # `since` stays: it was never good in between
        return True

    def names(self) -> set[Name]:
        """Of all that is there, good or refused."""
        query = "SELECT kind, id FROM resources UNION SELECT kind, id FROM refused"
        return {(kind, id) for kind, id in self._db.execute(query)}


def copy_facts(db: sqlite3.Connection) -> CopyFacts:
    """Of any connection to the copy."""
    return CopyFacts(
        revision=int(meta(db, "revision") or 0),
        guard=int(meta(db, "guard") or 0),
        cluster_id=meta(db, "cluster_id") or "",
        in_clear=int(meta(db, "in_clear") or 0),
        broke_off=meta(db, "broke_off") or None,
        emptied_since=int(meta(db, "emptied_since") or 0) or None,
        emptied_cluster=meta(db, "emptied_cluster") or "",
        loaded=meta(db, "loaded") or "",
    )


def passed_over(db: sqlite3.Connection) -> dict[str, list[str]]:
    """{"models/a": fields that aisix does not know and serves without}."""
    query = "SELECT kind, id, partial FROM resources WHERE partial != '[]'"
    return {f"{kind}/{id}": json.loads(text) for kind, id, text in db.execute(query)}
