"""An environment for a client: a folder under the cache that holds its packages and nothing else.

Clients that need the same packages share one. It is kept for the next run; `fresh` makes it anew.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aisix.cli.use.declared import Install
from tests.clients.runs.process import run


class NotInstalled(Exception):
    """Why it could not be."""


@dataclass(frozen=True)
class Installed:
    """Where a client's commands and libraries are."""

    bins: tuple[Path, ...]  # go before the system's in PATH
    python: str  # runs its .py script
    node_folder: Path | None  # its .mjs script is copied there, to find its packages; None: it does
    version: str


_locks: dict[str, threading.Lock] = {}
_guard = threading.Lock()


def install(wanted: Install, cache: Path, left: Callable[[], float], fresh: bool) -> Installed:
    """`left()`: seconds that there still are. Raises NotInstalled."""
    kind, names = ("pip", wanted.pip) if wanted.pip else ("npm", wanted.npm)
    slug = re.sub(r"[^a-z0-9.]+", "-", f"{kind} {' '.join(names)}".lower()).strip("-")
    with _guard:
        lock = _locks.setdefault(slug, threading.Lock())
    folder = cache / slug
    with lock:
        done = folder / ".done"
        if fresh and done.exists() and slug not in _made:
            shutil.rmtree(folder)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            (_pip if kind == "pip" else _npm)(names, folder, left)
            done.touch()
        _made.add(slug)
    version = pip_version if kind == "pip" else npm_version
    if kind == "pip":
        libraries = next(folder.glob("lib/python*/site-packages"))
        bins, python, node = (folder / "bin",), str(folder / "bin" / "python"), None
    else:
        libraries = folder / "node_modules"
        bins, python, node = (libraries / ".bin",), "", folder
    return Installed(bins, python, node, version(libraries, names[0]))


_made: set[str] = set()  # in this run


def _pip(names: list[str], folder: Path, left: Callable[[], float]) -> None:
    _step([sys.executable, "-m", "venv", "--without-pip", str(folder)], folder, left)
    python = str(folder / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    _step([*pip, "--disable-pip-version-check", "--prefer-binary", *names], folder, left)


def _npm(names: list[str], folder: Path, left: Callable[[], float]) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise NotInstalled("npm is not on this machine")
    (folder / "package.json").write_text('{"private": true, "type": "module"}\n')
    _step([npm, "install", "--no-audit", "--no-fund", "--loglevel=error", *names], folder, left)


def _step(command: list[str], folder: Path, left: Callable[[], float]) -> None:
    ran = run(command, os.environ, folder, left(), "install")
    if ran.code is None:
        raise NotInstalled("its installation was not done in time")
    if ran.code != 0:
        lines = [line for line in (ran.err or ran.out).splitlines() if line.strip()]
        said = next((one for one in lines if "error" in one.lower()), lines[-1] if lines else "")
        raise NotInstalled(f"cannot be installed: {said.strip()[:160]}")


def pip_version(libraries: Path, name: str) -> str:
    """Of an installed distribution; "" when it is not there."""
    plain = re.split(r"[\[=<>~!]", name)[0]
    stem = re.sub(r"[-_.]+", "_", plain).lower()
    for folder in libraries.glob("*.dist-info"):
        found, _, version = folder.name.removesuffix(".dist-info").rpartition("-")
        if re.sub(r"[-_.]+", "_", found).lower() == stem:
            return version
    return ""


def npm_version(libraries: Path, name: str) -> str:
    """Of an installed package; "" when it is not there."""
    file = libraries / name / "package.json"
    return str(json.loads(file.read_text())["version"]) if file.exists() else ""
