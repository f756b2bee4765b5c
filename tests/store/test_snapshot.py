"""A snapshot that takes over what did not change is the one that reading everything gives."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisix.store import rows
from aisix.store.base import Change, Delete, Put
from aisix.store.kinds.api_keys import hash_of
from aisix.store.opening import open_store
from aisix.store.snapshot import Entry, Snapshot
from tests.store.contract import KEY, MODEL

NAMES = ("a", "b", "c", "d*", "*e")


def model(id: str, seq: int, name: str) -> Entry:
    return Entry("models", id, seq, seq, 1, 1, {**MODEL[2], "display_name": name}, None)


def caller(id: str, seq: int, text: str, before: str) -> Entry:
    document: dict[str, Any] = {
        "display_name": id,
        "key_hash": hash_of(text),
        "allowed_models": ["*"],
    }
    if before:
        document["previous"] = {"key_hash": hash_of(before), "expires_at": "2999-01-01T00:00:00Z"}
    return Entry("apikeys", id, seq, seq, 1, 1, document, None)


def seen(snapshot: Snapshot) -> list[Any]:
    """All that a request can ask it."""
    entries = snapshot.all_entries()
    asked = [*NAMES, "dx", "xe"]
    return [
        [(e.kind, e.id, e.seq, e.document) for e in entries],
        [(name, snapshot.model(name), snapshot.stored_name(name)) for name in asked],
        [
            (name, found and found.id)
            for name in NAMES
            for found in [snapshot.named("models", name)]
        ],
        [snapshot.api_key(hash_of(text)) for text in "pqrs"],
        [snapshot.provider_key(e.id) for e in entries],
        snapshot.counts(),
    ]


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(("put", "again", "delete")),
        st.sampled_from(("m1", "m2", "m3", "m4")),
        st.sampled_from(NAMES),
    ),
    max_size=4,
)


@given(st.lists(CHANGES, max_size=8))
def test_changes_one_after_the_other_are_as_read_at_once(steps: list[Any]) -> None:
    held: dict[str, Entry] = {}
    snapshot, seq = Snapshot((), 0), 0
    for step in steps:
        put: dict[str, Entry] = {}
        gone: dict[str, Entry] = {}
        for what, id, name in step:
            if id in put or id in gone:
                continue
            seq += 1
            old = held.get(id)
            if what == "delete":
                if old is not None:
                    gone[id] = old
            else:
                place = old.seq if old is not None and what == "put" else seq
                put[id] = model(id, place, name)
        held = {id: one for id, one in held.items() if id not in gone} | put
        whole = Snapshot(sorted(held.values(), key=lambda one: one.seq), seq)
        names = [one.document["display_name"] for one in held.values()]
        fresh = snapshot.with_changes(put.values(), gone.values(), seq, (), seq)
        if len(set(names)) < len(names):
            assert fresh is None, "two have one name: somebody must look at all"
            held, snapshot = {}, Snapshot((), seq)
            continue
        if fresh is not None:
            assert seen(fresh) == seen(whole)
        snapshot = whole if fresh is None else fresh


def test_a_key_that_is_exchanged_or_goes_takes_its_older_text_with_it() -> None:
    one, other = caller("k1", 1, "p", "q"), caller("k2", 2, "r", "")
    first = Snapshot([one, other], 2)
    for put, gone in (
        ([caller("k1", 1, "s", "p")], []),
        ([caller("k2", 2, "q", "")], []),
        ([], [one]),
        ([caller("k2", 2, "s", "r"), caller("k3", 3, "r", "")], [one]),
    ):
        kept = {e.id: e for e in (one, other) if e not in gone} | {e.id: e for e in put}
        fresh = first.with_changes(put, gone, 3, (), 3)
        assert fresh is not None
        assert seen(fresh) == seen(Snapshot(kept.values(), 3))
    assert seen(first) == seen(Snapshot([one, other], 2)), "it is never edited"


def test_an_older_one_that_comes_late_takes_its_place() -> None:
    first = Snapshot([model("b", 5, "b")], 5)
    assert first.with_changes([model("a", 3, "a")], [], 6, (), 6) is None


def test_one_change_of_many_looks_at_that_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted by what the reader fetches: a change must not cost what there is."""
    writer, names = open_store(tmp_path), [f"m{n}" for n in range(300)]

    def put(name: str, upstream: str) -> Change:
        document = {**MODEL[2], "display_name": name, "model_name": upstream}
        return Put("models", name, document, None, 1)

    key = Put("provider_keys", "pk", {k: v for k, v in KEY[2].items() if k != "secret"}, "s", 1)
    writer.update(lambda base: [key, *(put(name, "x") for name in names)])
    reader = open_store(tmp_path)
    before = reader.current()
    whole: list[int] = []
    monkeypatch.setattr(rows, "_parted", lambda found, base: whole.append(len(found)))
    fetched = 0

    def traced(row: Any, keyring: Any, made: Any = rows._made) -> Any:
        nonlocal fetched
        fetched += 1
        return made(row, keyring)

    monkeypatch.setattr(rows, "_made", traced)
    file = sqlite3.connect(tmp_path / "aisix.db")
    for change in (put("m7", "y"), put("late", "y"), Delete("models", "m9")):
        with file:
            _written(file, change)
        fetched = 0
        reader.poll()
        assert not whole, reader.trouble
        assert fetched <= 1
    now = reader.current()
    assert now.model("m9") is None
    assert now.model("late") is not None
    assert now.entry("models", "m8") is before.entry("models", "m8")
    assert reader.trouble is None
    file.close()


def _written(file: sqlite3.Connection, change: Change) -> None:
    """As another process writes it."""
    file.execute("UPDATE meta SET value = value + 1 WHERE name = 'revision'")
    if isinstance(change, Delete):
        file.execute("DELETE FROM resources WHERE id = ?", (change.id,))
        return
    assert isinstance(change, Put)
    file.execute(
        """INSERT INTO resources (kind, id, document, secret, revision, created_at, updated_at)
           SELECT kind, ?1, replace(replace(document, 'm8', ?1), '"x"', '"y"'), secret,
             (SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'revision'), 1, 1
           FROM resources WHERE id = 'm8'
           ON CONFLICT (kind, id) DO UPDATE SET document = excluded.document,
             revision = excluded.revision""",
        (change.id,),
    )
