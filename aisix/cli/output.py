"""A file that a command writes for its caller alone, or standard output.

Must never know: what is in it.
"""

from __future__ import annotations

import os
import sys

from aisix.errors import OperatorError


def write_private(path: str, text: str) -> None:
    """To the file (mode 0600), or for "-" to standard output. OperatorError when it cannot be."""
    if path == "-":
        sys.stdout.write(text)
        return
    try:
        with open(path, "w", encoding="utf-8", opener=_private) as out:
            os.fchmod(out.fileno(), 0o600)
            out.write(text)
    except OSError as error:
        raise OperatorError(f"{path}: cannot be written: {error.strerror}") from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
