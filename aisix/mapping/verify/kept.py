"""What was found out once, kept on disk under the digest of what it was found out of.

    kept = Kept(folder)                  # Kept(None) keeps nothing
    kept.put("parsed-0f3a", data); kept.get("parsed-0f3a")     # None: not there, or not sound

A file is written aside and renamed, of mode 0600, in a folder of mode 0700. Only our own files are
read, and only whole ones: anything else is as if it were not there, and is made anew. The names are
digests, so nothing is ever out of date; the oldest go when there is too much.

Must never know: what is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
from functools import cache
from pathlib import Path

MOST_FILES = 64
MOST_BYTES = 64 << 20  # of all of them
LARGEST = 16 << 20  # bytes of one
MARK = 32  # bytes of a file's own digest, in front


class Kept:
    """A folder of results. `used` and `made` are the names found and written by this process.

    shipped: one that came with the tables, never written; it is trusted as the source beside it is.
    """

    def __init__(self, folder: Path | None, shipped: Path | None = None) -> None:
        self.folder = folder
        self.shipped = shipped
        self.used: list[str] = []
        self.made: list[str] = []

    def get(self, name: str) -> bytes | None:
        """What was put there; None when there is nothing sound of ours."""
        return self._get(self.folder, name, True) or self._get(self.shipped, name, False)

    def every(self, name: str) -> list[bytes]:
        """What came with the tables and what was put there: where one adds to the other."""
        found = self._get(self.shipped, name, False), self._get(self.folder, name, True)
        return [data for data in found if data is not None]

    def _get(self, folder: Path | None, name: str, own: bool) -> bytes | None:
        if folder is None:
            return None
        try:
            file = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None
        try:
            found = os.fstat(file)
            foreign = own and (found.st_uid != os.geteuid() or found.st_mode & 0o022)
            if foreign or not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST + MARK:
                return None
            with open(file, "rb", closefd=False) as whole:
                data = whole.read(LARGEST + MARK)
        except OSError:
            return None
        finally:
            os.close(file)
        if hashlib.sha256(data[MARK:]).digest() != data[:MARK]:
            return None
        self.used.append(name)
        return data[MARK:]

    def put(self, name: str, data: bytes) -> None:
        """Keep it, if that can be done: a full disk or a folder of another's is no fault."""
        if self.folder is None or len(data) > LARGEST:
            return
        aside = ""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = os.lstat(self.folder)
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
                return
            descriptor, aside = tempfile.mkstemp(prefix=".", dir=self.folder)  # mode 0600
            with open(descriptor, "wb") as file:
                file.write(hashlib.sha256(data).digest() + data)
            os.replace(aside, self.folder / name)
            aside = ""
            self.made.append(name)
            self._make_room()
        except OSError:
            return
        finally:
            if aside:
                with contextlib.suppress(OSError):
                    os.unlink(aside)

    def _make_room(self) -> None:
        assert self.folder is not None
        found = [(e.stat(follow_symlinks=False), e.path) for e in os.scandir(self.folder)]
        entries = sorted((about.st_mtime_ns, about.st_size, path) for about, path in found)
        count, size = len(entries), sum(one[1] for one in entries)
        for _, bytes_, path in entries:
            if count <= MOST_FILES and size <= MOST_BYTES:
                return
            os.unlink(path)
            count, size = count - 1, size - bytes_

    def told(self) -> str:
        """Where it is, what it holds, what was found and made."""
        if self.folder is None:
            return "none"
        files, size = self.sizes()
        used, made = (", ".join(dict.fromkeys(n.partition("-")[0] for n in names)) or "nothing"
                      for names in (self.used, self.made))  # fmt: skip
        return f"{self.folder} ({files} files, {size} bytes), found {used}, made {made}"

    def trouble(self) -> str:
        """Why nothing is kept there; "" when it is, or will be."""
        folder = self.folder
        while folder is not None and not folder.is_symlink() and not folder.exists():
            folder = folder.parent  # it is made when there is something to keep
        if folder is None:
            return ""
        if not folder.is_dir():
            return "is not a folder" if folder == self.folder else f"{folder} is not a folder"
        if folder == self.folder and (folder.is_symlink() or folder.stat().st_uid != os.geteuid()):
            return "is another user's, or a link"
        return "" if os.access(folder, os.W_OK | os.X_OK) else f"{folder} cannot be written"

    def sizes(self) -> tuple[int, int]:
        """(files, bytes) there are."""
        if self.folder is None or not self.folder.is_dir():
            return 0, 0
        found = [entry.stat(follow_symlinks=False).st_size for entry in os.scandir(self.folder)]
        return len(found), sum(found)


def hashed(*parts: str | bytes) -> str:
    """32 hex digits over all of them, in order."""
    whole = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode()
        whole.update(len(data).to_bytes(8, "big") + data)
    return whole.hexdigest()[:32]


@cache
def engine() -> str:
    """Digest of the engine, all of whose source it is: any change of it makes everything anew."""
    home = Path(__file__).resolve().parents[1]
    files = sorted(home.rglob("*.py"))
    return hashed(
        *(part for file in files for part in (str(file.relative_to(home)), file.read_bytes()))
    )
