"""The text of a table file: bytes that are none, and numbers that are too long to be read.

Must never know: what a table says.
"""

from __future__ import annotations

import codecs
import re

from aisix.errors import Complaint, OperatorError

MOST_DIGITS = 4300  # of a number that Python reads


def decoded(raw: bytes, name: str) -> str:
    """
    >>> decoded(b"a = 1", "x.toml")
    'a = 1'
    """
    if raw.startswith(codecs.BOM_UTF8):
        text = "begins with a byte order mark: save it as UTF-8 without one"
        raise OperatorError([Complaint(f"{name}:1", "", text)])
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise OperatorError([Complaint(f"{name}:{line}", "", "not UTF-8")]) from None


def long_number(text: str, name: str) -> Complaint:
    """The complaint about the number that no parser reads."""
    long = re.compile(f"[0-9_]{{{MOST_DIGITS}}}")
    found = (i for i, line in enumerate(text.splitlines(), 1) if long.search(line))
    return Complaint(f"{name}:{next(found, 1)}", "", f"a number of more than {MOST_DIGITS} digits")
