"""Heads of HTTP messages: header pairs to HTTPHeaders, a status and HTTPHeaders to bytes.

Must never know: a connection, what a header means.
"""

from __future__ import annotations

import time
from email.utils import formatdate
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from tornado.httputil import HTTPHeaders

Pairs = list[tuple[bytes, bytes]]

LONGEST_FOREIGN = 256  # bytes of a header's value that somebody else has written
CLEAN = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")

_DATE: list[object] = [0, ""]  # the second, and the text for it


@lru_cache(1000)
def _name(raw: bytes) -> str:
    """
    >>> _name(b"coNtent-TYPE")
    'Content-Type'
    """
    return canonical(raw.decode("latin-1"))


@lru_cache(1000)
def canonical(name: str) -> str:
    """
    >>> canonical("coNtent-TYPE")
    'Content-Type'
    """
    return "-".join([word.capitalize() for word in name.split("-")])


class Headers(HTTPHeaders):
    """Tornado's, made and asked faster; a name in the usual spelling is found at once."""

    def __init__(self) -> None:
        self._as_list = {}
        self._combined_cache = {}  # Tornado's; nothing is ever put into it

    def __setitem__(self, name: str, value: str) -> None:
        self._as_list[canonical(name)] = [value]

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return str(value)

    def get(self, name: str, default: Any = None) -> Any:
        values = self._as_list.get(name)
        if values is None:
            values = self._as_list.get(canonical(name))
            if values is None:
                return default
        return values[0] if len(values) == 1 else ",".join(values)

    def __contains__(self, name: object) -> bool:
        return name in self._as_list or canonical(str(name)) in self._as_list


def request_headers(pairs: Pairs) -> HTTPHeaders:
    """What the parser has checked, as Tornado's handlers want it.

    >>> request_headers([(b"a", b"1"), (b"B", b"2"), (b"A", b"3 ")])["a"]
    '1,3'
    """
    headers = Headers()
    told = [(_name(raw), value.decode("latin-1").strip(" \t")) for raw, value in pairs]
    headers._as_list = lines = {name: [text] for name, text in told}
    if len(lines) < len(told):  # a name comes twice
        for values in lines.values():
            values.clear()
        for name, text in told:
            lines[name].append(text)
    return headers


@lru_cache(1000)
def status_line(code: int, reason: str) -> str:
    """
    >>> status_line(200, "OK")
    'HTTP/1.1 200 OK\\r\\n'
    """
    return f"HTTP/1.1 {code} {reason}\r\n"


def header_text(text: str, longest: int | None = None) -> str:
    """Any text as the value of a header: printable ASCII as it is, all else percent-encoded UTF-8
    (then `%` too); of one that is longer, the first `longest` bytes, no character cut in two.

    >>> header_text("qwen-max"), header_text("通义"), header_text("50%\\n")
    ('qwen-max', '%E9%80%9A%E4%B9%89', '50%25%0A')
    >>> header_text("通义", 10)
    '%E9%80%9A'
    """
    if text.isascii() and text.isprintable():
        return text if longest is None else text[:longest]
    if longest is None:
        return quote(text, CLEAN, errors="replace")
    whole = quote(text[:longest], CLEAN, errors="replace")  # a character is a byte at least
    if len(whole) <= longest:
        return whole
    cut = whole[:longest]
    if "%" in cut[-2:]:
        cut = cut[: cut.rindex("%")]
    return quote(unquote_to_bytes(cut).decode("utf-8", "ignore"), CLEAN)


def response_head(code: int, reason: str, headers: HTTPHeaders, *more: str) -> bytes:
    """The whole head; `more` are further lines. ValueError when a header would be two lines."""
    told = headers._as_list.items()
    lines = [f"{name}: {value}\r\n" for name, values in told for value in values]
    lines += more
    text = "".join(lines)
    if not text.count("\n") == text.count("\r") == len(lines):
        raise ValueError("a header holds a line break")
    return f"{status_line(code, reason)}{text}\r\n".encode("latin-1")


def date() -> str:
    """The time as a Date header has it; made once a second.

    >>> len(date())
    29
    """
    now = int(time.time())
    if _DATE[0] != now:
        _DATE[:] = now, formatdate(now, usegmt=True)
    return str(_DATE[1])
