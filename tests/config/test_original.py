"""Where a gateway in the original's form keeps what is its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisix.config import original


def test_the_folder_is_the_first_that_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert original.data_folder(tmp_path) == (tmp_path / "data", "")
    system = tmp_path / "system"
    system.mkdir()
    monkeypatch.setattr(original.os, "access", lambda folder, mode: folder == system)
    assert original.data_folder(tmp_path, system) == (system, "")
    monkeypatch.setattr(original.os, "access", lambda folder, mode: False)
    folder, why = original.data_folder(tmp_path, system)
    assert folder.is_dir() and why == original.OUTLIVES_NOTHING
    folder.rmdir()


def test_whose_form_it_is() -> None:
    assert original.form_of({}, {}, "") == "ours"
    assert original.form_of({"names": "aisix"}, {}, "") == "aisix"
    assert original.form_of({"names": "ours"}, {}, "aisix") == "ours"
    assert original.form_of({"names": "ours"}, {"AISIX_NAMES": "aisix"}, "") == "aisix"
