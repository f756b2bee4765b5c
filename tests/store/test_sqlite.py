"""The database under several processes and sudden death: nothing acknowledged is lost."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from aisix.errors import OperatorError, StoreError
from aisix.store import replica, sqlite, writes
from aisix.store.opening import open_store
from tests.running import ROOT

WRITER = """
import sys, time
from aisix.store import writes
from aisix.store.opening import open_store
store = open_store(sys.argv[1])
for n in range(int(sys.argv[3])):
    name = f"{sys.argv[2]}-{n}"
    body = {"display_name": name, "provider": "p", "secret": "s" * 20}
    writes.create(store, "provider_keys", body, now=time.time(), new_id=name)
    print(name, flush=True)
"""


def writer(folder: Path, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(folder), name, str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def names(folder: Path) -> set[str]:
    store = open_store(folder)
    try:
        return {entry.id for entry in store.current().entries("provider_keys")}
    finally:
        store.close()


def test_two_processes_write_to_one_directory(tmp_path: Path) -> None:
    both = [writer(tmp_path, name, 40) for name in ("a", "b")]
    for process in both:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert names(tmp_path) == {f"{x}-{n}" for x in "ab" for n in range(40)}


def test_many_who_start_at_once_in_an_empty_directory_agree(tmp_path: Path) -> None:
    starters = [writer(tmp_path / "data", f"s{n}", 1) for n in range(6)]
    for process in starters:
        process.communicate(timeout=60)
        assert process.returncode == 0
    store = open_store(tmp_path / "data")
    secrets = {entry.secret for entry in store.current().entries("provider_keys")}
    assert len(store.current().entries("provider_keys")) == 6
    assert secrets == {"s" * 20}  # all sealed with one key
    store.close()


def test_a_database_another_program_holds_is_a_clear_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    store = open_store(tmp_path)
    body = {"display_name": "a", "provider": "p", "secret": "the-secret-of-a-provider"}
    other = sqlite3.connect(tmp_path / "aisix.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="busy with another program's work: try again"):
        writes.create(store, "provider_keys", body, now=1.0, new_id="a")
    store.poll()
    assert store.trouble is None  # reading goes on
    other.execute("ROLLBACK")
    other.close()
    writes.create(store, "provider_keys", body, now=1.0, new_id="a")
    store.close()


def test_a_database_that_breaks_under_a_running_store_leaves_the_last_good_content(
    tmp_path: Path,
) -> None:
    store, other = open_store(tmp_path), open_store(tmp_path)
    body = {"display_name": "a", "provider": "p", "secret": "the-secret-of-a-provider"}
    writes.create(other, "provider_keys", body, now=1.0, new_id="a")
    assert store.current().provider_key("a") is not None
    other._writer.execute("UPDATE resources SET secret = x'00', revision = 99")  # type: ignore[attr-defined]
    other._writer.execute("UPDATE meta SET value = '99' WHERE name = 'revision'")  # type: ignore[attr-defined]
    store.poll()
    assert store.current().provider_key("a") is not None
    [bad] = store.current().quarantined
    assert "encrypted with a key that is not here" in bad.why
    writes.create(store, "provider_keys", {**body, "display_name": "b"}, now=1.0, new_id="b")
    assert store.current().provider_key("b") is not None
    store.close()
    other.close()


def test_another_process_sees_a_write_with_its_next_look(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    assert store.current().entries("provider_keys") == []
    writer(tmp_path, "other", 1).communicate(timeout=20)
    assert [e.id for e in store.current().entries("provider_keys")] == ["other-0"]
    store.close()


def test_the_directory_is_private_and_a_secret_is_not_in_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    store = open_store(folder)
    body = {"display_name": "a", "provider": "p", "secret": "the-secret-of-a-provider"}
    writes.create(store, "provider_keys", body, now=1.0, new_id="a")
    key = store.current().provider_key("a")
    assert key is not None
    assert key.secret == "the-secret-of-a-provider"
    assert "the-secret" not in repr(key) + repr(store.current().entries("provider_keys"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in folder.iterdir():
        assert b"the-secret-of-a-provider" not in file.read_bytes()
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0
    store.close()


def test_a_directory_that_was_open_to_others_is_closed_when_it_is_ours(tmp_path: Path) -> None:
    for names, mode in (((), 0o700), (("secret.key",), 0o700), (("letters.txt",), 0o755)):
        folder = tmp_path / f"data-{len(list(tmp_path.iterdir()))}"
        open_store(folder).close()
        for file in folder.iterdir():
            if file.name not in names:
                file.unlink()
        for name in names:
            (folder / name).touch(0o600)
        folder.chmod(0o755)
        open_store(folder).close()
        assert stat.S_IMODE(folder.stat().st_mode) == mode


def test_a_broken_database_and_a_wrong_key_say_so(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "aisix.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(OperatorError, match=r"aisix\.db"):
        open_store(tmp_path / "broken")
    store = open_store(tmp_path / "good")
    body = {"display_name": "a", "provider": "p", "secret": "the-secret-of-a-provider"}
    writes.create(store, "provider_keys", body, now=1.0, new_id="a")
    store.close()
    os.remove(tmp_path / "good" / "secret.key")
    with pytest.raises(OperatorError):
        open_store(tmp_path / "good")


KEY = {"display_name": "a", "provider": "p", "secret": "the-secret-of-a-provider"}


def test_whatever_fails_while_it_is_renewed_the_last_good_content_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store, other = open_store(tmp_path), open_store(tmp_path)
    writes.create(other, "provider_keys", KEY, now=1.0, new_id="a")
    assert store.current().provider_key("a") is not None
    for error in (
        ValueError("sk-quoted"),
        RecursionError(),
        MemoryError(),
        sqlite3.OperationalError(),
    ):

        def broken(*given: object, error: Exception = error) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(replica, "read", broken)
            other._signal.give()  # type: ignore[attr-defined]
            for _ in range(3):
                assert store.current().provider_key("a") is not None
                store.poll()
            assert str(store.trouble).startswith("the last good content serves")
            assert "sk-quoted" not in str(store.trouble) + caplog.text
        store.poll()
        assert store.trouble is None
    store.close()
    other.close()


def test_a_revision_that_is_no_number_stops_nothing(tmp_path: Path) -> None:
    store, other = open_store(tmp_path), open_store(tmp_path)
    writes.create(other, "provider_keys", KEY, now=1.0, new_id="a")
    assert store.current().provider_key("a") is not None
    other._writer.execute("UPDATE meta SET value = 'x' WHERE name = 'revision'")  # type: ignore[attr-defined]
    other._signal.give()  # type: ignore[attr-defined]
    assert store.current().provider_key("a") is not None
    assert "is damaged (its revision)" in str(store.trouble)
    with pytest.raises(StoreError, match="is damaged"):
        writes.delete(store, "provider_keys", "a")
    with pytest.raises(OperatorError, match=r"aisix\.db: the database file is damaged"):
        open_store(tmp_path)
    store.close()
    other.close()


def test_a_reader_waits_for_no_lock(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    writes.create(store, "provider_keys", KEY, now=1.0, new_id="a")
    waits = store._reader.execute("PRAGMA busy_timeout").fetchone()[0]  # type: ignore[attr-defined]
    assert waits <= 100  # ms: callers wait with it
    store.close()


def test_a_file_that_was_replaced_is_taken_over_and_one_that_is_gone_takes_no_writes(
    tmp_path: Path,
) -> None:
    store = open_store(tmp_path)
    writes.create(store, "provider_keys", KEY, now=1.0, new_id="a")
    copy = sqlite3.connect(tmp_path / "copy")
    store._reader.backup(copy)  # type: ignore[attr-defined]
    copy.close()
    for name in ("b", "c"):
        writes.create(store, "provider_keys", {**KEY, "display_name": name}, now=1.0, new_id=name)
    (tmp_path / "aisix.db").rename(tmp_path / "away")
    store.poll()
    assert "is gone" in str(store.trouble)
    assert store.current().provider_key("c") is not None
    with pytest.raises(StoreError, match="nothing was written"):
        writes.delete(store, "provider_keys", "c")
    for end in ("-wal", "-shm"):
        (tmp_path / f"aisix.db{end}").unlink(missing_ok=True)
    (tmp_path / "aisix.db").write_bytes(b"no database at all" * 400)
    store.poll()
    assert store.trouble is not None and store.current().provider_key("c") is not None
    (tmp_path / "copy").rename(tmp_path / "aisix.db")
    store.poll()
    assert store.trouble is None
    assert [e.id for e in store.current().entries("provider_keys")] == ["a"]
    writes.create(store, "provider_keys", {**KEY, "display_name": "d"}, now=1.0, new_id="d")
    store.close()
    assert names(tmp_path) == {"a", "d"}
