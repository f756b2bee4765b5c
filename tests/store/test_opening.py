"""A database that was lost is not replaced by an empty one without being asked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aisix.cli.doctor import stored
from aisix.config.settings import load_settings
from aisix.errors import OperatorError
from aisix.store.opening import open_store

MANAGED = "11" * 32  # a key of the settings


@pytest.mark.parametrize("key", [None, MANAGED])
def test_a_first_start_just_works_and_so_does_the_next(tmp_path: Path, key: str | None) -> None:
    for _ in range(2):
        open_store(tmp_path / "data", key, init=False).close()


@pytest.mark.parametrize("key", [None, MANAGED])
@pytest.mark.parametrize("emptied", [False, True])
def test_where_a_database_was_none_is_made_without_init(
    tmp_path: Path, key: str | None, emptied: bool
) -> None:
    open_store(tmp_path, key, init=False).close()
    for file in tmp_path.glob("aisix.db*"):
        file.unlink()
    if emptied:
        (tmp_path / "aisix.db").touch()
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(OperatorError, match=r"aisix\.db is missing or empty.*--init") as told:
        open_store(tmp_path, key, init=False)
    assert key is None or key not in str(told.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    open_store(tmp_path, key, init=True).close()
    open_store(tmp_path, key, init=False).close()


def test_a_gateway_says_so_and_does_not_start(tmp_path: Path) -> None:
    open_store(tmp_path / "data").close()
    for file in (tmp_path / "data").glob("aisix.db*"):
        file.unlink()
    (tmp_path / "config.yaml").write_text("data_dir: data\n")
    done = subprocess.run(
        [sys.executable, "-m", "aisix", "serve", "--config", tmp_path / "config.yaml"],
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("AISIX_")},
    )
    assert done.returncode == 2, done.stderr
    assert "secret.key" in done.stderr and "serve --init" in done.stderr
    settings = load_settings(tmp_path / "config.yaml", {})
    with pytest.raises(OperatorError, match="serve --init"):
        stored(settings)
