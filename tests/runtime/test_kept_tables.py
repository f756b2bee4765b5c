"""One earlier set of tables: what belongs to which files, on disk and in memory."""

from __future__ import annotations

from pathlib import Path

from aisix.mapping.mappings import load_mappings
from aisix.mapping.parse.files import TableFolder
from aisix.runtime import kept_tables
from aisix.runtime.kept_tables import KeptTables
from aisix.workers.generation import Generation
from tests.mapping.laid import SHIPPED


def folders(text: str) -> tuple[TableFolder, ...]:
    return (
        TableFolder(Path("shipped"), "shipped", {"a/caller.toml": b"one"}),
        TableFolder(Path("site"), "site", {"a/b/values.toml": text.encode()}),
    )


def kept(text: str, follower: str, left: str = "") -> KeptTables:
    after = kept_tables.very_files(folders(follower))
    return KeptTables("0a", kept_tables.pack(folders(text)), {}, [], 5, after, left, 7)


def test_it_belongs_to_the_files_that_came_after_it() -> None:
    good = kept("good", "bad")
    assert kept_tables.begin(folders("bad"), good) == (folders("bad"), good)
    assert kept_tables.begin(folders("other"), good) == (folders("other"), None)
    assert kept_tables.begin(folders("bad"), None) == (folders("bad"), None)
    assert (good.previous(), good.held()) == ({"digest": "0a", "since": 5}, None)
    assert not good.holds(folders("bad"))


def test_once_rolled_back_it_serves_until_those_files_change() -> None:
    back = kept("good", "bad", left="0b")
    assert kept_tables.begin(folders("bad"), back) == (folders("good"), back)
    assert kept_tables.begin(folders("other"), back) == (folders("other"), None)
    assert (back.previous(), back.held()) == (None, {"digest": "0b", "at": 7})
    assert (back.holds(folders("bad")), back.holds(folders("good"))) == (True, False)


def test_a_set_of_another_version_of_the_program_is_not_used() -> None:
    _, site = folders("bad")
    newer = (TableFolder(Path("shipped"), "shipped", {"a/caller.toml": b"two"}), site)
    after = kept_tables.very_files(newer)
    old = KeptTables("0a", kept_tables.pack(folders("good")), {}, [], 5, after, "0b", 7)
    assert kept_tables.begin(newer, old) == (newer, None)


def test_it_lies_on_disk_whole_and_a_broken_file_is_none(tmp_path: Path) -> None:
    one = kept("good", "bad")
    assert kept_tables.from_disk(tmp_path) is None
    assert kept_tables.to_disk(tmp_path, None)
    assert not list(tmp_path.iterdir()), "nothing is made for nothing"
    assert kept_tables.to_disk(tmp_path, one)
    assert kept_tables.from_disk(tmp_path) == one
    (file,) = (tmp_path / "tables").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    file.write_bytes(file.read_bytes()[:-1])
    assert kept_tables.from_disk(tmp_path) is None
    assert kept_tables.to_disk(tmp_path, one)
    assert kept_tables.to_disk(tmp_path, None)
    assert kept_tables.from_disk(tmp_path) is None
    (tmp_path / "file").write_text("")
    assert not kept_tables.to_disk(tmp_path / "file", one)


def test_all_workers_find_it() -> None:
    generation, one = Generation(), kept("good", "bad")
    assert kept_tables.shared(generation) is None
    kept_tables.share(generation, one)
    assert kept_tables.shared(generation) == one
    kept_tables.share(generation, None)
    assert kept_tables.shared(generation) is None


def test_what_serves_can_be_kept() -> None:
    mappings = load_mappings([SHIPPED])
    one = KeptTables.of(mappings, 5, ["w"], folders("bad"))
    assert (one.digest, one.warnings) == (mappings.digest, ["w"])
    files, same = kept_tables.begin(folders("bad"), one)
    assert (files, same) == (folders("bad"), None), "its shipped tables are others"
