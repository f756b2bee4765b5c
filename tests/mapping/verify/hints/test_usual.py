"""What the shipped tables have: counted once, anew when they are others."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisix.mapping.parse.files import TableFolder
from aisix.mapping.verify.hints import usual
from aisix.mapping.verify.kept import Kept


def test_words_of_the_first_folder_are_counted_once_and_those_of_another_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept(tmp_path / "kept")
    text = b"[field.wonder]\nfrom = 'wonder'\n"
    first = TableFolder(tmp_path, "a", {"x/y/request.toml": text})
    counted = usual.usual(first, kept)
    assert counted.words["wonder"] == 2
    (file,) = kept.folder.iterdir() if kept.folder else ()
    monkeypatch.setattr(usual, "_read_before", {})  # as another process has it
    with monkeypatch.context() as patched:
        patched.setattr(usual, "_of", None)
        assert usual.usual(first, kept) == counted
    monkeypatch.setattr(usual, "_read_before", {})
    file.write_bytes(file.read_bytes()[:-1])  # cut: counted anew
    assert usual.usual(first, kept) == counted
    other = TableFolder(tmp_path, "a", {"x/y/request.toml": text.replace(b"wonder", b"wander")})
    assert "wonder" not in usual.usual(other, kept).words
