"""One row that cannot be read costs that row and nothing else."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from aisix.store import writes
from aisix.store.base import Store
from aisix.store.opening import open_store
from aisix.store.snapshot import Quarantined
from aisix.store.sqlite import SqliteStore

PROVIDER = {"display_name": "prod", "provider": "p", "secret": "the-secret-of-a-provider"}
MODEL = {"display_name": "small", "provider": "p", "model_name": "m", "provider_key_id": "pk"}
KEY = {"display_name": "ci", "key_hash": "0" * 64, "allowed_models": ["*"]}
ALL = (("provider_keys", "pk", PROVIDER), ("models", "small", MODEL), ("apikeys", "ci", KEY))

# What was done to a row, as SQL over its columns, and the reason that is told.
DAMAGES = [
    ('document = \'{"display_name": "x\'', "not JSON"),
    ("document = ''", "not JSON"),
    ("document = '[]'", "no object"),
    ("document = 'null'", "no object"),
    ("document = '{}'", ": is missing"),
    ("document = CAST(x'ff7b7d' AS TEXT)", "not UTF-8"),
    ("document = json_set(document, '$.display_name', 5)", "display_name: is not text"),
    ("document = json_set(document, '$.display_name', json('[]'))", "display_name: is not text"),
    (f"document = '{'[' * 100_000}'", "RecursionError"),
    ("created_at = 9223372036854775807", "cannot be understood"),
    ("kind = 'wagons'", "no such kind"),
]
SECRETS = [
    ("secret = NULL", "secret: is missing"),
    ("secret = x''", "key that is not here"),
    ("secret = x'00'", "key that is not here"),
    ("secret = CAST(substr(secret, 1, 29) || x'00' AS BLOB)", "tampered with"),
    ("secret = substr(secret, 1, length(secret) - 1)", "tampered with"),
]
OF_ITS_KIND = [
    ("models", "document = json_set(document, '$.targets', json('[{}]'))", "targets: is not"),
    ("models", "document = json_set(document, '$.routing', 'dice')", "routing: is not"),
    (
        "models",
        "document = json_set(document, '$.rate_limit', json('{\"rpm\": \"many\"}'))",
        "rate",
    ),
    ("models", "document = json_set(document, '$.timeout', 1.5)", "timeout: is not"),
    ("provider_keys", "document = json_set(document, '$.headers', json('{\"a\": 1}'))", "headers"),
    ("provider_keys", "document = json_set(document, '$.tls', json('{\"verify\": 0}'))", "tls"),
    ("apikeys", "document = json_set(document, '$.expires_at', 'soon')", "ValueError"),
    ("apikeys", "document = json_set(document, '$.allowed_models', json('[1]'))", "allowed_models"),
    ("apikeys", "document = json_set(document, '$.previous', json('{}'))", "previous"),
    ("apikeys", "document = json_set(document, '$.disabled', 'no')", "disabled"),
]
CASES = [
    *((kind, how, why) for kind in ("models", "apikeys", "provider_keys") for how, why in DAMAGES),
    *(("provider_keys", how, why) for how, why in SECRETS),
    *OF_ITS_KIND,
]


def filled(folder: Path) -> Store:
    store = open_store(folder)
    for kind, id, body in ALL:
        writes.create(store, kind, body, now=1.0, new_id=id)
        second = {**body, "display_name": f"{id}-2"}
        if kind == "apikeys":
            second["key_hash"] = "1" * 64
        writes.create(store, kind, second, now=1.0, new_id=f"{id}-2")
    return store


def damage(folder: Path, kind: str, how: str) -> None:
    """Done to the first row of a kind from outside, and told to nobody."""
    db = sqlite3.connect(folder / "aisix.db", isolation_level=None)
    db.execute("UPDATE meta SET value = value + 1 WHERE name = 'revision'")
    newest = "(SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'revision')"
    first = "(SELECT min(seq) FROM resources WHERE kind = ?)"
    db.execute(f"UPDATE resources SET {how}, revision = {newest} WHERE seq = {first}", (kind,))
    db.close()


@pytest.mark.parametrize(("kind", "how", "why"), CASES, ids=lambda text: str(text)[:50])
def test_a_damaged_row_is_named_and_all_else_serves(
    tmp_path: Path, kind: str, how: str, why: str
) -> None:
    store = filled(tmp_path)
    id = {"models": "small", "apikeys": "ci", "provider_keys": "pk"}[kind]
    damage(tmp_path, kind, how)
    store.poll()
    now = store.current()
    [bad] = now.quarantined
    assert bad.id == id and why in bad.why
    assert store.trouble is None
    assert "the-secret" not in str(bad) and "0" * 64 not in str(bad)
    json.dumps(bad.told()).encode()
    before = bad.kind == kind and kind != "apikeys"  # a key that cannot be read opens nothing
    assert bad.serves is before
    assert (now.entry(kind, id) is not None) is before
    assert now.api_key("1" * 64) is not None and now.model("small-2") is not None
    assert now.provider_key("pk-2") is not None
    if kind == "apikeys":
        assert now.api_key("0" * 64) is None
    store.poll()
    assert store.current() is now  # nothing is made anew as long as nothing changes
    # Others are written, and it is taken away or put right like any other.
    writes.merge(store, "apikeys", "ci-2", {"allowed_models": []}, now=2.0)
    assert store.current().quarantined == (bad,)
    afresh = open_store(tmp_path)
    assert [one.id for one in afresh.current().quarantined] == [id]
    assert afresh.current().entry(kind, id) is None
    afresh.close()
    if bad.kind == kind:
        writes.replace(store, kind, id, {k: b for k, _, b in ALL}[kind], now=3.0)
        assert store.current().quarantined == ()
        assert store.current().entry(kind, id) is not None
    store.close()


@pytest.mark.parametrize("name", ["kind", "id"])
def test_a_name_that_is_no_text_costs_that_row_alone(tmp_path: Path, name: str) -> None:
    store = filled(tmp_path)
    damage(tmp_path, "models", f"{name} = CAST(x'ff0a41' AS TEXT) || {name}")
    store.poll()
    assert store.trouble is None and store.current().model("small-2") is not None
    [bad] = store.current().quarantined
    assert json.dumps(bad.told()).encode() and str(bad).isprintable()
    afresh = open_store(tmp_path)
    assert afresh.current().quarantined == (bad,)
    afresh.close()
    writes.delete(store, "apikeys", "ci")
    store.close()


def test_an_endless_name_makes_no_endless_line(tmp_path: Path) -> None:
    assert len(str(Quarantined("models", "i" * 100_000, 1, "why"))) < 300


def test_an_older_state_that_is_put_back_into_the_file_serves(tmp_path: Path) -> None:
    store = filled(tmp_path)
    older = sqlite3.connect(":memory:")
    with sqlite3.connect(tmp_path / "aisix.db") as running:
        running.backup(older)
    writes.merge(store, "models", "small", {"model_name": "another"}, now=2.0)
    writes.delete(store, "apikeys", "ci")
    with sqlite3.connect(tmp_path / "aisix.db") as running:
        older.backup(running)  # what `.restore` does: the file stays the same one
    store.poll()
    entry = store.current().entry("models", "small")
    assert entry is not None and entry.document["model_name"] != "another"
    assert store.current().api_key("0" * 64) is not None
    writes.delete(store, "apikeys", "ci")
    assert store.current().api_key("0" * 64) is None
    running.close(), older.close()
    store.close()


def test_what_cannot_be_read_can_be_deleted(tmp_path: Path) -> None:
    store = filled(tmp_path)
    damage(tmp_path, "apikeys", "document = 'x'")
    store.poll()
    [gone] = writes.delete(store, "apikeys", "ci")
    assert (gone.kind, gone.id) == ("apikeys", "ci")
    assert store.current().quarantined == ()
    store.close()


def test_a_row_that_is_mended_serves_again(tmp_path: Path) -> None:
    store = filled(tmp_path)
    db = sqlite3.connect(tmp_path / "aisix.db", isolation_level=None)
    [before] = db.execute("SELECT document FROM resources WHERE id = 'ci'").fetchone()
    damage(tmp_path, "apikeys", "document = 'x'")
    store.poll()
    assert store.current().api_key("0" * 64) is None
    db.execute("UPDATE resources SET document = ? WHERE id = 'ci'", (before,))  # no new revision
    db.close()
    store.poll()
    assert store.current().quarantined == ()
    assert store.current().api_key("0" * 64) is not None
    store.close()


def test_of_two_with_one_name_the_older_one_is_right(tmp_path: Path) -> None:
    store = filled(tmp_path)
    db = sqlite3.connect(tmp_path / "aisix.db", isolation_level=None)
    for kind, text in (
        ("models", '$.display_name", "small'),
        ("apikeys", '$.key_hash", "' + "0" * 64),
    ):
        path, value = text.replace('"', "").split(", ")
        db.execute(
            "UPDATE resources SET document = json_set(document, ?, ?), revision = 99 "
            "WHERE id = (SELECT max(id) FROM resources WHERE kind = ?)",
            (path, value, kind),
        )
    db.execute("UPDATE meta SET value = '99' WHERE name = 'revision'")
    db.close()
    store.poll()
    assert {one.id for one in store.current().quarantined} == {"small-2", "ci-2"}
    found = store.current().api_key("0" * 64)
    assert found is not None and found.id == "ci"
    store.close()


def test_a_row_without_a_revision_of_its_own_is_read_all_the_same(tmp_path: Path) -> None:
    store = filled(tmp_path)
    assert isinstance(store, SqliteStore)
    db = sqlite3.connect(tmp_path / "aisix.db", isolation_level=None)
    db.execute(
        "INSERT INTO resources (kind, id, document, revision, created_at, updated_at)"
        " VALUES ('apikeys', 'by-hand', ?, 1, 1, 1)",
        (json.dumps({"display_name": "h", "key_hash": "2" * 64, "allowed_models": []}),),
    )
    db.execute("UPDATE meta SET value = value + 1 WHERE name = 'revision'")
    db.close()
    store.poll()
    assert store.trouble is None and store.current().api_key("2" * 64) is not None
    store.close()
