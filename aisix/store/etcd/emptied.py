"""An etcd that holds nothing where it held something: more likely lost than meant.

    doubt = EmptiedEtcd(folder, since, cluster, keep)
    doubt.refuse(cluster)           StoreError, unless an operator has said to take this one over
    doubt.over()                    there is something again
    accept(folder, cluster)         he says it: once, and of no other etcd

Deletes that a watch tells, and an empty prefix in the cluster that was followed all along, are
believed without a word: somebody deleted.

Must never know: etcd's protocol.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from aisix import log
from aisix.errors import StoreError

FILE = "etcd.accept"
COMMAND = "aisix store accept"
EMPTIED = (
    "etcd is empty, and was not: what was last read serves on; "
    f"`{COMMAND}` takes the empty one over"
)


class EmptiedEtcd:
    """What the follower does not believe. cluster: whose it is, "": there is nothing of that kind;
    since: Unix seconds; keep: of these two, with the copy, when they are others."""

    def __init__(
        self, folder: Path, since: int | None, cluster: str, keep: Callable[..., object]
    ) -> None:
        self._file, self._keep = folder / FILE, keep
        self._since, self._cluster = since, cluster

    def refuse(self, cluster: str) -> None:
        """An empty one; what an operator said of it is used up."""
        try:
            said = self._file.read_text("utf-8", "replace").strip()
            self._file.unlink()
        except OSError:
            said = ""
        if said == cluster:
            log.warning("etcd: it is empty, and is taken over, as `%s` said", COMMAND)
            self.over()
            return
        if cluster != self._cluster:
            self._note(int(time.time()), cluster)
        raise StoreError(EMPTIED)

    def over(self) -> None:
        """Something is there again, or the empty one is taken over."""
        if self._cluster:
            with suppress(OSError):  # said too late
                self._file.unlink()
            self._note(None, "")

    def _note(self, since: int | None, cluster: str) -> None:
        self._since, self._cluster = since, cluster
        self._keep(emptied_since=since or "", emptied_cluster=cluster)


def accept(folder: Path, cluster: str) -> None:
    """OSError where it cannot be written."""
    made = folder / f"{FILE}.new"
    fd = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w") as out:
        out.write(cluster + "\n")
    os.replace(made, folder / FILE)
