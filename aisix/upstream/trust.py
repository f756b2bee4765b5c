"""Certificates to trust, of several files and texts, as the one file that libcurl takes.

    bundle(folder, ["/etc/ssl/cert.pem", "/etc/own-ca.pem"], [pem])    a file in `folder`

Its name is the hash of what is in it, so that it never changes and is written once.

Must never know: a setting, who is to be trusted.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

MARK = b"-----BEGIN CERTIFICATE-----"
MOST_PEM = 16 << 20  # bytes of all of them together; all the world's authorities: a quarter of one
MOST_FILES = 2000  # of a folder


def bundle(folder: Path, files: Sequence[str], texts: Sequence[str] = ()) -> str:
    """The path of a file with all of these; a single file is that itself. OSError; ValueError when
    they are too long."""
    if len(files) == 1 and not texts:
        return files[0]
    parts = list(dict.fromkeys([*map(_read, files), *(text.encode() for text in texts)]))
    whole = b"\n".join(part.strip() for part in parts) + b"\n"
    if len(whole) > MOST_PEM:
        raise ValueError(f"the certificates to trust are longer than {MOST_PEM} bytes")
    place = folder / f"trust-{hashlib.sha256(whole).hexdigest()[:32]}.pem"
    with suppress(OSError):
        if place.stat().st_size == len(whole):
            return str(place)
    handle, temporary = tempfile.mkstemp(prefix=".trust.", dir=folder)  # 0600
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(whole)
        os.replace(temporary, place)
    except BaseException:
        os.unlink(temporary)
        raise
    return str(place)


def in_folders(folders: str) -> Iterator[str]:
    """The files with certificates in folders that stand as in a PATH; what cannot be read is
    passed over, as OpenSSL does."""
    for folder in filter(None, folders.split(os.pathsep)):
        with suppress(OSError):
            yield from _certificates(sorted(Path(folder).iterdir())[:MOST_FILES])


def _certificates(paths: Iterable[Path]) -> Iterator[str]:
    seen = set()
    for path in paths:
        with suppress(OSError):
            real = path.resolve()  # certificates are linked by the hash of their names
            if real in seen or not real.is_file() or real.stat().st_size > MOST_PEM:
                continue
            seen.add(real)
            if MARK in real.read_bytes():
                yield str(real)


def _read(path: str) -> bytes:
    with open(path, "rb") as opened:
        return opened.read(MOST_PEM + 1)
