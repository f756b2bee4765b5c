"""The rows of the database as a snapshot; what cannot be read is put in quarantine.

    read(db, keyring, base)   the database of now, taking over from `base` what did not change;
                              `form` says how it tells what is new
    at_rest(keyring, ...)     what is written of one resource

One row that cannot be read (no JSON, the wrong form, a secret whose key is not here, an unknown
kind, a name that another row has) costs that row and nothing else: all others are taken over, and
it is named in `Snapshot.quarantined`, with the reason and never a value. Until it can be read again

    what lets callers in (`Kind.lets_in`)   is left out: it may have been closed a moment ago
    all else                                serves on in the form it was last read in, if this
                                            process had read it; damage is to be no outage

Such rows are tried again at every look. What fails on the whole (a damaged page) is raised; the
store then serves the last good snapshot.

Must never know: how the database is opened or written.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from aisix.errors import AisixError, StoreError
from aisix.store.kinds.fits import misfit
from aisix.store.kinds.registry import KINDS
from aisix.store.resources import Document, timestamp
from aisix.store.sealing import packed, unpacked
from aisix.store.secrets import Keyring
from aisix.store.snapshot import Entry, Quarantined, Snapshot

COLUMNS = "SELECT kind, id, seq, revision, created_at, updated_at, document, secret FROM resources"

DIGITS = 18  # of a revision, that SQLite can compare

Found = Entry | Quarantined


@dataclass(frozen=True, slots=True)
class RowForm:
    """How a database says what is new in it.

    turn: the name in `meta`, and the column, that grow with every write of the file; refused: what
    it keeps beside its rows because it is not fit to serve.
    """

    turn: str = "revision"
    refused: Callable[[sqlite3.Connection], tuple[Quarantined, ...]] = lambda db: ()


OWN = RowForm()


def meta(db: sqlite3.Connection, name: str) -> str | None:
    """A value of the table `meta`."""
    row = db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def at_rest(
    keyring: Keyring, kind: str, id: str, document: Document, secret: str | None
) -> tuple[str, bytes | None]:
    """The JSON and the sealed text of a row."""
    clear, text = packed(KINDS[kind], document, secret)
    sealed = None if text is None else keyring.seal(text, f"{kind}/{id}")
    return json.dumps(clear, ensure_ascii=True, separators=(",", ":")), sealed


def read(db: sqlite3.Connection, keyring: Keyring, base: Snapshot, form: RowForm = OWN) -> Snapshot:
    """The database as a snapshot, `base` itself if nothing changed; raises sqlite3.Error, and
    StoreError when it does not say which write was the newest."""
    revision = _number(db, "revision")
    turn = revision if form is OWN else _number(db, form.turn)
    refused = form.refused(db)
    if turn == base.turn and base.quarantined == refused:
        return base
    if turn < base.turn:  # an older state was put back into the file: all of it is new
        base = Snapshot((), -1)
    changed: dict[tuple[str, str], Found] = {
        (row[0], row[1]): _made(row, keyring)
        for row in db.execute(f"{COLUMNS} WHERE {form.turn} > ?", (base.turn,))
    }
    if base.turn >= 0 and not base.damaged:
        fresh = _patched(db, base, list(changed.values()), revision, refused, turn)
        if fresh is not None:
            return fresh
    known = {(e.kind, e.id): e for e in base.all_entries()}
    for one in base.quarantined:
        known.pop((one.kind, one.id), None)  # so it is read again
    found: list[Found] = []
    for kind, id, seq in db.execute("SELECT kind, id, seq FROM resources ORDER BY seq").fetchall():
        row = changed.get((kind, id)) or known.get((kind, id))
        if row is None:  # asked for by number: an id that is no UTF-8 finds nothing
            row = _made(db.execute(COLUMNS + " WHERE seq = ?", (seq,)).fetchone(), keyring)
        found.append(row)
    good, bad = _parted(found, base)
    damaged = {(one.kind, one.id) for one in bad}
    bad += tuple(one for one in refused if (one.kind, one.id) not in damaged)
    if turn == base.turn and bad == base.quarantined:
        return base
    return Snapshot(good, revision, bad, turn, damaged=bool(damaged))


def _patched(
    db: sqlite3.Connection,
    base: Snapshot,
    changed: list[Found],
    revision: int,
    refused: tuple[Quarantined, ...],
    turn: int,
) -> Snapshot | None:
    """`base` with what changed since; None where it takes a look at every row."""
    put = [one for one in changed if isinstance(one, Entry)]
    if len(put) < len(changed):
        return None
    count = base.count + sum(base.entry(one.kind, one.id) is None for one in put)
    gone: list[Entry] = []
    there = db.execute("SELECT count(*) FROM resources").fetchone()[0]
    if there < count:
        left = {seq for (seq,) in db.execute("SELECT seq FROM resources")}
        again = {(one.kind, one.id) for one in put}
        lost = [one for one in base.all_entries() if one.seq not in left]
        gone = [one for one in lost if (one.kind, one.id) not in again]
    if there != count - len(gone):
        return None  # a row came without telling
    return base.with_changes(put, gone, revision, refused, turn)


def _number(db: sqlite3.Connection, name: str) -> int:
    text = meta(db, name) or ""
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS):
        raise StoreError(f"the database file is damaged (its {name}): restore it from a copy")
    return int(text)


def _parted(found: list[Found], base: Snapshot) -> tuple[list[Entry], tuple[Quarantined, ...]]:
    """What serves, and what could not be read."""
    good: list[Entry] = []
    bad: list[Quarantined] = []
    for one in _without_doubles(found):
        if isinstance(one, Entry):
            good.append(one)
            continue
        old = None
        if one.kind in KINDS.names and not KINDS[one.kind].lets_in:
            old = base.entry(one.kind, one.id)
        if old is not None:
            good.append(old)
        bad.append(one.with_last_good(old is not None))
    return good, tuple(bad)


def _without_doubles(found: list[Found]) -> Iterator[Found]:
    """Of two rows that have what only one may have, the older one is right."""
    seen: dict[tuple[str, str, Any], str] = {}
    for one in found:
        if isinstance(one, Entry):
            for name in KINDS[one.kind].apart:
                value = one.document.get(name)
                first = (
                    one.id if value is None else seen.setdefault((one.kind, name, value), one.id)
                )
                if first != one.id:
                    one = _bad(one.kind, one.id, one.revision, f"{name}: is that of {first} too")
                    break
        yield one


def _made(row: tuple[Any, ...], keyring: Keyring) -> Found:
    """The entry of a row, or why there is none. Words of foreign exceptions may quote a value."""
    kind, id, seq, revision, created_at, updated_at, text, sealed = row
    try:
        if kind not in KINDS.names:
            return _bad(kind, id, revision, "this aisix knows no such kind")
        (id + text).encode()  # bytes that are no UTF-8 came as surrogates
        secret = None if sealed is None else keyring.unseal(sealed, f"{kind}/{id}")
        document = json.loads(text)
        if type(document) is dict:
            document, secret = unpacked(document, secret)
        wrong = misfit(KINDS[kind], document, secret)
        if wrong is not None:
            return _bad(kind, id, revision, wrong)
        timestamp(created_at), timestamp(updated_at)
        return Entry(kind, id, seq, revision, created_at, updated_at, document, secret)
    except AisixError as error:
        why = str(error).removeprefix(f"{kind}/{id}: ")
    except UnicodeError:
        why = "it is not UTF-8"
    except json.JSONDecodeError as error:
        why = f"its document is not JSON: {error.msg}, at character {error.pos}"
    except Exception as error:
        why = f"its document cannot be understood ({type(error).__name__})"
    return _bad(kind, id, revision, why)


def _bad(kind: str, id: str, revision: int, why: str) -> Quarantined:
    return Quarantined(kind, id, revision, why)
