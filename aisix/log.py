"""What the process says: one JSON line per request on standard output, the rest on standard error.

No prompt, completion or key is ever logged: callers of this module pass none, and what looks like a
credential is masked all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import sys
import time
import traceback
from functools import lru_cache
from typing import Any

import msgspec

# Everything an access line may hold, and what it is; content is never among it.
FIELDS = (
    ("at", "when the answer ended (UTC)"),
    ("request_id", "ours, or the caller's own `x-request-id`"),
    ("trace_id", "of the caller's `traceparent`, or a new one; with tracing only"),
    ("span_id", "ours in that trace"),
    ("remote", "the caller's IP address"),
    ("method", "HTTP method"),
    ("path", "URL path without the query, at most 256 characters"),
    ("status", "HTTP status; 499: the caller left"),
    ("ms", "milliseconds from the head of the request to the end of the answer"),
    ("first_byte_ms", "to the first byte of a stream"),
    ("first_token_ms", "to the first chunk of a stream with something to read"),
    ("api_key_id", "whose key it was"),
    ("alias", "the model as the caller named it, at most 128 characters"),
    ("upstream_model", "the model it was translated for"),
    ("served_by", "provider key and model of the target, for aliases that have several"),
    ("mapping", "the tables that translated it, with their digest"),
    ("attempts", "attempts upstream"),
    ("upstream_status", "the upstream's last status"),
    ("upstream_request_id", "the provider's id"),
    ("upstream_fault", "why the upstream failed: dns, connect, tls, reset, idle, truncated ..."),
    ("upstream_detail", "libcurl's words for it"),
    ("tokens", "counters by kind, as the tables' [meter] names them"),
    ("tokens_estimated", "true: some of them the upstream did not tell, and they are estimated"),
    (
        "warnings",
        "what was dropped, clamped or rewritten, as in `x-aisix-warnings`; "
        "of a stream also what it said late",
    ),
    ("error", "kind of the error that was answered, or ended the stream"),
)

_logger = logging.getLogger("aisix")
_access = logging.getLogger("aisix.access")
_encode = msgspec.json.Encoder(enc_hook=str).encode
PIECE = 4096  # bytes: PIPE_BUF
SECRET = re.compile(r"(?i)\b(sk-[\w-]{4})[\w-]+|(bearer\s+)[\w.~+/=-]{8,}")

CALLED_WITH = "Exception in callback "  # asyncio's words before a callback's arguments

_waiting: list[bytes] = []  # access lines of this turn of the loop


def setup(level: str = "info", access: bool = True) -> None:
    """Send log lines where they belong; called once per process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line())
    for logger in (_logger, logging.getLogger("tornado"), logging.getLogger("asyncio")):
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(level.upper())
    # Tornado tells of every malformed request; ours are answered and counted, not warnings.
    logging.getLogger("tornado.general").setLevel(logging.ERROR)
    _access.disabled = not access


def access(record: dict[str, Any]) -> None:
    """One request, whatever became of it. The lines of one turn of the loop go out together."""
    if _access.disabled:
        return
    now = time.time()
    line = _encode({"at": f"{_second(int(now))}.{int(now % 1 * 1000):03d}Z", **record})
    small = line.lower()
    if b"sk-" in small or b"bearer" in small:  # found ten times sooner than by the pattern
        line = redact(line.decode()).encode()
    _waiting.append(line + b"\n")
    if len(_waiting) == 1:
        try:
            asyncio.get_running_loop().call_soon(flush)
        except RuntimeError:
            flush()


def flush() -> None:
    """Write the access lines that wait. No write is longer than a pipe takes in one piece, so that
    lines of workers never mix."""
    lines = _waiting[:]
    _waiting.clear()
    size = first = 0
    for number, line in enumerate([*lines, b""]):
        size += len(line)
        if (size > PIECE and number > first) or number == len(lines):
            with contextlib.suppress(OSError):  # nobody reads it any more; serving goes on
                os.write(1, b"".join(lines[first:number]))
            first, size = number, len(line)


@lru_cache(2)
def _second(now: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))


def audit(record: dict[str, Any]) -> None:
    """One admin write."""
    _logger.info("audit %s", _encode(record).decode())


def info(text: str, *values: Any) -> None:
    _logger.info(text, *values)


def warning(text: str, *values: Any) -> None:
    _logger.warning(text, *values)


def error(text: str, *values: Any) -> None:
    _logger.error(text, *values)


def bug(request_id: str, error: BaseException) -> None:
    """Our own mistake: where it happened, and its type. Its words may quote a body."""
    _logger.error("bug in request %s: %s", request_id, place(error))


def of_loop(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A loop's exception handler: what was raised where nobody could catch it. asyncio's own would
    show the words of the exception and what the callback was called with."""
    words = str(context.get("message", "")).partition(CALLED_WITH)
    raised = context.get("exception")
    where = "" if raised is None else f": {place(raised)}"
    _logger.error("bug in the event loop: %s%s", f"{words[0]}{words[1]}".strip(), where)


def place(error: BaseException) -> str:
    """Type and places of an exception, without its words.

    >>> place(ValueError("sk-ant-0123456789"))
    'ValueError at '
    """
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{f.filename.rpartition('aisix/')[2]}:{f.lineno}" for f in frames[::-1][:8]]
    return f"{type(error).__name__} at {' < '.join(places)}"


def redact(text: str) -> str:
    """Without what looks like a credential.

    >>> redact("sk-ant-0123456789 and Bearer abcdefghijk")
    'sk-ant-**** and Bearer ****'
    """
    return SECRET.sub(lambda m: (m.group(1) or m.group(2)) + "****", text)


class _Line(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))

    def formatException(self, ei: Any) -> str:
        return f"bug in a handler: {place(ei[1])}"
