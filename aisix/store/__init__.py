"""What the gateway remembers, and how a request reads it.

    resources.py      ProviderKey, Model, ApiKey: what is stored, as frozen values
    fields.py         what one field may hold
    schema.py         which documents are acceptable
    snapshot.py       everything at one moment: the only thing a request reads
    base.py           the interface of a store
    writes.py         what each write means, for any store
    normalize.py      one body on its way in: aliases, references, names that are taken
    batch.py          many bodies at once, all of them or none
    sqlite.py         the store in one SQLite file
    migrations.py     its schema, step by step
    file.py           the store in a file an operator writes
    yaml_document.py  that file's form, with the lines of its keys
    audit.py          what a write is told as
    change_signal.py  tells the other workers that something changed
    secrets.py        provider secrets at rest

Must never know: HTTP, a provider's wire format, the settings.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from aisix.errors import OperatorError
from aisix.store.base import Store
from aisix.store.file import FileStore
from aisix.store.secrets import KEY_FILE, Keyring
from aisix.store.sqlite import DATABASE, SqliteStore


def open_store(
    data_dir: str | os.PathLike[str],
    encryption_key: str | None = None,
    *,
    resources_file: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Store:
    """The store of a data directory, which is made (0700) if need be.

    encryption_key: from the settings; None uses the key file in the directory. resources_file:
    serves instead of the database, with `environ` for its `${NAME}`s; nothing of it serves before
    the first `reload`. Each process opens its own, after it was forked. Raises OperatorError.
    """
    folder = Path(data_dir)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _close_to_others(folder)
    except OSError as error:
        raise OperatorError(f"data_dir {folder}: cannot be made: {error}") from None
    keyring = Keyring.open(folder, encryption_key)
    if resources_file is not None:
        return FileStore(resources_file, folder, keyring, environ or {})
    return SqliteStore(folder, keyring)


def _close_to_others(folder: Path) -> None:
    """A directory that was there before is closed too, if it is ours alone: empty, or in use."""
    found = folder.stat()
    mine = found.st_uid == os.geteuid() and os.access(folder, os.W_OK)
    if found.st_mode & 0o077 and mine:
        names = {path.name for path in folder.iterdir()}
        if not names or names & {DATABASE, KEY_FILE}:
            folder.chmod(0o700)
