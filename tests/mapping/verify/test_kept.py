"""What is kept is found again whole, by who kept it, and anything else is as if it were not there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from aisix.mapping.verify import kept as module
from aisix.mapping.verify.kept import Kept, engine, hashed


def test_it_is_found_again_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "a" / "b")
    kept.put("x-1", b"said")
    assert Kept(tmp_path / "a" / "b").get("x-1") == b"said"
    assert kept.get("x-2") is None
    assert stat.S_IMODE(os.stat(tmp_path / "a/b/x-1").st_mode) == 0o600
    assert stat.S_IMODE(os.stat(tmp_path / "a/b").st_mode) == 0o700
    assert "found x" not in kept.told()
    assert "made x" in kept.told()


@pytest.mark.parametrize("how", ("cut", "changed", "empty", "writable", "link", "folder", "pipe"))
def test_what_is_not_sound_is_not_there(how: str, tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.put("x-1", b"said")
    file = tmp_path / "x-1"
    data = file.read_bytes()
    match how:
        case "cut":
            file.write_bytes(data[:-1])
        case "changed":
            file.write_bytes(data[:-1] + b"D")
        case "empty":
            file.write_bytes(b"")
        case "writable":
            file.chmod(0o666)
        case "link":
            file.rename(tmp_path / "other")
            file.symlink_to(tmp_path / "other")
        case "folder":
            file.unlink()
            file.mkdir()
        case "pipe":
            file.unlink()
            os.mkfifo(file)
    assert kept.get("x-1") is None
    if how != "folder":
        kept.put("x-1", b"anew")
        assert kept.get("x-1") == b"anew"


def test_another_users_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept(tmp_path)
    kept.put("x-1", b"said")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert kept.get("x-1") is None
    kept.put("x-2", b"said")  # nor is anything put into a folder of theirs
    assert not (tmp_path / "x-2").exists()
    assert Kept(None, tmp_path).get("x-1") == b"said"  # what came with the tables


def test_without_a_folder_nothing_is_kept(tmp_path: Path) -> None:
    kept = Kept(None)
    kept.put("x-1", b"said")
    assert (kept.get("x-1"), kept.told()) == (None, "none")
    (tmp_path / "file").write_bytes(b"")
    kept = Kept(tmp_path / "file" / "below")  # where there can be no folder
    kept.put("x-1", b"said")
    assert kept.get("x-1") is None


def test_the_oldest_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FILES", 3)
    kept = Kept(tmp_path)
    for number in range(5):
        kept.put(f"x-{number}", b"said")
        os.utime(tmp_path / f"x-{number}", ns=(number, number))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x-2", "x-3", "x-4"]
    monkeypatch.setattr(module, "MOST_BYTES", 50)
    kept.put("x-5", b"said")
    assert kept.sizes()[0] == 1
    monkeypatch.setattr(module, "LARGEST", 3)
    kept.put("x-6", b"said")
    assert not (tmp_path / "x-6").exists()


def test_digests() -> None:
    assert hashed("ab", "c") != hashed("a", "bc")
    assert engine() == engine()
    assert len(engine()) == 32


def test_why_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a/b"
    assert Kept(folder).trouble() == Kept(None).trouble() == ""
    (tmp_path / "a").write_text("")
    assert Kept(folder).trouble() == f"{tmp_path / 'a'} is not a folder"
    assert Kept(tmp_path / "a").trouble() == "is not a folder"
    (tmp_path / "link").symlink_to(tmp_path / "a", target_is_directory=True)
    assert Kept(tmp_path / "link").trouble()
    (tmp_path / "own").mkdir()
    assert Kept(tmp_path / "own").trouble() == ""
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert "another user's" in Kept(tmp_path / "own").trouble()
