"""A client's own file: where it is, what it holds, and how it is written.

At once or not at all, with mode 0600 since it may hold a key; what it held before stands beside it
as NAME.aisix-backup-1, -2, ... with the same mode. A link is followed, and stays a link.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from aisix.cli.use.declared import ClientFile
from aisix.errors import OperatorError

MAX_FILE_BYTES = 1 << 20  # of a client's settings; a larger one is something else
MAX_BACKUPS = 99
MODE = 0o600


def place(file: ClientFile, environ: Mapping[str, str], folder: Path) -> Path:
    """Where the file is for this user; `folder` is the current one."""
    paths = [*file.path[:-1], file.darwin] if _on_darwin() and file.darwin else file.path
    for path in paths:
        names = re.findall(r"\$(\w+)", path)
        if all(environ.get(name) for name in names):
            for name in names:
                path = path.replace(f"${name}", environ[name])
            if path.startswith("~/"):
                path = str(environ.get("HOME") or Path.home()) + path[1:]
            return folder / path
    raise OperatorError(f"none of {', '.join(paths)} has its variables set")


def _on_darwin() -> bool:
    return sys.platform == "darwin"


def contents(path: Path) -> str:
    """What the file holds; "" of one that is not there."""
    try:
        if path.exists() and not path.is_file():  # to open a pipe would wait for its other end
            raise OperatorError(f"{path}: is no file")
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise OperatorError(f"{path}: cannot be read: {error.strerror}") from None
    if len(raw) > MAX_FILE_BYTES:
        raise OperatorError(f"{path}: larger than {MAX_FILE_BYTES} bytes: no settings")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise OperatorError(f"{path}: cannot be read: not UTF-8") from None


def keep(path: Path, before: str, text: str) -> Path | None:
    """Writes the file; the path of its backup, None where there was no file.

    `before` is what it held when the text was made: one that was changed since is left alone.
    """
    path = path.resolve()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if contents(path) != before:
            raise OperatorError(f"{path}: was changed by somebody else just now; try again")
        backup = _backup(path, before) if path.exists() else None
        _replace(path, text)
    except OSError as error:
        raise OperatorError(f"{path}: cannot be written: {error.strerror}") from None
    return backup


def _backup(path: Path, before: str) -> Path:
    for number in range(1, MAX_BACKUPS + 1):
        backup = path.with_name(f"{path.name}.aisix-backup-{number}")
        try:
            handle = os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
        except FileExistsError:
            continue
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(before)
        return backup
    raise OperatorError(f"{path}: has {MAX_BACKUPS} backups already; delete some of them")


def _replace(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
