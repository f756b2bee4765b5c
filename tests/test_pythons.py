"""The Pythons aisix runs on: said once, refused with a sentence, and what of them is not public.

docs/pythons.md lists every private part of Tornado, asyncio and the interpreter that the package
leans on; here is the look at the code that the list must agree with.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import os
import re
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import pythons
from tests.running import ROOT, Running

PACKAGE = ROOT / "aisix"
FILES = [file for file in sorted(PACKAGE.rglob("*.py")) if file.name != "__main__.py"]
PAGE = (ROOT / "docs" / "pythons.md").read_text()
OURS = ("aisix", "builtins", "typing", "abc", "enum")
PUBLIC = {"_exit", "_fields"}  # documented, whatever their names say


# ---------------------------------------------------------------- which
def test_what_is_supported_is_said_alike_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    versions = pythons.supported()
    assert project["requires-python"] == f">={versions[0]}"
    oldest = tuple(map(int, versions[0].split(".")))
    assert f"sys.version_info < {oldest}" in (PACKAGE / "__init__.py").read_text()
    assert f"Python {versions[0]} to {versions[-1]}" in (ROOT / "README.md").read_text()
    assert f"Python {versions[0]} to {versions[-1]}" in PAGE
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]
    assert ruff["target-version"] == f"py{versions[0].replace('.', '')}"


def test_this_one_is_supported() -> None:
    assert f"{sys.version_info[0]}.{sys.version_info[1]}" in pythons.supported()


def test_an_older_one_is_refused_with_a_sentence() -> None:
    code = (
        "import sys; sys.version_info = (3, 10, 13); sys.version = '3.10.13 (main)'; import aisix"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr == "aisix needs Python 3.11 or newer; this is Python 3.10.13\n"


def test_the_sentence_can_be_read_by_pythons_long_gone() -> None:
    """Nothing before it may need a newer grammar: it is what they are to print."""
    text = (PACKAGE / "__init__.py").read_text()
    before = text[: text.index("__version__")]
    assert not re.search(
        r"\bf[\"']|:=|from __future__|->|\bmatch\b", before.partition('"""\n\n')[2]
    )


def test_a_shim_that_leads_nowhere_is_not_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim, real = tmp_path / "shims", tmp_path / "real"
    for folder, script in ((shim, "exit 127"), (real, f'exec {sys.executable} "$@"')):
        folder.mkdir()
        file = folder / "python{}.{}".format(*sys.version_info)
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
    monkeypatch.setattr(pythons, "FOLDERS", ())
    version = "{}.{}".format(*sys.version_info)
    monkeypatch.setenv("PATH", f"{shim}{os.pathsep}/usr/bin-without-any")
    assert pythons.found(version) is None
    monkeypatch.setenv("PATH", f"{shim}{os.pathsep}{real}")
    assert pythons.found(version) == str(real / f"python{version}")


# ---------------------------------------------------------------- forks
def test_the_parent_of_the_workers_has_no_thread(tmp_path: Path) -> None:
    """It forks: whatever another thread holds at that moment, a child would hold for ever."""
    more = {"observability": {"otlp_endpoint": "http://127.0.0.1:9/v1/traces"}}
    with Running(tmp_path / "gateway", more, workers=2) as gateway:
        assert len(os.listdir(f"/proc/{gateway.process.pid}/task")) == 1


# ---------------------------------------------------------------- private parts
def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


@functools.cache
def parts_of(kind: type) -> frozenset[str]:
    """The private names of a class from outside: what it defines, and what its methods set."""
    names = {name for name in vars(kind) if private(name)}
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    except (OSError, TypeError):
        return frozenset(names)
    return frozenset(names | {node.attr for node in attributes(tree) if private(node.attr)})


def attributes(tree: ast.AST) -> Iterator[ast.Attribute]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))


def own(tree: ast.AST) -> set[str]:
    """Names that a file makes itself: defined, assigned, set on self, or listed as slots."""
    names = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()) | ast.Constant(value=str(name)):
                names.add(name)
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name, ctx=ast.Store()):
                names.add(name)
    return names


def used() -> set[tuple[str, str]]:
    """(file, name) of every private part of something that is not ours."""
    found = set()
    trees = {file: ast.parse(file.read_text()) for file in FILES}
    ours = set().union(*map(own, trees.values()))
    for file, tree in trees.items():
        place = str(file.relative_to(ROOT))
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                kind = getattr(importlib.import_module(module), node.name, None)
                inherited = foreign(kind)
                for inner in ast.walk(node):
                    name = getattr(inner, "attr", None) or getattr(inner, "id", "")
                    if name in inherited:
                        found.add((place, name))
            elif isinstance(node, ast.Attribute) and private(node.attr) and node.attr not in ours:
                found.add((place, node.attr))
    return {part for part in found if part[1] not in PUBLIC}


def foreign(kind: Any) -> frozenset[str]:
    """The private parts that a class of ours inherits from classes that are not."""
    if not inspect.isclass(kind):
        return frozenset()
    bases = [base for base in kind.__mro__ if base.__module__.partition(".")[0] not in OURS]
    return frozenset().union(*map(parts_of, bases))


def test_every_private_part_is_listed_and_nothing_else() -> None:
    rows = re.findall(r"^\| `(_\w+)` \| [^|]+ \| `(aisix/[\w/]+\.py)` \|", PAGE, re.MULTILINE)
    assert {(file, name) for name, file in rows} == used()


def test_every_row_names_a_test_that_exists() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `_")]
    assert rows
    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)
        assert named, row
        for file, name in named:
            assert re.search(rf"^def {name}\(", (ROOT / file).read_text(), re.MULTILINE), row
