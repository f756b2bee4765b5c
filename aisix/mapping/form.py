"""A form with files (multipart/form-data) as it comes, one field of which gets another value.

    form = Form(content_type, "model", parts=1000)      # ValueError: no such form
    pieces = form.feed(data)         # what can go on; None stands where the field's value is to be
    form.value                       # the field's, once it has come
    form.end()                       # ValueError: it is not complete

Every byte but the value's goes on as it came; no more is held than the headers of one part. Another
reader must not find another value: what could be read in two ways (lines that end oddly, folded or
doubled headers, text before the first or behind the last part, the field twice or as a file) is
refused.
"""

from __future__ import annotations

import re

LONGEST_HEAD = 8 << 10  # bytes of the headers of one part
LONGEST_VALUE = 1024  # bytes of the field
MULTIPART = "multipart/form-data"
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = rb'"(?:[^"\\\r\n\0]|\\[^\r\n\0])*"'
_PARAM = re.compile(rb"[ \t]*;[ \t]*(" + _TOKEN + rb")=(" + _TOKEN + rb"|" + _QUOTED + rb")")
_HEADER = re.compile(rb"(" + _TOKEN + rb"):[ \t]*([^\r\n\0]*?)[ \t]*")
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_IN_TYPE = re.compile(r';[ \t]*boundary=(?:"([^"]*)"|([^\s;"]+))', re.IGNORECASE)
_PLAIN = (b"7bit", b"8bit", b"binary")
_FIRST, _HEAD, _BODY, _VALUE, _AFTER, _OVER = range(6)

Pieces = list[bytes | None]


def is_form(content_type: str) -> bool:
    """Whether a body says that it is such a form."""
    return content_type.partition(";")[0].strip().lower() == MULTIPART


class Form:
    """`field`: the one that gets another value. `parts`: how many there may be.

    `size`: bytes of the field's value as it was sent.
    """

    def __init__(self, content_type: str, field: str, parts: int) -> None:
        named = _IN_TYPE.findall(content_type)
        boundary = (named[0][0] or named[0][1]) if len(named) == 1 else ""
        if not _BOUNDARY.fullmatch(boundary):
            raise ValueError("its content-type names no boundary, or an odd one")
        self.boundary = boundary
        self.field = field
        self.value: str | None = None
        self.size = 0
        self._mark = b"\r\n--" + boundary.encode()
        self._name = field.encode()
        self._parts = parts
        self._held = b""
        self._state = _FIRST

    def feed(self, data: bytes) -> Pieces:
        """ValueError with the words of what is wrong."""
        self._held += data
        out: Pieces = []
        while self._step(out):
            pass
        return out

    def end(self) -> None:
        """Nothing follows."""
        if self._state != _OVER or self._held:
            raise ValueError("its last part does not end with the boundary")

    def put_in(self) -> bytes:
        """A part of the field, for a form without one: what stands before the value and behind it
        is to be put before the whole."""
        line = f'--{self.boundary}\r\nContent-Disposition: form-data; name="{self.field}"\r\n\r\n'
        return line.encode()

    # ------------------------------------------------------------------ steps
    def _step(self, out: Pieces) -> bool:
        """Whether something was read, so that more may be."""
        match self._state:
            case 0:  # _FIRST
                return self._opened(out)
            case 1:  # _HEAD
                return self._headed(out)
            case 4:  # _AFTER
                return self._after(out)
            case 5:  # _OVER
                if self._held not in (b"", b"\r", b"\r\n"):
                    raise ValueError("something stands behind its last part")
                if self._held == b"\r\n":
                    out.append(self._held)
                    self._held = b""
                return False
        return self._filled(out)

    def _opened(self, out: Pieces) -> bool:
        first = self._mark[2:]
        if not first.startswith(self._held[: len(first)]):
            raise ValueError("it does not begin with its boundary")
        if len(self._held) < len(first):
            return False
        self._take(len(first), out)
        self._state = _AFTER
        return True

    def _after(self, out: Pieces) -> bool:
        """What stands behind a boundary: the end of the line, or of the form."""
        two = self._held[:2]
        if len(two) < 2 and (b"\r\n".startswith(two) or two == b"-"):
            return False
        if two not in (b"\r\n", b"--"):
            raise ValueError("a line begins with its boundary and goes on")
        self._take(2, out)
        self._state = _HEAD if two == b"\r\n" else _OVER
        return True

    def _headed(self, out: Pieces) -> bool:
        end = self._held.find(b"\r\n\r\n")
        if end > LONGEST_HEAD or (end < 0 and len(self._held) > LONGEST_HEAD):
            raise ValueError(f"the headers of a part are longer than {LONGEST_HEAD} bytes")
        if end < 0:
            return False
        self._parts -= 1
        if self._parts < 0:
            raise ValueError("it has too many parts")
        ours = self._is_ours(self._held[:end])
        if ours and self.value is not None:
            raise ValueError(f"its field '{self.field}' is there twice")
        self._take(end + 2, out)
        # The empty line stays: a boundary may follow it at once, for an empty part.
        self._state = _VALUE if ours else _BODY
        return True

    def _is_ours(self, head: bytes) -> bool:
        """Whether it is the head of the field."""
        if self._mark[2:] in head:
            raise ValueError("its boundary stands inside a part")
        found: dict[bytes, bytes] = {}
        for line in head.split(b"\r\n"):
            header = _HEADER.fullmatch(line)
            if header is None:
                raise ValueError("a line among the headers of a part is none")
            name = header[1].lower()
            if name in found:
                raise ValueError("a header of a part is there twice")
            found[name] = header[2]
        told = found.get(b"content-disposition", b"")
        kind, rest = told[:9], told[9:]
        at, named = 0, {}
        while (param := _PARAM.match(rest, at)) is not None:
            key = param[1].lower()
            if key in named:
                raise ValueError("a part says its name twice")
            named[key], at = param[2], param.end()
        if kind.lower() != b"form-data" or rest[at:].strip() or b"name" not in named:
            raise ValueError("a part does not say its name (content-disposition)")
        if b"name*" in named:
            raise ValueError("a part says its name in an odd form (name*)")
        raw = named[b"name"]
        plain = re.sub(rb"\\(.)", rb"\1", raw[1:-1]) if raw[:1] == b'"' else raw
        if self._name not in (plain, raw.strip(b'"')):
            return False
        if b"filename" in named or b"filename*" in named:
            raise ValueError(f"its field '{self.field}' is a file")
        if found.get(b"content-transfer-encoding", b"binary").lower() not in _PLAIN:
            raise ValueError(f"its field '{self.field}' is encoded")
        return True

    def _filled(self, out: Pieces) -> bool:
        """A part's content, as far as no boundary can begin in it."""
        value = self._state == _VALUE
        at = self._held.find(self._mark[2:])
        if at >= 0:
            at -= 2
            if self._held[max(at, 0) : at + 2] != b"\r\n":  # some readers take it for one there
                raise ValueError("its boundary stands inside a part")
        if value:
            # Without its empty line, and what may be the beginning of the boundary.
            size = (at if at >= 0 else len(self._held) - len(self._mark)) - 2
            if size > LONGEST_VALUE:
                raise ValueError(f"its field '{self.field}' is longer than {LONGEST_VALUE} bytes")
            if at < 0:
                return False
            self._keep(self._held[2:at] if at else b"", out, bool(at))
            self._held = self._held[at:]
        else:
            safe = at if at >= 0 else len(self._held) - len(self._mark)
            if safe > 0:
                self._take(safe, out)
            if at < 0:
                return False
        self._take(len(self._mark), out)
        self._state = _AFTER
        return True

    def _keep(self, value: bytes, out: Pieces, line: bool) -> None:
        try:
            self.value = value.decode()
        except UnicodeDecodeError:
            raise ValueError(f"its field '{self.field}' is not UTF-8") from None
        self.size = len(value)
        # Without its empty line the part was empty: it needs one before a value.
        out += [b"\r\n", None]
        if not line:
            self.size -= 2

    def _take(self, size: int, out: Pieces) -> None:
        out.append(self._held[:size])
        self._held = self._held[size:]
