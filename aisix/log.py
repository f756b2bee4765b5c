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
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from aisix import text_lines

JSON, TEXT = "json", "text"  # forms of access lines
# Everything an access line may hold, and what it is; content is never among it.
FIELDS = (
    ("at", "when the answer ended (UTC)"),
    ("request_id", "ours, or the caller's own `x-request-id`"),
    ("trace_id", "of the caller's `traceparent`, or a new one; with tracing only"),
    ("span_id", "ours in that trace"),
    ("remote", "the caller's IP address; behind proxies by `proxy.real_ip.trusted_proxies`"),
    ("method", "HTTP method"),
    ("path", "URL path without the query, as its route is declared, at most 256 characters"),
    ("requested_path", "the same as it came, where it was spelled another way"),
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
    ("refused_origin", "of a browser's page that `proxy.cors_origins` does not allow"),
    ("error", "kind of the error that was answered, or ended the stream"),
)

_logger = logging.getLogger("aisix")
_access = logging.getLogger("aisix.access")
_encode = msgspec.json.Encoder(enc_hook=str).encode
PIECE = 4096  # bytes: PIPE_BUF
SECRET = re.compile(r"(?i)\b(sk-[\w-]{4})[\w-]+|(bearer\s+)[\w.~+/=-]{8,}")

ERROR = logging.ERROR
INFO = logging.INFO
QUIET_SECS = 1.0  # after a line of one kind, in which more of the kind are only counted
MOST_KINDS = 200  # kinds told apart at one time; what comes beyond them is one kind together

# What a step that the event loop, libcurl or a driver calls back may raise by a mistake of ours. A
# CancelledError is one as well, there: nobody can have cancelled it (the result of a future that
# was cancelled is asked for, most likely), and asyncio would only log it.
CRASHES = (Exception, asyncio.CancelledError)

CALLED_WITH = "Exception in callback "  # asyncio's words before a callback's arguments

_waiting: list[bytes] = []  # access lines of this turn of the loop
_text = False  # they are text, on standard error


class Repeats(logging.Filter):
    """One line a second of each kind (`often`); how many there were more is told with the next one,
    or when the second is over. What callers and upstreams can cause at will is told in this way:
    a flood of it must not fill a disk or take the loop's time."""

    def __init__(
        self, handler: logging.Handler, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._handler = handler
        self._clock = clock
        self._swept = 0.0
        self._until: dict[Any, float] = {}  # kind -> when the next line may be written
        self._held: dict[Any, tuple[int, logging.LogRecord]] = {}  # how many, and the last of them

    def filter(self, record: logging.LogRecord) -> bool:
        kind = getattr(record, "often", None)
        if kind is None and not record.name.startswith("aisix"):
            kind = (record.name, str(record.msg)[:80])  # other people's lines, whoever causes them
        if kind is None:
            return True
        now = self._clock()
        if kind not in self._until and len(self._until) >= MOST_KINDS:
            kind = self._room(kind, now)
        until = self._until.get(kind, 0.0)
        if now >= until:
            self._until[kind] = now + QUIET_SECS
            self._add(record, self._held.pop(kind, (0, record))[0])
            return True
        count = self._held[kind][0] + 1 if kind in self._held else 1
        self._held[kind] = count, record
        if count == 1:
            with contextlib.suppress(RuntimeError):  # no loop: the next line tells
                asyncio.get_running_loop().call_later(until - now, self._tell, kind)
        return False

    def _room(self, kind: Any, now: float) -> Any:
        """The kind, once those whose second is over are forgotten; "" if there are too many."""
        if now >= self._swept + QUIET_SECS:
            self._swept = now
            self._until = {k: at for k, at in self._until.items() if at > now or k in self._held}
        return kind if len(self._until) < MOST_KINDS else ""

    def _tell(self, kind: Any) -> None:
        if kind in self._held:
            count, record = self._held.pop(kind)
            self._until[kind] = self._clock() + QUIET_SECS
            self._add(record, count - 1)
            with self._handler.lock or contextlib.nullcontext():
                self._handler.emit(record)

    def _add(self, record: logging.LogRecord, more: int) -> None:
        if more:
            record.msg = f"{record.getMessage()} (and {more} more like it)"
            record.args = ()


def setup(level: str = "info", access: bool = True, form: str = JSON) -> None:
    """Send log lines where they belong; called once per process. form: of access lines, JSON or
    TEXT, which are of level info."""
    global _text
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line())
    handler.addFilter(Repeats(handler))
    for logger in (_logger, logging.getLogger("tornado"), logging.getLogger("asyncio")):
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(level.upper())
    # Tornado tells of every malformed request; ours are answered and counted, not warnings.
    logging.getLogger("tornado.general").setLevel(logging.ERROR)
    _text = form == TEXT
    _access.disabled = not access or (_text and not _logger.isEnabledFor(INFO))


def access(record: dict[str, Any]) -> None:
    """One request, whatever became of it. The lines of one turn of the loop go out together."""
    if _access.disabled:
        return
    now = time.time()
    at = f"{_second(int(now))}.{int(now % 1 * 1000):03d}Z"
    if _text:
        line = f"{at} INFO aisix::access: {text_lines.access(record)}".encode()
    else:
        line = _encode({"at": at, **record})
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
                os.write(2 if _text else 1, b"".join(lines[first:number]))
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


def often(kind: Any, text: str, *values: Any, level: int = logging.WARNING) -> None:
    """What may happen any number of times: at most one line a second of its kind."""
    _logger.log(level, text, *values, extra={"often": kind})


def bug(request_id: str, error: BaseException) -> None:
    """Our own mistake: where it happened, and its type. Its words may quote a body."""
    where = place(error)
    often(where, "bug in request %s: %s", request_id, where, level=logging.ERROR)


def of_loop(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A loop's exception handler: what was raised where nobody could catch it. asyncio's own would
    show the words of the exception and what the callback was called with."""
    words = str(context.get("message", "")).partition(CALLED_WITH)
    raised = context.get("exception")
    where = "" if raised is None else f": {place(raised)}"
    text = f"{words[0]}{words[1]}".strip()
    kind = text, where or None
    often(kind, "bug in the event loop: %s%s", text, where, level=logging.ERROR)


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
