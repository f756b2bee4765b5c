"""What a wheel carries works as the checkout does, its cases packed in one file a mapping."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import pytest

from aisix.mapping.verify.coverage import EACH
from aisix.mapping.verify.kept import engine

ROOT = Path(__file__).resolve().parent.parent
PACKED = "openai-chat/anthropic-messages/cases.zip"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `pip install` would, from what is in the repository: by a Python that has nothing,
    and finds what the build needs where PYTHONPATH says."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    bare = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True, timeout=60)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("aisix", "mappings"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "--python", str(bare / "bin" / "python"), "wheel"]
    more = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps"]
    more += ["--no-build-isolation", "--wheel-dir", str(out), str(source)]
    env = {**os.environ, "PYTHONPATH": sysconfig.get_path("purelib")}
    subprocess.run([*pip, *more], env=env, check=True, timeout=120)
    (file,) = out.iterdir()
    return file


@pytest.fixture(scope="module")
def built(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is in it."""
    out = tmp_path_factory.mktemp("built")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(out)
    return out


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment that holds it, and the libraries of this one."""
    home = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True, timeout=60)
    python = str(home / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index"]
    subprocess.run([*pip, "--no-deps", str(wheel)], check=True, timeout=120)
    (folder,) = home.glob("lib/python*/site-packages")
    # Only its modules: what stands in its .pth files, such as our checkout, is not followed.
    (folder / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin"


def walk(installed: Path, where: Path, *words: str) -> str:
    done = subprocess.run(
        [installed / "aisix", *words],
        cwd=where, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_clients_are_in_it(installed: Path, tmp_path: Path) -> None:
    assert "Codex CLI" in walk(installed, tmp_path, "use")


def test_it_is_installed_and_walked(installed: Path, tmp_path: Path) -> None:
    """From an empty folder: the package, the tables and the demo are those of the wheel."""
    where = "from aisix.config import shipped; print(shipped.__file__, shipped.shipped_mappings())"
    python = [installed / "python", "-c", where]
    alone = {"PATH": os.environ["PATH"]}  # a PYTHONPATH of ours would lead to the checkout
    said = subprocess.run(
        python, cwd=tmp_path, env=alone, capture_output=True, text=True, timeout=60
    )
    assert [str(installed.parent) in path for path in said.stdout.split()] == [True, True]
    assert "openai-chat/anthropic-messages" in walk(installed, tmp_path, "mappings", "list")
    (tmp_path / "config.yaml").write_text("data_dir: data\n")
    walk(installed, tmp_path, "check", "--config", "config.yaml")
    shown = walk(installed, tmp_path, "demo", "--once")
    assert shown.count("4 caller answer") == 2
    assert "data: [DONE]" in shown


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


def test_what_checks_find_out_of_it_is_in_it(built: Path, tmp_path: Path) -> None:
    """So that the first check of a site's overlay is as quick as the next; without a word of it
    where the engine is another one."""
    site = tmp_path / "site/openai-chat/anthropic-messages/request.toml"
    site.parent.mkdir(parents=True)
    site.write_text("[field.max_tokens]\ndefault = 4321\n")

    def check(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "aisix", "mappings", "check", "--verbose", *words],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(built), "HOME": str(tmp_path)},
            cwd=built, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "built 0 effective tables, ran 0 cases" in check()
    one = check(str(tmp_path / "site"))
    ran = re.search(r"built 1 effective tables, ran (\d+) cases", one)
    assert ran is not None
    assert 0 < int(ran[1]) <= EACH
    assert "found proofs, parsed, cases, words, coverage, made proofs" in one
    results = built / "aisix/results"
    assert {file.stat().st_mode & 0o777 for file in results.iterdir()} == {0o644}
    (name,) = [file.name for file in results.glob("proofs-*")]
    assert name == f"proofs-{engine()}"  # another engine looks for another name


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
