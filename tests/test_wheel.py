"""What a wheel carries works as the checkout does, its cases packed in one file a mapping."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKED = "openai-chat/anthropic-messages/cases.zip"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder a wheel is made of."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("aisix", "mappings"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(out)]
    subprocess.run(command, cwd=source, check=True, timeout=120)
    return out


def aisix(built: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "aisix", "mappings", *args],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(built)},
        cwd=built, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def said(built: Path, *args: str) -> Any:
    done = aisix(built, *args, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_same_tables_and_as_many_cases(built: Path) -> None:
    assert said(built, "list") == said(ROOT, "list")
    assert not list(built.rglob("case.toml"))
    assert (built / "aisix/mappings" / PACKED).is_file()


def test_the_packed_cases_hold(built: Path) -> None:
    found = said(built, "test", "image")
    assert found["ok"]
    assert found["cases"] > 5


def test_a_case_that_breaks_is_told_and_not_rewritten(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built / "aisix", tmp_path / "aisix")
    table = tmp_path / "aisix/mappings/openai-chat/anthropic-messages/values.toml"
    words = table.read_text()
    assert '"length"' in words
    table.write_text(words.replace('"length"', '"longer"'))
    assert aisix(tmp_path, "test", "stop").returncode == 1
    packed = (tmp_path / "aisix/mappings" / PACKED).read_bytes()
    told = aisix(tmp_path, "test", "stop", "--accept")
    assert told.returncode == 2
    assert f"{PACKED}, which stays as it is" in told.stderr
    assert (tmp_path / "aisix/mappings" / PACKED).read_bytes() == packed


def test_a_broken_archive_is_named(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built / "aisix", tmp_path / "aisix")
    (tmp_path / "aisix/mappings" / PACKED).write_bytes(b"no archive")
    told = aisix(tmp_path, "test")
    assert told.returncode == 1
    assert f"{PACKED}: cannot be read" in told.stdout + told.stderr
