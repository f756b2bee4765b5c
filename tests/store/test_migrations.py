"""The schema of the database: steps in order, each whole, a newer one refused."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from aisix.errors import OperatorError
from aisix.store import migrations, writes
from aisix.store.opening import open_store

BODY = {"display_name": "a", "provider": "p", "secret": "sk-1234567890abcdef"}


def made(folder: Path) -> Path:
    store = open_store(folder)
    writes.create(store, "provider_keys", BODY, now=1.0, new_id="a")
    store.close()
    return folder / "aisix.db"


def version(file: Path) -> int:
    db = sqlite3.connect(file)
    try:
        return int(db.execute("PRAGMA user_version").fetchone()[0])
    finally:
        db.close()


def test_the_database_is_in_wal_and_says_its_version(tmp_path: Path) -> None:
    file = made(tmp_path)
    db = sqlite3.connect(file)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()
    assert version(file) == len(migrations.STEPS)


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = made(tmp_path)
    db = sqlite3.connect(file)
    db.execute("PRAGMA user_version = 99")
    db.close()
    before = file.read_bytes()
    with pytest.raises(OperatorError, match=r"version 99, this program knows \d+: run the newer"):
        open_store(tmp_path)
    assert file.read_bytes() == before


def test_another_program_s_database_is_refused(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "aisix.db")
    db.execute("CREATE TABLE theirs (x)")
    db.commit()
    db.close()
    with pytest.raises(OperatorError, match="is not a database of aisix"):
        open_store(tmp_path)


def test_a_later_step_runs_once_on_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = made(tmp_path)
    later = (*migrations.STEPS, ("CREATE TABLE later (x)", "INSERT INTO later VALUES (1)"))
    monkeypatch.setattr(migrations, "STEPS", later)
    for _ in range(2):
        store = open_store(tmp_path)
        assert store.current().provider_key("a") is not None
        store.close()
    assert version(file) == len(later)
    db = sqlite3.connect(file)
    assert db.execute("SELECT count(*) FROM later").fetchone() == (1,)
    db.close()


def test_a_step_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = made(tmp_path)
    steps = migrations.STEPS
    bad = ("CREATE TABLE half (x)", "DROP TABLE meta", "this is no SQL")
    monkeypatch.setattr(migrations, "STEPS", (*steps, bad))
    with pytest.raises(OperatorError, match="cannot be opened"):
        open_store(tmp_path)
    assert version(file) == len(steps)
    monkeypatch.setattr(migrations, "STEPS", steps)
    store = open_store(tmp_path)
    assert store.current().provider_key("a") is not None
    names = store._reader.execute("SELECT name FROM sqlite_master").fetchall()  # type: ignore[attr-defined]
    assert ("half",) not in names
    store.close()


def test_a_path_that_was_kept_without_its_version_has_it_again(tmp_path: Path) -> None:
    file = made(tmp_path)
    bases = {
        ("openai", "https://h/api"): "https://h/api/v1",
        ("openai", "https://h"): "https://h",
        ("openai", "https://h/x/chat/completions"): "https://h/x/chat/completions",
        ("anthropic", "https://h/api"): "https://h/api",
    }
    store = open_store(tmp_path)
    for number, (adapter, base) in enumerate(bases):
        body = {**BODY, "display_name": f"k{number}", "adapter": adapter, "api_base": base}
        writes.create(store, "provider_keys", body, now=1.0, new_id=f"k{number}")
    store.close()
    db = sqlite3.connect(file)
    db.execute("PRAGMA user_version = 1")
    db.close()
    store = open_store(tmp_path)
    keys = [store.current().provider_key(f"k{number}") for number in range(len(bases))]
    assert [key and key.api_base for key in keys] == list(bases.values())
    store.close()
