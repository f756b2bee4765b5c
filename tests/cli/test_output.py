"""What a command writes is its caller's alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aisix.cli.output import write_private
from aisix.errors import OperatorError


def test_a_file_that_was_open_to_all_is_closed(tmp_path: Path) -> None:
    file = tmp_path / "out"
    file.write_text("before, and longer")
    file.chmod(0o644)
    write_private(str(file), "a secret")
    assert file.read_text() == "a secret" and file.stat().st_mode & 0o777 == 0o600


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="cannot be written"):
        write_private(str(tmp_path / "gone" / "out"), "x")


def test_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    write_private("-", "text")
    assert capsys.readouterr().out == "text" and not os.path.exists("-")
