"""Changing the tables of a running gateway: checked aside, made ready everywhere, then one switch.

    reloader = Reloader(gateway, generation, bus, folders, secs=120)
    told = await reloader.reload("admin")       # {"ok": ..., "digest": ..., "findings": [...]}
    told = await reloader.check()               # what would come of it; nothing changes
    told = await reloader.rollback("admin")     # back to the set before

1. The files are read once, and those bytes go through everything that follows.
2. A process of its own checks them: syntax, names, what they touch. Requests go on.
3. Every worker makes the new set ready beside the old one.
4. One number changes (`workers/generation.py`): requests that begin after it have the new set.
5. When no further reload comes, everything is checked, with what time is left.

A fault at any step leaves everything as it was and is told: to who asked, in the status, in the log
and in a counter. One reload at a time, over all workers.

The set before is kept (`kept_tables.py`), and a roll-back switches to it without a further check.
Then the files on disk are those that were rolled back from: only who asks for just them gets them,
until they change.

Must never know: what a table says.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from aisix import log
from aisix.errors import AisixError, Complaint, OperatorError
from aisix.mapping.mappings import Mappings, load_shelves
from aisix.mapping.parse.files import Marks, TableFolder, marks, pack, read_folders
from aisix.mapping.verify.both_forms import by_rules, known_to_differ
from aisix.mapping.verify.check import Checker
from aisix.mapping.verify.kept import Kept
from aisix.mapping.verify.proofs import of_files
from aisix.proxy.gateway import Gateway
from aisix.routing import resource_checks
from aisix.runtime import kept_tables
from aisix.runtime.kept_tables import KeptTables
from aisix.runtime.table_checks import CACHE, LOCK_PAUSE, MOST_TOLD, Afterwards, checked
from aisix.runtime.table_switch import TableSwitch
from aisix.store.audit import records
from aisix.workers.bus import Bus
from aisix.workers.generation import Generation

RELOAD = "mappings.reload"
ROLLBACK = "rollback"
HELD = (
    "the tables on disk are those that were rolled back from (%s), and are left alone until they "
    "change or POST /admin/v1/mappings/reload asks for them; %s serves"
)


class TablesOnDisk(NamedTuple):
    """What lies in the folders, looked at."""

    table_folders: Sequence[TableFolder]
    found: list[Complaint]  # why they cannot be taken over
    fresh: Mappings | None = None  # what they are; None: what serves, or nothing
    good: str = ""  # digest of the files that were found good
    bugs: Sequence[dict[str, Any]] = ()  # of aisix, which are no reason to refuse the tables
    warnings: list[Complaint] | None = None  # None: not looked at


class ReloadOutcome(NamedTuple):
    """What came of the tables of a reload."""

    found: list[Complaint]  # why they are not taken over
    workers: Sequence[dict[str, Any]] = ()  # what each serves with now
    good: str = ""
    bugs: Sequence[dict[str, Any]] = ()
    warnings: list[Complaint] | None = None


class Reloader:
    """One per worker; any of them can be asked."""

    def __init__(
        self, gateway: Gateway, generation: Generation, bus: Bus, folders: Sequence[Path], secs: int
    ) -> None:
        self._gateway = gateway
        self._generation = generation
        self._folders = tuple(folders)
        self._secs = secs
        self._tasks: set[asyncio.Task[Any]] = set()
        self._afterwards = Afterwards(gateway, generation, self.begin)
        self._fresh: tuple[TableFolder, ...] | None = None  # taken over by the reload under way
        self._workers = TableSwitch(gateway, generation, bus)
        bus.on(RELOAD, lambda by: self.begin(str(by)))

    def begin(self, by: str) -> None:
        """A reload nobody waits for: a signal's."""
        task = asyncio.get_running_loop().create_task(self.reload(by))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._afterwards.close()

    # ------------------------------------------------------------------ one at a time
    @asynccontextmanager
    async def _alone(self, end: float) -> AsyncIterator[list[Complaint]]:
        """With nobody else at it, over all workers; what is given says whether it is so."""
        while not self._generation.take():
            if time.monotonic() > end:
                yield [Complaint("", "", f"another reload is under way for {self._secs} s")]
                return
            await asyncio.sleep(LOCK_PAUSE)
        self._afterwards.close()
        try:
            yield []
        finally:
            self._generation.give_back()
            self._afterwards.begin(self._fresh)
            self._fresh = None

    async def check(self) -> dict[str, Any]:
        """What a reload would make of what lies on disk: `ok`, the `digest` that would serve or
        `findings`; whether it was rolled back from (`held`). Nothing changes, nothing is noted."""
        began = time.monotonic()
        end = began + self._secs
        held = None
        async with self._alone(end) as busy:
            on_disk = TablesOnDisk((), busy)
            if not busy:
                on_disk = await self._look(await self._read(), end)
                kept = self._workers.kept()
                held = kept.held() if kept and kept.holds(on_disk.table_folders) else None
        serving = self._gateway.mappings.digest
        told: dict[str, Any] = {"ok": not on_disk.found, "serving": serving}
        if on_disk.found:
            told |= _faults(on_disk.found)
        else:
            told["digest"] = on_disk.fresh.digest if on_disk.fresh else serving
            told["changed"] = told["digest"] != serving
            told["held"] = held
        if on_disk.warnings:
            told["warnings"] = [str(complaint) for complaint in on_disk.warnings[:MOST_TOLD]]
        if on_disk.bugs:
            told["bugs"] = [bug["text"] for bug in on_disk.bugs]
        return {**told, "ms": round((time.monotonic() - began) * 1000)}

    async def reload(self, by: str, asked: bool = False, only: str = "") -> dict[str, Any]:
        """What came of it: `ok`; `digest` of what serves now; `findings` when it is not ok.

        asked: just these files are wanted, also when they were rolled back from. only: the digest
        they must have; "" for any.
        """
        began, before = time.monotonic(), self._gateway.mappings.digest
        end = began + self._secs
        async with self._alone(end) as busy:
            if busy:
                return self._answer(by, busy, began, before)
            before = self._gateway.mappings.digest
            were = self._gateway.quarantined()
            # At once: a check of the tables may take a while.
            resources = await self._resources() if not self._gateway.store.writable else None
            found, workers, good, bugs, warnings = await self._try(end, by, asked, only)
            told = self._answer(by, found, began, before, workers)
            lines = self._warned(warnings)
            own = [] if found else self._gateway.idle()
            for line in own:
                log.warning("%s", line)
            if lines or own:
                told["warnings"] = [*lines, *own]
            if bugs:
                told["bugs"] = list(bugs)
            for bug in bugs:
                log.error("%s", bug["text"])
            if not found:
                told["quarantined"] = self._quarantined(were)
                told["held"] = self._workers.held()
            if resources is not None:
                if not resources["ok"] and told.get("changed"):
                    resources = await self._resources()  # it may be for the new tables
                told["resources"] = resources
                told["ok"] = told["ok"] and resources["ok"]
            self._note(told, good, None if warnings is None else lines)
        return told

    async def rollback(self, by: str, only: str = "") -> dict[str, Any]:
        """Back to the set before: `ok`, `digest` of what serves now, `changed`; `faults`.

        only: the digest of what must serve for it; "" for any. Where it has been done already
        nothing changes, and it is ok.
        """
        began, before = time.monotonic(), self._gateway.mappings.digest
        async with self._alone(began + self._secs) as busy:
            if busy:
                return self._answer(by, busy, began, before, what=ROLLBACK)
            before = self._gateway.mappings.digest
            were = self._gateway.quarantined()
            kept = self._workers.kept()
            found, workers, warnings = await self._go_back(by, kept, only)
            told = self._answer(by, found, began, before, workers, what=ROLLBACK)
            if not found:
                told["quarantined"] = self._quarantined(were)
                told["held"] = self._workers.held()
            self._note(told, "", warnings)
        return told

    async def _go_back(
        self, by: str, kept: KeptTables | None, only: str
    ) -> tuple[list[Complaint], Sequence[dict[str, Any]], list[str] | None]:
        """(what stands against it, what each worker serves with now, what was told of the set)."""
        now = self._gateway.mappings
        if kept is not None and kept.left and only in ("", kept.left):
            return [], await self._workers.said(), None
        text = ""
        if kept is None or kept.left:
            text = "no earlier tables are kept: none were replaced since these began to serve"
        elif only not in ("", now.digest):
            text = f"{now.digest} serves, and not {only}"
        if kept is None or text:
            return [Complaint("", "", text)], (), None
        after = kept_tables.very_files(now.table_folders)
        left = msgspec.structs.replace(
            kept, followed_by=after, left=now.digest, left_at=int(time.time())
        )
        known = known_to_differ(Kept(self._gateway.settings.data_dir / CACHE), kept.digest)
        data = msgspec.msgpack.encode((kept.files, {**kept.differs, **known}))
        found = await self._workers.switch(ROLLBACK, data, kept.digest, left)
        return found, () if found else await self._workers.said(), kept.warnings

    async def _read(self) -> tuple[TableFolder, ...]:
        return await asyncio.to_thread(read_folders, self._folders)

    async def _look(self, table_folders: Sequence[TableFolder], end: float) -> TablesOnDisk:
        """At what was read: everything but whether the workers can use it."""
        good = await asyncio.to_thread(of_files, table_folders)
        now, data_dir = self._gateway.mappings, self._gateway.settings.data_dir
        cache = Kept(data_dir / CACHE)
        same = good and good == self._gateway.tables.good()
        same = same and pack(now.table_folders) == pack(table_folders)
        if same and known_to_differ(cache, now.digest) == now.differs:
            return TablesOnDisk(table_folders, [], None, good)  # checked before, and it serves
        try:
            fresh = await asyncio.to_thread(load_shelves, table_folders)
        except OperatorError:
            checker = Checker(with_cases=False, released=True, serving=True)
            return TablesOnDisk(table_folders, await asyncio.to_thread(checker.read, table_folders))
        left = max(1.0, end - time.monotonic())
        found, bugs, warnings = await checked(table_folders, data_dir, left)
        differ = [*known_to_differ(cache, fresh.digest).items()]
        fresh.run_by_rules(by_rules([*differ, *((bug["mapping"], bug["parts"]) for bug in bugs)]))
        good = "" if bugs else good  # told again by the next reload
        return TablesOnDisk(table_folders, found, fresh, good, bugs, warnings)

    async def _try(self, end: float, by: str, asked: bool, only: str) -> ReloadOutcome:
        """One reload, which a complaint ends."""
        kept, now = self._workers.kept(), self._gateway.mappings
        table_folders: Sequence[TableFolder] = await self._read()
        held = kept is not None and kept.holds(table_folders)
        if kept is not None and held and not asked:
            log.warning(HELD, kept.left, now.digest)
            fresh = await asyncio.to_thread(load_shelves, now.table_folders)
            cache = Kept(self._gateway.settings.data_dir / CACHE)
            fresh.run_by_rules({**now.differs, **known_to_differ(cache, now.digest)})
            seen = TablesOnDisk(now.table_folders, [], fresh)
        else:
            seen = await self._look(table_folders, end)
        table_folders, found, _, good, bugs, warnings = seen
        fresh = now if seen.fresh is None else seen.fresh
        if not found and only not in ("", fresh.digest):
            text = f"what lies on disk is {fresh.digest}, and not {only}"
            found = [Complaint("", "", text)]
        if found:
            return ReloadOutcome(found, bugs=bugs)
        if (fresh.digest, fresh.differs) == (now.digest, now.differs):
            if kept is not None and kept.left and not held:
                await self._workers.keep(None)  # they are no longer what was rolled back from
            return ReloadOutcome([], await self._workers.said(), good, bugs, warnings)
        before = kept
        if fresh.digest != now.digest:
            tables = self._gateway.tables
            before = KeptTables.of(now, tables.since(), tables.warnings(), table_folders)
        data = msgspec.msgpack.encode((pack(table_folders), fresh.differs))
        found = await self._workers.switch(by, data, fresh.digest, before)
        if found:
            return ReloadOutcome(found, bugs=bugs)
        self._fresh = tuple(table_folders)
        return ReloadOutcome([], await self._workers.said(), good, bugs, warnings)

    def _quarantined(self, were: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The aliases whose overlay does not fit these tables: told, and nothing else waits."""
        now = self._gateway.quarantined()
        for one in now[:MOST_TOLD]:
            if one not in were:
                then = f"it serves {one['serving']}" if one["serving"] else "it does not serve"
                log.error("in quarantine: models/%s: %s; %s", one["alias"], one["why"][0], then)
        well = {one["id"] for one in were} - {one["id"] for one in now}
        if well:
            log.info("%d models are out of quarantine", len(well))
        return now

    async def _resources(self) -> dict[str, Any]:
        """Take the resources file over, for all workers; the good content serves on otherwise."""
        store, mappings = self._gateway.store, self._gateway.mappings
        extra = partial(resource_checks.faults, mappings, self._gateway.settings, idle=False)
        before = store.current()
        try:
            snapshot = await asyncio.to_thread(store.reload, extra)
        except Exception as error:
            self._gateway.metrics.add("aisix_reloads_total", "resources", "failed")
            ours = not isinstance(error, AisixError)
            text = f"bug in the gateway: {log.place(error)}" if ours else str(error)
            faults = [str(c) for c in getattr(error, "complaints", ())] or [text]
            for fault in faults[:MOST_TOLD]:
                log.error("resources: reload failed: %s", fault)
            return {"ok": False, "faults": faults[:MOST_TOLD]}
        self._gateway.metrics.add("aisix_reloads_total", "resources", "ok")
        for told in records({"by": "file"}, time.time(), before, snapshot):
            log.audit(told)
        log.info("resources reloaded: revision %d", snapshot.revision)
        return {"ok": True, "revision": snapshot.revision}

    # ------------------------------------------------------------------ what is told
    def _answer(
        self,
        by: str,
        found: list[Complaint],
        began: float,
        before: str,
        workers: Sequence[Any] = (),
        what: str = "mappings",
    ) -> dict[str, Any]:
        digest = self._gateway.mappings.digest
        took = round((time.monotonic() - began) * 1000)
        told: dict[str, Any] = {"ok": not found, "digest": digest}
        self._gateway.metrics.add("aisix_reloads_total", what, "failed" if found else "ok")
        did = "rolled back" if what == ROLLBACK else "reloaded"
        if found:
            told |= _faults(found)
            for complaint in found[:MOST_TOLD]:
                log.error("mappings not %s: %s", did, complaint)
        else:
            told["changed"] = digest != before
            told["workers"] = list(workers)
            log.info("mappings %s (%s, %d ms): %s -> %s", did, by, took, before, digest)
        if what == ROLLBACK:
            told["rollback"] = True
        return {**told, "by": by, "at": int(time.time()), "ms": took}

    def _warned(self, warnings: list[Complaint] | None) -> list[str]:
        """The keys that change nothing in tables that are taken over: told, and no more."""
        lines = [str(complaint) for complaint in (warnings or ())[:MOST_TOLD]]
        for line in lines:
            log.warning("the tables: %s", line)
        return lines

    def _note(self, told: dict[str, Any], good: str, warnings: list[str] | None) -> None:
        try:
            short = {k: v for k, v in told.items() if k not in ("workers", "warnings")}
            if "bugs" in short:
                short["bugs"] = [bug["text"] for bug in short["bugs"]]
            self._gateway.tables.note(short, good, warnings, self._workers.way())
        except OSError as error:
            log.warning("the last reload cannot be noted: %s", error.strerror)

    # ------------------------------------------------------------------ watching
    async def watch(self, secs: int) -> None:
        """Reload after a table was written and then let be for `secs`; runs on one seat only."""
        seen = await asyncio.to_thread(marks, self._folders)
        moving: Marks | None = None
        while True:
            await asyncio.sleep(secs)
            now = await asyncio.to_thread(marks, self._folders)
            if now == seen:
                moving = None
            elif now != moving:
                moving = now  # somebody is writing: look again
            else:
                seen, moving = now, None
                await self.reload("watch")


def _faults(found: list[Complaint]) -> dict[str, Any]:
    told = found[:MOST_TOLD]
    return {
        "faults": [str(complaint) for complaint in told],
        "findings": [{"where": c.where, "path": c.path, "message": c.text} for c in told],
    }
