"""A client's own file is replaced at once or not at all, with a backup, readable by its user only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aisix.cli.use import keeping
from aisix.cli.use.declared import ClientFile
from aisix.errors import OperatorError


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_file_and_its_folders(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b" / "c.toml"
    assert keeping.keep(file, "", "x = 1\n") is None
    assert (file.read_text(), mode(file), mode(file.parent)) == ("x = 1\n", 0o600, 0o700)


def test_what_was_there_stands_in_backups_that_are_never_written_over(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("one")
    file.chmod(0o644)
    first = keeping.keep(file, "one", "two")
    second = keeping.keep(file, "two", "three")
    assert first is not None and second is not None
    assert [first.name, second.name] == ["c.toml.aisix-backup-1", "c.toml.aisix-backup-2"]
    assert [one.read_text() for one in (first, second, file)] == ["one", "two", "three"]
    assert {mode(one) for one in (first, second, file)} == {0o600}
    assert len(list(tmp_path.iterdir())) == 3


def test_a_link_stays_one(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles" / "c.toml", tmp_path / "c.toml"
    real.parent.mkdir()
    real.write_text("one")
    link.symlink_to(real)
    assert keeping.keep(link, "one", "two") == real.with_name("c.toml.aisix-backup-1")
    assert link.is_symlink() and real.read_text() == "two"


def test_a_file_that_was_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("of somebody else")
    with pytest.raises(OperatorError, match="somebody else"):
        keeping.keep(file, "one", "two")
    assert file.read_text() == "of somebody else" and len(list(tmp_path.iterdir())) == 1


def test_backups_and_sizes_have_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MAX_BACKUPS", 1)
    file = tmp_path / "c.toml"
    file.write_text("one")
    keeping.keep(file, "one", "two")
    with pytest.raises(OperatorError, match="1 backups already"):
        keeping.keep(file, "two", "three")
    assert file.read_text() == "two"
    file.write_bytes(b"x" * (keeping.MAX_FILE_BYTES + 1))
    with pytest.raises(OperatorError, match="larger than"):
        keeping.contents(file)
    file.write_bytes(b"\xff")
    with pytest.raises(OperatorError, match="not UTF-8"):
        keeping.contents(file)


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OperatorError, match=r"cannot be (read|written)"):
        keeping.keep(tmp_path / "file" / "c.toml", "", "x")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name in ("pipe", "loop", "."):
        with pytest.raises(OperatorError, match=r"is no file|cannot be read"):
            keeping.contents(tmp_path / name)


def test_where_a_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = ClientFile(["$X_HOME/c", "~/.x/c"], "toml", {}, darwin="~/Library/x/c")
    assert keeping.place(file, {"HOME": "/h", "X_HOME": "/x"}, tmp_path) == Path("/x/c")
    assert keeping.place(file, {"HOME": "/h"}, tmp_path) == Path("/h/.x/c")
    assert keeping.place(file, {"HOME": "/h", "X_HOME": ""}, tmp_path) == Path("/h/.x/c")
    assert keeping.place(ClientFile([".env"], "env", {}), {}, tmp_path) == tmp_path / ".env"
    monkeypatch.setattr(keeping, "_on_darwin", lambda: True)
    assert keeping.place(file, {"HOME": "/h"}, tmp_path) == Path("/h/Library/x/c")
    with pytest.raises(OperatorError, match="variables set"):
        keeping.place(ClientFile(["$X_HOME/c"], "toml", {}), {}, tmp_path)
    assert os.fspath(keeping.place(file, {}, tmp_path)).startswith("/")
