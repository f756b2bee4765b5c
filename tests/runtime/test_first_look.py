"""What is told once, before anything serves."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisix.config.settings import load_settings
from aisix.runtime.first_look import open_database, tell_form


def test_a_database_that_is_made_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = load_settings(None, {"AISIX_DATA_DIR": str(tmp_path / "data")})
    caplog.set_level("INFO")
    open_database(settings, False)
    assert "no database was there" in caplog.text
    caplog.clear()
    open_database(settings, False)
    assert not caplog.text


def test_the_original_form_is_told_with_what_is_not_obeyed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "names: aisix\nresources_file: r.yaml\nproxy: {addr: '127.0.0.1:0'}\n"
        "admin: {enabled: false}\ncache: {backend: redis}\n"
    )
    caplog.set_level("INFO")
    tell_form(load_settings(file, {}))
    assert "names: aisix" in caplog.text and "cache" in caplog.text
    caplog.clear()
    tell_form(load_settings(None, {}))
    assert not caplog.text
