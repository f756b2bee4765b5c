"""Server-sent events from the upstream: bytes in any cuts -> the data of each event.

Knows the event stream format (WHATWG HTML, section 9.2) and nothing of what is inside. Lines end at
LF, CR or CRLF only, never at U+2028; several data lines are joined by LF; comments and fields other
than data are passed over (an event is told by its data, not by its name). One exception: what is in
an event called error, or in a field of that name, which some servers write, is `ErrorData`.
"""

from __future__ import annotations

import msgspec

from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbs import characters
from aisix.mapping.verbs.refused import Refused

_decode = msgspec.json.Decoder().decode
_BOM = b"\xef\xbb\xbf"
LF = 10
LARGEST_TEXT = 8192  # bytes
FAILED = (b"event: error", b"event:error")
LARGEST_EVENT = 8 << 20  # bytes, unless told otherwise
MOST_LINES = 10_000  # of one event: each is looked at, and nobody writes so many


class ErrorData(bytes):
    """The data of an event that says itself that it is an error."""


class SseReader:
    """`feed` bytes as they come; `rest` at the end of the stream."""

    __slots__ = ("_held", "_pending_cr", "_start", "largest")

    def __init__(self, largest: int = LARGEST_EVENT) -> None:
        self._held = bytearray()  # of an event whose blank line has not come
        self._pending_cr = False  # the last byte was CR: a LF that follows belongs to it
        self._start = True
        self.largest = largest  # bytes one event may have

    def feed(self, data: bytes) -> list[bytes]:
        """The data of every event that is complete now."""
        if not data:
            return []  # or a CR before it would forget its LF
        if self._pending_cr:
            self._pending_cr = False
            if data[:1] == b"\n":
                data = data[1:]
        if b"\r" in data:
            self._pending_cr = data[-1:] == b"\r"
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        held = self._held
        first: tuple[bytes, ...] = ()  # the event that has begun before
        if self._start:
            data = bytes(held) + data
            held.clear()
            if _BOM.startswith(data[:3]) and len(data) < 3:
                held += data
                return []
            self._start = False
            data = data.removeprefix(_BOM)
        elif held:
            # Looked at and copied only once, however small the pieces and however large the event.
            end = data.find(b"\n\n")
            if held[-1] == LF and data[:1] == b"\n":
                end = 0
                held.pop()
            held += data if end < 0 else data[:end]
            self._bounded(len(held))
            if end < 0:
                return []
            first, data = (bytes(held),), data[end:].lstrip(b"\n")
            held.clear()
        # A blank line before any field ends nothing, so leading newlines need no care.
        *frames, rest = (*first, *data.split(b"\n\n"))
        if rest:
            held += rest
        if len(data) > self.largest:
            self._bounded(max(map(len, (*frames, rest))))
        if len(frames) == 1:
            payload = _payload(frames[0])
            return [] if payload is None else [payload]
        return [payload for frame in frames if (payload := _payload(frame)) is not None]

    def _bounded(self, size: int) -> None:
        if size > self.largest:
            raise Refused("bad_response", detail="event larger than the limit")

    def rest(self) -> list[bytes]:
        """The data of an event that the end of the stream cut off from its blank line."""
        frame = bytes(self._held)
        self._held.clear()
        payload = _payload(frame)
        return [] if payload is None else [payload]


def parse_json(data: bytes, told: characters.Told = lambda name: None) -> Json:
    """The value of an event's data, or of a body; None for what is no JSON, and for null.

    Half a character becomes U+FFFD, and `told` hears the key it stood below.
    """
    value = parse_strictly(data)
    if value is not None:
        return value
    try:
        return characters.mended(characters.read(data), told)
    except RecursionError:
        return None


def parse_strictly(data: bytes) -> Json:
    """The same; None also for what has broken characters."""
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def parse_error(data: bytes) -> Json:
    """The value of what is an error for sure; its text where it is no JSON."""
    parsed = parse_json(data)
    return data[:LARGEST_TEXT].decode("utf-8", "replace") if parsed is None else parsed


def _payload(frame: bytes) -> bytes | None:
    end = frame.find(b"\n")
    if end < 0:
        if frame[:6] == b"data: ":  # nearly all are like this, or have their name before it
            return frame[6:] or None
    elif (
        frame[end + 1 : end + 7] == b"data: "
        and frame[:6] == b"event:"
        and frame.find(b"\n", end + 7) < 0
    ):
        data = frame[end + 7 :] or None
        return ErrorData(data) if data and frame[:end] in FAILED else data
    if len(frame) > MOST_LINES and frame.count(b"\n") >= MOST_LINES:
        raise Refused("bad_response", detail="an event of more lines than the limit")
    parts, failed = [], False
    for line in frame.split(b"\n"):
        name = line[:6]
        if name[:5] == b"data:":
            parts.append(line[6:] if name == b"data: " else line[5:])
        elif name == b"error:":
            failed = True
            parts.append(line[6:].strip())
        elif line == b"data":
            parts.append(b"")
        elif line in FAILED:
            failed = True
    data = b"\n".join(parts) or None  # an event without data is none
    return ErrorData(data) if failed and data else data
