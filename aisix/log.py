"""What the process says: one JSON line per request on standard output, the rest on standard error.

No prompt, completion or key is ever logged: callers of this module pass none, and what looks like a
credential is masked all the same.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import time
import traceback
from typing import Any

import msgspec

_logger = logging.getLogger("aisix")
_access = logging.getLogger("aisix.access")
_encode = msgspec.json.Encoder(enc_hook=str).encode
SECRET = re.compile(r"(?i)\b(sk-[\w-]{4})[\w-]+|(bearer\s+)[\w.~+/=-]{8,}")


def setup(level: str = "info", access: bool = True) -> None:
    """Send log lines where they belong; called once per process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line())
    for logger in (_logger, logging.getLogger("tornado")):
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(level.upper())
    # Tornado tells of every malformed request; ours are answered and counted, not warnings.
    logging.getLogger("tornado.general").setLevel(logging.ERROR)
    _access.disabled = not access


def access(record: dict[str, Any]) -> None:
    """One request, whatever became of it. One write, so that lines of workers never mix."""
    if not _access.disabled:
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        line = {"at": f"{stamp}.{int(now % 1 * 1000):03d}Z", **record}
        data = redact(_encode(line).decode()).encode() + b"\n"
        with contextlib.suppress(OSError):  # nobody reads it any more; serving goes on
            os.write(1, data)


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
    frames = traceback.extract_tb(error.__traceback__)
    places = " < ".join(
        f"{f.filename.rpartition('aisix/')[2]}:{f.lineno}" for f in frames[::-1][:8]
    )
    _logger.error("bug in request %s: %s at %s", request_id, type(error).__name__, places)


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
