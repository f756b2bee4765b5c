"""Bytes of a text file to text: by its byte order mark, its charset, UTF-8, else Windows-1252.

Only charsets that files are written in are read by name: Python knows others that unpack, or that
make half characters.
"""

from __future__ import annotations

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins as UTF-16's does
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_KNOWN = re.compile(
    r"iso-?8859-?\d+|latin-?\d+|(windows|cp|ibm)-?\d+|utf-?(8|16|32)(-?[bl]e)?|koi8-[rtu]"
    r"|(x-)?mac-?(roman|cyrillic|greek|turkish)|macintosh|shift[-_]?jis|s-?jis|(ms|cp)932|euc-(jp|kr)"
    r"|iso-2022-(jp|kr)|gb2312|gbk|gb18030|big5(-?hkscs)?|tis-620|hz-gb-2312|johab"
)
# What is called so is written in its superset, in browsers too; and so it is when it is ASCII.
_WIDER = {"iso-8859-1": "cp1252", "iso8859-1": "cp1252", "latin1": "cp1252", "latin-1": "cp1252"}
_LAST = "cp1252"


def decoded(raw: bytes, charset: str) -> tuple[str | None, bool]:
    """(text, whether how it was written had to be guessed); None for what is no text at all.

    >>> decoded(b"caf\\xe9", "iso-8859-1"), decoded(b"caf\\xe9", ""), decoded(b"\\xff\\xfeA\\0", "")
    (('café', False), ('café', True), ('A', False))
    """
    for mark, name in _MARKS:
        if raw.startswith(mark):
            return raw[len(mark) :].decode(name, "replace"), _fails(raw[len(mark) :], name)
    if not charset and raw.count(0) * 4 >= len(raw) > 1:  # Latin text has a NUL in every character
        wide = "utf-16-le" if raw[1::2].count(0) > raw[::2].count(0) else "utf-16-be"
        return (None if _fails(raw, wide) else raw.decode(wide)), True
    name = charset.strip().strip("\"'").lower()
    for tried in (_WIDER.get(name, name) if _KNOWN.fullmatch(name) else "", "utf-8"):
        try:
            if tried:
                return raw.decode(tried).removeprefix("\ufeff"), False
        except (LookupError, ValueError):
            pass
    if b"\0" in raw:
        return None, True
    return raw.decode(_LAST, "replace"), True


def _fails(raw: bytes, name: str) -> bool:
    try:
        raw.decode(name)
    except ValueError:
        return True
    return False
