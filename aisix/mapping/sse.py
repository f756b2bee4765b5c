"""Server-sent events from the upstream: bytes in any cuts -> the data of each event.

Knows the event stream format (WHATWG HTML, section 9.2) and nothing of what is inside. Lines end at
LF, CR or CRLF only, never at U+2028; several data lines are joined by LF; comments and fields other
than data are passed over (an event is told by its data, not by its name).
"""

from __future__ import annotations

from aisix.mapping.refused import Refused

_BOM = b"\xef\xbb\xbf"


class SseReader:
    """`feed` bytes as they come; `rest` at the end of the stream."""

    __slots__ = ("_buffer", "_pending_cr", "_start", "largest")

    def __init__(self, largest: int = 32 * 1024 * 1024) -> None:
        self._buffer = b""
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
        buffer = self._buffer + data if self._buffer else data
        if self._start and buffer:
            if _BOM.startswith(buffer[:3]) and len(buffer) < 3:
                self._buffer = buffer
                return []
            self._start = False
            buffer = buffer.removeprefix(_BOM)
        # A blank line before any field ends nothing, so leading newlines need no care.
        *frames, self._buffer = buffer.split(b"\n\n")
        if len(self._buffer) > self.largest:
            raise Refused("bad_response", detail="event larger than the limit")
        return [payload for frame in frames if (payload := _payload(frame)) is not None]

    def rest(self) -> list[bytes]:
        """The data of an event that the end of the stream cut off from its blank line."""
        frame, self._buffer = self._buffer, b""
        payload = _payload(frame)
        return [] if payload is None else [payload]


def _payload(frame: bytes) -> bytes | None:
    parts = []
    for line in frame.split(b"\n"):
        if line.startswith(b"data:"):
            parts.append(line[6:] if line[5:6] == b" " else line[5:])
        elif line == b"data":
            parts.append(b"")
    return b"\n".join(parts) or None  # an event without data is none
