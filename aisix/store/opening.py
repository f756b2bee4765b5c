"""Which store a data directory has, and that nobody else can read it.

Must never know: what is stored.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from aisix.errors import OperatorError
from aisix.store.base import Store
from aisix.store.file import FileStore
from aisix.store.secrets import KEY_FILE, Keyring
from aisix.store.sqlite import DATABASE, SIGNAL, SqliteStore

if TYPE_CHECKING:
    from aisix.store.etcd.place import EtcdPlace

TRACES = (KEY_FILE, SIGNAL, f"{DATABASE}-wal")  # what a start leaves in the folder beside it


def open_store(
    data_dir: str | os.PathLike[str],
    encryption_key: str | None = None,
    *,
    resources_file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    init: bool = True,
    etcd: EtcdPlace | None = None,
    refuse: bool = False,
) -> Store:
    """The store of a data directory, which is made (0700) if need be.

    encryption_key: from the settings; None uses the key file in the directory. resources_file:
    serves instead of the database, with `environ` for its `${NAME}`s; nothing of it serves before
    the first `reload`. init: False refuses to make a database where one has been before. etcd:
    what it keeps serves, from the copy in the directory. refuse: kinds of a file
    that restrict, and are not enforced here, are at fault. Each process opens its own, after it was
    forked. Raises OperatorError.
    """
    folder = Path(data_dir)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _close_to_others(folder)
    except OSError as error:
        raise OperatorError(f"data_dir {folder}: cannot be made: {error}") from None
    if not init and resources_file is None and etcd is None:
        not_lost(folder)
    keyring = Keyring.open(folder, encryption_key, None if etcd is None else etcd.key_file)
    if etcd is not None:
        from aisix.store.etcd.store import EtcdStore  # who has no etcd loads nothing of it

        return EtcdStore(folder, keyring, etcd)
    if resources_file is not None:
        return FileStore(resources_file, folder, keyring, environ or {}, refuse)
    return SqliteStore(folder, keyring)


def has_database(folder: Path) -> bool:
    file = folder / DATABASE
    return file.exists() and file.stat().st_size > 0


def not_lost(folder: Path) -> None:
    """OperatorError when there was a database here and is none. A gateway that made itself an empty
    one would call every caller's key a wrong one."""
    if has_database(folder):
        return
    traces = [name for name in TRACES if (folder / name).exists()]
    if traces:
        raise OperatorError(
            f"data_dir {folder}: {' and '.join(traces)} of an earlier start "
            f"{'is' if len(traces) == 1 else 'are'} there, but {DATABASE} is missing or empty. Is "
            "the folder mounted, and restored as a whole? Put the database back; or begin with an "
            "empty one, once: aisix serve --init"
        )


def _close_to_others(folder: Path) -> None:
    """A directory that was there before is closed too, if it is ours alone: empty, or in use."""
    found = folder.stat()
    mine = found.st_uid == os.geteuid() and os.access(folder, os.W_OK)
    if found.st_mode & 0o077 and mine:
        names = {path.name for path in folder.iterdir()}
        if not names or names & {DATABASE, KEY_FILE}:
            folder.chmod(0o700)
