"""Response header lines, as libcurl hands them over, to a status and a dict.

The lines of interim answers (100, 103) come first, each block closed by a blank line; the last
block is the answer. After a chunked body its trailers may follow; they are not looked at.

Must never know: pycurl, what a header means (but for the two that libcurl makes untrue).
"""

from __future__ import annotations

BLANK = (b"\r\n", b"\n")
SWITCHING = 101


def read_head(lines: list[bytes]) -> tuple[int, dict[str, str]] | None:
    """The final head, or None while it is not complete.

    >>> read_head([b"HTTP/1.1 103 Early Hints\\r\\n", b"\\r\\n"])
    >>> read_head([b"HTTP/1.1 200 OK\\r\\n", b"cut: off\\r\\n"])
    >>> read_head([b"HTTP/1.1 200 OK\\r\\n", b"Via: a\\r\\n", b"via: b\\r\\n", b"\\r\\n"])
    (200, {'via': 'a, b'})
    """
    status = 0
    begun = False  # the status line has been read
    headers: dict[str, str] = {}
    for line in b"".join(lines).decode("latin-1").split("\n")[:-1]:
        name, colon, value = line.partition(":")
        if colon and begun:
            name = name.lower()
            if name in headers:
                headers[name] += ", " + value.strip()
            else:
                headers[name] = value.strip()
        elif line in ("", "\r"):
            if status >= 200:
                return status, _as_delivered(headers)
            begun = False
            headers = {}
        elif not begun:
            begun = True
            status = _status(line)
    return None


def switches(lines: list[bytes]) -> bool:
    """Whether the last interim answer was a 101: libcurl reads no HTTP after it, and no other head
    will come, though nobody asked for another protocol.

    >>> switches([b"HTTP/1.1 103 Early Hints\\r\\n", b"\\r\\n"])
    False
    >>> switches([b"HTTP/1.1 101 Switching Protocols\\r\\n", b"Upgrade: x\\r\\n", b"\\r\\n"])
    True
    """
    befores = [b"\n", *lines[:-1]]
    heads = [line for before, line in zip(befores, lines, strict=True) if before in BLANK]
    return bool(heads) and _status(heads[-1].decode("latin-1")) == SWITCHING


def _status(line: str) -> int:
    word = line.split(None, 2)[1:2]
    return int(word[0]) if word and word[0].isdigit() else 0


def _as_delivered(headers: dict[str, str]) -> dict[str, str]:
    """libcurl has undone the content coding, so these two no longer describe the body."""
    if headers.get("content-encoding", "identity").lower() != "identity":
        del headers["content-encoding"]
        headers.pop("content-length", None)
    return headers
