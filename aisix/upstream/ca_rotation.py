"""The driver of now, and those before it that still have transfers under way.

libcurl keeps what it once read from a file of authorities, by the file's name and for a day. So
when a file that belongs to TLS has changed, there is a new driver; the old one ends with its last
transfer, and nobody's stream is cut.

Must never know: what is sent.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from aisix.upstream.curl import Driver
from aisix.upstream.tls import find_ca_file


class RotatingDriver:
    """make(): another driver; files(): the paths that belong to TLS now."""

    def __init__(self, make: Callable[[], Driver], files: Callable[[], Iterable[str]]) -> None:
        self._make, self._files = make, files
        self._made = time.time()
        self._older: list[Driver] = []
        self.newest = make()

    def renew(self) -> bool:
        """Whether a file has changed, so that `newest` is another one now."""
        paths = {*self._files(), *filter(None, [find_ca_file()])}
        if not any(_changed(path) >= self._made for path in paths):
            return False
        self._made = time.time()
        self._older.append(self.newest)
        self.newest = self._make()
        return True

    def sweep(self) -> None:
        """Close those that are done; to be called now and then."""
        for driver in list(self._older):
            if not driver.in_flight:
                self._older.remove(driver)
                driver.close()

    def close(self) -> None:
        for driver in (*self._older, self.newest):
            driver.close()


def _changed(path: str) -> float:
    """When the file, or its name, was last changed (Unix seconds)."""
    with suppress(OSError):  # it has gone: nothing to read again
        return os.stat(path).st_ctime
    return 0.0
