"""Cases are known without being read again, until one of them is written."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from aisix.errors import OperatorError
from aisix.mapping.verify import case_index
from aisix.mapping.verify.case_index import entries
from aisix.mapping.verify.kept import Kept

LONG_AGO = 10**18  # ns
FILES = {
    "case.toml": 'reason = "x"\n',
    "caller-request.json": '{"x": 1}',
    "upstream-request.json": "{}",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        for file, text in FILES.items():
            path = tmp_path / "mine" / "a" / "b" / "cases" / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return tmp_path / "mine"


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every file had been written long ago."""
    monkeypatch.setattr("aisix.mapping.parse.files.SETTLED", -(10**18))


def test_they_are_known_and_not_read(
    site: Path, tmp_path: Path, settled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept(tmp_path / "kept")
    found = entries(site, kept)
    assert [(e.mapping, e.name) for e in found] == [("a/b", "one"), ("a/b", "two")]
    assert found[0].files == ("caller-request.json", "upstream-request.json")
    assert found[0].digest != found[1].digest
    monkeypatch.setattr(case_index, "_read", lambda folder: 1 / 0)
    assert entries(site, kept) == found


@pytest.mark.parametrize("how", ("written", "added", "removed", "same size and time"))
def test_one_that_is_written_is_read(how: str, site: Path, tmp_path: Path, settled: None) -> None:
    kept = Kept(tmp_path / "kept")
    before = entries(site, kept)
    file = site / "a/b/cases/one/caller-request.json"
    was = file.stat()
    match how:
        case "written":
            file.write_text('{"x": 10}')
        case "added":
            (file.parent / "caller-error.json").write_text("{}")
        case "removed":
            (file.parent / "upstream-request.json").unlink()
        case "same size and time":
            file.write_text('{"x": 2}')
            os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))
    after = entries(site, kept)
    assert after[0].digest != before[0].digest
    assert after[1] == before[1]


def test_what_was_just_written_is_read_each_time(site: Path, tmp_path: Path) -> None:
    """It may be written again before its time changes."""
    kept = Kept(tmp_path / "kept")
    assert len(entries(site, kept)) == 2
    assert kept.made == []


def test_packed_ones(site: Path, tmp_path: Path) -> None:
    loose = entries(site, Kept(None))
    folder = tmp_path / "packed" / "a" / "b"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "cases.zip", "w") as archive:
        for name in ("one", "two"):
            for file, text in FILES.items():
                archive.writestr(f"{name}/{file}", text)
    kept = Kept(tmp_path / "kept")
    assert entries(tmp_path / "packed", kept) == loose
    assert entries(tmp_path / "packed", Kept(tmp_path / "kept")) == loose


def test_one_that_cannot_be_read(site: Path) -> None:
    (site / "a/b/cases/one/case.toml").write_text("reason = 'x'\nmodle = 'y'\n")
    with pytest.raises(OperatorError, match="did you mean"):
        entries(site, Kept(None))
