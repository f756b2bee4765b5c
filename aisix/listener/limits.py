"""What a caller's connection may take.

Must never know: a socket.
"""

from __future__ import annotations

from dataclasses import dataclass

LINE = 16 << 10  # bytes of a request's URL
HEAD = 64 << 10  # bytes of a whole head: request line and headers
HEADERS = 200  # header lines


@dataclass(frozen=True, slots=True)
class ListenerLimits:
    """Bytes, counts and seconds of one listener.

    body: the most a body may have (a handler may set another limit for its request); head_secs:
    from a request's first byte to the end of its head; body_secs: from there to the end of its
    body; idle_secs: between two requests; stall_secs: how long a caller may take none of an answer
    that is waiting for it, 0: idle_secs; requests: on one connection; connections, per_address:
    open at one time, in all and from one source address. Of these three 0 means any number.
    """

    body: int
    head_secs: float
    body_secs: float
    idle_secs: float
    stall_secs: float = 0
    requests: int = 0
    connections: int = 0
    per_address: int = 0
    line: int = LINE
    head: int = HEAD
    headers: int = HEADERS
