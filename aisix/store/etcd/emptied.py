"""An etcd that holds nothing where it held something: more likely lost than meant.

    doubt = EmptiedEtcd(folder, since, cluster)
    doubt.believed(cluster)         whether an operator has said that this one is to be taken over
    accept(folder, cluster)         he says it: once, and of no other etcd

Deletes that a watch tells, and an empty prefix in the cluster that was followed all along, are
believed without a word: somebody deleted.

Must never know: etcd's protocol.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from aisix import log

FILE = "etcd.accept"
COMMAND = "aisix store accept"
EMPTIED = (
    "etcd is empty, and was not: what was last read serves on; "
    f"`{COMMAND}` takes the empty one over"
)


class EmptiedEtcd:
    """What the follower does not believe, and since when (Unix seconds); cluster: whose it is, "":
    there is nothing of that kind."""

    def __init__(self, folder: Path, since: int | None, cluster: str) -> None:
        self._file = folder / FILE
        self.since, self.cluster = since, cluster

    @property
    def facts(self) -> dict[str, object]:
        """To be kept with the copy."""
        return {"emptied_since": self.since or "", "emptied_cluster": self.cluster}

    def believed(self, cluster: str) -> bool:
        """Of an empty one; what an operator said is used up."""
        try:
            said = self._file.read_text("utf-8", "replace").strip()
            self._file.unlink()
        except OSError:
            said = ""
        if said == cluster:
            log.warning("etcd: it is empty, and is taken over, as `%s` said", COMMAND)
            return True
        if cluster != self.cluster:
            self.since, self.cluster = int(time.time()), cluster
        return False

    def over(self) -> bool:
        """Something is there again, or the empty one was taken over; whether that is new."""
        was, self.since, self.cluster = self.cluster, None, ""
        if was:
            with suppress(OSError):  # said too late
                self._file.unlink()
        return bool(was)


def accept(folder: Path, cluster: str) -> None:
    """OSError where it cannot be written."""
    made = folder / f"{FILE}.new"
    fd = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w") as out:
        out.write(cluster + "\n")
    os.replace(made, folder / FILE)
