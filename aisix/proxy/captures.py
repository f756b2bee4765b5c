"""Captures: the next exchanges of an alias, kept until an admin has fetched them.

    captures = Captures(settings.capture, spool, gateway)     one per worker
    captures.begin({...})  .listed()  .one(id)  .exchange(id, 1)  .cancel(id)    for the admin API
    captures.record(handler, caller_body)                     a Recording, or None

The spool is shared by the workers, so that any of them may take an exchange and any may answer for
all. `gateway.recorder` is this object while a capture waits, and None else: that is all an ordinary
request looks at. A worker that dies loses the exchange it had under way, which is counted as lost
and gives its place to another.

Must never know: what an exchange holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Any, Protocol

from aisix import log
from aisix.config.sections import Capture
from aisix.errors import Complaint, StoreError
from aisix.proxy.recording import Handled, Recording
from aisix.store.base import ChangeRefused
from aisix.store.resources import timestamp
from aisix.workers.bus import Bus
from aisix.workers.spool import Spool, SpoolBusy

MOST = 4  # captures at one time, over all workers
USUAL_NEXT, USUAL_SECS = 5, 60
ENOUGH, TIME, FULL, CANCELLED = "enough", "time is up", "capture.limit_bytes", "cancelled"
GONE = "the model is gone"
GONE_SECS = 5  # until then a worker may not have heard of a new one
FIELDS = ("alias", "next", "secs", "redact")
LOOK, LOOK_SECS = "captures.look", 5.0  # for every worker to have heard of a change
AGAIN_SECS = 1.0  # until a look that could not be had is tried again
Row = dict[str, Any]


class Recorded(Protocol):
    """The gateway of this worker."""

    def record_with(self, recorder: Captures | None) -> None:
        """Whether requests are to ask."""

    def label(self, alias: str) -> str:
        """The name under which an alias is stored; "": there is none."""


class Captures:
    """`tell()`: have every worker look; without, there is but this one."""

    def __init__(
        self,
        settings: Capture,
        spool: Spool,
        gateway: Recorded,
        tell: Callable[[], Awaitable[object]] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self._spool, self._now = settings, spool, now
        self._gateway, self._tell = gateway, tell
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    def of_worker(cls, settings: Capture, gateway: Recorded, spool: Spool, bus: Bus) -> Captures:
        """Those of a worker: a capture that begins or ends at any of them is heard of by all."""
        captures = cls(settings, spool, gateway, partial(bus.ask, LOOK, None, LOOK_SECS))
        bus.on(LOOK, captures.look)
        captures.look()
        return captures

    # ------------------------------------------------------------------ for the admin API
    async def begin(self, asked: Mapping[str, Any]) -> Row:
        """A new one; ChangeRefused."""
        if not self._settings.enabled:
            text = "this gateway captures nothing: capture.enabled is false"
            raise ChangeRefused("conflict", [Complaint("", "", text)])
        given = self._checked(asked)
        now = self._now()
        with self._held() as state:
            rows = self._settled(state)
            taken = {row["lane"] for row in rows}
            lane = next((n for n in range(self._spool.lanes) if n not in taken), None)
            if lane is None:
                text = f"there are {len(rows)} captures already: cancel one (DELETE)"
                raise ChangeRefused("conflict", [Complaint("", "", text)])
            self._spool.clear(lane)
            row = {
                **given,
                "id": uuid.uuid4().hex[:12],
                "began": now,
                "until": now + given["secs"],
                "lane": lane,
                "number": 0,
                "under_way": [],
                "kept": [],
                "lost": 0,
                "ended": "",
                "gone_at": 0.0,
            }
            state.setdefault("rows", []).append(row)
        await self._everywhere()
        return self._told(row)

    def listed(self) -> list[Row]:
        with self._held() as state:
            return [self._told(row) for row in self._settled(state)]

    def one(self, id: str) -> Row | None:
        return next((row for row in self.listed() if row["id"] == id), None)

    def exchange(self, id: str, number: int) -> bytes | None:
        """The document of an exchange; numbers begin with 1."""
        with self._held() as state:
            row = next((row for row in self._settled(state) if row["id"] == id), None)
            if row is None or not 1 <= number <= len(row["kept"]):
                return None
            return self._spool.read(row["lane"], *row["kept"][number - 1])

    async def cancel(self, id: str) -> bool:
        """It ends, and what it has kept is gone; whether there was one."""
        with self._held() as state:
            rows = self._settled(state)
            found = next((row for row in rows if row["id"] == id), None)
            if found is not None:
                rows.remove(found)
                self._spool.clear(found["lane"])
        await self._everywhere()
        return found is not None

    def _checked(self, asked: Mapping[str, Any]) -> Row:
        limits = self._settings
        wrong = []
        for name in asked:
            if name not in FIELDS:
                wrong.append(Complaint("", name, f"no such field (there are: {', '.join(FIELDS)})"))
        alias = asked.get("alias")
        if not isinstance(alias, str) or not alias:
            wrong.append(Complaint("", "alias", "must be the name of a model"))
        elif not self._gateway.label(alias):
            wrong.append(Complaint("", "alias", f'there is no model "{alias}"'))
        given: Row = {"alias": alias}
        for name, usual, most, setting in (
            ("next", USUAL_NEXT, limits.max_exchanges, "capture.max_exchanges"),
            ("secs", USUAL_SECS, limits.max_secs, "capture.max_secs"),
        ):
            value = asked.get(name)
            value = min(usual, most) if value is None else value
            if type(value) is not int or not 1 <= value <= most:
                text = f"must be a whole number from 1 to {most} ({setting})"
                wrong.append(Complaint("", name, text))
            given[name] = value
        redact = asked.get("redact")
        given["redact"] = False if redact is None else redact
        if type(given["redact"]) is not bool:
            wrong.append(Complaint("", "redact", "must be true or false"))
        if wrong:
            raise ChangeRefused("invalid", wrong)
        return given

    def _told(self, row: Row) -> Row:
        kept = [length for _, length in row["kept"]]
        return {
            "id": row["id"],
            "alias": row["alias"],
            "next": row["next"],
            "secs": row["secs"],
            "redact": row["redact"],
            "began_at": timestamp(int(row["began"])),
            "waiting": not row["ended"],
            "ended": row["ended"] or None,
            "under_way": len(row["under_way"]),
            "exchanges": len(kept),
            "bytes": sum(kept),
            "lost": row["lost"],
        }

    # ------------------------------------------------------------------ every worker
    async def _everywhere(self) -> None:
        if self._tell is None:
            self.look()
        else:
            await self._tell()

    def look(self, asked: object = None) -> None:
        """Whether a capture waits: at the start, when one begins or ends, when time is up."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        try:
            with self._held() as state:
                rows = self._settled(state)
        except StoreError as error:
            log.often("capture", "captures are looked at again soon: %s", error)
            self._look_in(AGAIN_SECS)
            return
        waits = any(not row["ended"] for row in rows)
        self._gateway.record_with(self if waits else None)
        if rows:
            soon = min(row["gone_at"] or row["until"] for row in rows)
            self._look_in(soon - self._now())

    def _look_in(self, secs: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(max(0.05, secs), self.look)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    @contextlib.contextmanager
    def _held(self) -> Iterator[Row]:
        """The state all workers share; StoreError."""
        try:
            with self._spool.held() as state:
                yield state
        except (SpoolBusy, OSError) as error:
            text = f"captures cannot be read or written: {type(error).__name__}"
            raise StoreError(text) from error

    def _settled(self, state: Row) -> list[Row]:
        """The captures there are; those whose time is up end, and then are gone."""
        rows: list[Row] = state.setdefault("rows", [])
        now = self._now()
        for row in list(rows):
            dead = [one for one in row["under_way"] if not _lives(one[1])]
            if dead:
                row["under_way"] = [one for one in row["under_way"] if one not in dead]
                row["lost"] += len(dead)
            if not row["ended"]:
                if len(row["kept"]) >= row["next"]:
                    self._end(row, ENOUGH)
                elif now >= row["until"]:
                    self._end(row, TIME)
                elif now >= row["began"] + GONE_SECS and not self._gateway.label(row["alias"]):
                    self._end(row, GONE)
            elif now >= row["gone_at"]:
                rows.remove(row)
                self._spool.clear(row["lane"])
        return rows

    def _end(self, row: Row, why: str) -> None:
        row["ended"] = why
        row["gone_at"] = self._now() + self._settings.keep_secs
        asyncio.get_running_loop().call_soon(self.look)  # else nobody did until time is up

    # ------------------------------------------------------------------ one exchange
    def record(self, handler: Handled, body: Any) -> Recording | None:
        """A recording for a request of the alias of these names, if a capture wants one. Never
        raises: a capture is no reason to fail."""
        alias = handler.seen["alias"]
        names = alias, self._gateway.label(alias)
        try:
            with self._held() as state:
                rows = self._settled(state)
                row = next((row for row in rows if row["alias"] in names and _open(row)), None)
                if row is not None:
                    row["number"] += 1
                    row["under_way"].append([row["number"], os.getpid()])
        except StoreError as error:
            log.often("capture", "an exchange is not captured: %s", error)
            return None
        if row is None:
            if all(row["ended"] for row in rows):
                self.look()  # another worker took the last
            return None
        limit = self._settings.exchange_limit_bytes
        keep = partial(self._keep, row["id"], row["number"])
        now = int(self._now())
        return Recording(keep, handler, body, now=now, limit=limit, redacted=row["redact"])

    def _keep(self, id: str, number: int, document: bytes | None) -> None:
        """Empty: nothing translated it. None: it was lost."""
        try:
            with self._held() as state:
                row = next((row for row in self._settled(state) if row["id"] == id), None)
                if row is None:
                    return
                mine = [number, os.getpid()]
                row["under_way"] = [one for one in row["under_way"] if list(one) != mine]
                if document is None:
                    row["lost"] += 1
                elif document and len(row["kept"]) < row["next"]:
                    self._keep_in(row, document)
                self._settled(state)
        except StoreError as error:
            log.often("capture", "an exchange is not captured: %s", error)

    def _keep_in(self, row: Row, document: bytes) -> None:
        size = sum(length for _, length in row["kept"]) + len(document)
        if size > self._settings.limit_bytes:
            row["lost"] += 1
            self._end(row, FULL)
            return
        try:
            row["kept"].append([self._spool.append(row["lane"], document), len(document)])
        except OSError as error:  # told in the state, or its place would never be free again
            row["lost"] += 1
            log.often("capture", "an exchange is not captured: %s", error.strerror)


def _open(row: Row) -> bool:
    """Whether it takes one more."""
    return not row["ended"] and len(row["kept"]) + len(row["under_way"]) < row["next"]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
