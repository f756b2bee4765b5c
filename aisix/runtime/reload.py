"""Changing the tables of a running gateway: checked aside, made ready everywhere, then one switch.

    reloader = Reloader(gateway, generation, bus, folders, secs=120)
    told = await reloader.reload("admin")       # {"ok": ..., "digest": ..., "findings": [...]}

1. The files are read once, and those bytes go through everything that follows.
2. A process of its own checks them: syntax, names, what they touch. Requests go on.
3. Every worker makes the new set ready beside the old one.
4. One number changes (`workers/generation.py`): requests that begin after it have the new set.
5. When no further reload comes, everything is checked, with what time is left.

A fault at any step leaves everything as it was and is told: to who asked, in the status, in the log
and in a counter. One reload at a time, over all workers.

Must never know: what a table says.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from aisix import log
from aisix.errors import AisixError, Complaint, OperatorError
from aisix.mapping.mappings import load_shelves
from aisix.mapping.parse.files import Marks, TableFolder, marks, pack, read_folders
from aisix.mapping.verify.both_forms import by_rules, known_to_differ
from aisix.mapping.verify.check import Checker
from aisix.mapping.verify.kept import Kept
from aisix.mapping.verify.proofs import of_files
from aisix.proxy.gateway import Gateway
from aisix.routing import resource_checks
from aisix.runtime.table_checks import CACHE, LOCK_PAUSE, MOST_TOLD, Afterwards, checked
from aisix.store.audit import records
from aisix.workers.bus import Bus
from aisix.workers.generation import Generation

READY_SECS = 30  # for every worker to make the new set ready
PREPARE, SWITCHED, RELOAD = "mappings.prepare", "mappings.switched", "mappings.reload"


class ReloadOutcome(NamedTuple):
    """What came of the tables of a reload."""

    found: list[Complaint]  # why they are not taken over
    workers: Sequence[dict[str, Any]] = ()  # what each serves with now
    good: str = ""  # digest of the files that were found good
    bugs: Sequence[dict[str, Any]] = ()  # of aisix, which are no reason to refuse the tables
    warnings: list[Complaint] | None = None  # None: not looked at


class Reloader:
    """One per worker; any of them can be asked."""

    def __init__(
        self, gateway: Gateway, generation: Generation, bus: Bus, folders: Sequence[Path], secs: int
    ) -> None:
        self._gateway = gateway
        self._generation = generation
        self._bus = bus
        self._folders = tuple(folders)
        self._secs = secs
        self._tasks: set[asyncio.Task[Any]] = set()
        self._afterwards = Afterwards(gateway, generation, self.begin)
        self._fresh: tuple[TableFolder, ...] | None = None  # taken over by the reload under way
        bus.on(PREPARE, self._prepare)
        bus.on(SWITCHED, self._switched)
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

    # ------------------------------------------------------------------ one reload
    async def reload(self, by: str) -> dict[str, Any]:
        """What came of it: `ok`; `digest` of what serves now; `findings` when it is not ok."""
        began, before = time.monotonic(), self._gateway.mappings.digest
        end = began + self._secs
        while not self._generation.take():
            if time.monotonic() > end:
                text = f"another reload is under way for {self._secs} s"
                return self._answer(by, [Complaint("", "", text)], began, before)
            await asyncio.sleep(LOCK_PAUSE)
        self._afterwards.close()
        try:
            before = self._gateway.mappings.digest
            were = self._gateway.quarantined()
            found, workers, good, bugs, warnings = await self._try(end)
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
            if not self._gateway.store.writable:
                told["resources"] = await self._resources()
                told["ok"] = told["ok"] and told["resources"]["ok"]
            self._note(told, good, None if warnings is None else lines)
        finally:
            self._generation.give_back()
            self._afterwards.begin(self._fresh)
            self._fresh = None
        return told

    async def _try(self, end: float) -> ReloadOutcome:
        """One reload, which a complaint ends."""
        table_folders = await asyncio.to_thread(read_folders, self._folders)
        good = await asyncio.to_thread(of_files, table_folders)
        now, cache = self._gateway.mappings, Kept(self._gateway.settings.data_dir / CACHE)
        same = good and good == self._gateway.tables.good()
        if same and known_to_differ(cache, now.digest) == now.differs:
            # Checked before, and it is what serves.
            return ReloadOutcome([], await self._said(), good)
        try:
            fresh = await asyncio.to_thread(load_shelves, table_folders)
        except OperatorError:
            checker = Checker(with_cases=False, released=True, serving=True)
            return ReloadOutcome(await asyncio.to_thread(checker.read, table_folders))
        left = max(1.0, end - time.monotonic())
        data_dir = self._gateway.settings.data_dir
        found, bugs, warnings = await checked(table_folders, data_dir, left)
        if found:
            return ReloadOutcome(found, bugs=bugs)
        differ = [*known_to_differ(cache, fresh.digest).items()]
        fresh.run_by_rules(by_rules([*differ, *((bug["mapping"], bug["parts"]) for bug in bugs)]))
        good = "" if bugs else good  # told again by the next reload
        if (fresh.digest, fresh.differs) == (now.digest, now.differs):
            return ReloadOutcome([], await self._said(), good, bugs, warnings)
        number = self._generation.number + 1
        try:
            packed = msgspec.msgpack.encode((pack(table_folders), fresh.differs))
            self._generation.put(number, packed)
        except OSError as error:
            text = f"no room for the new tables: {error.strerror}"
            return ReloadOutcome([Complaint("", "", text)], bugs=bugs)
        ready = await self._bus.ask(PREPARE, [number, fresh.digest], READY_SECS)
        found = [
            Complaint(f"worker {seat}", "", ready.get(seat) or f"not ready in {READY_SECS} s")
            for seat in range(self._bus.count)
            if ready.get(seat) != fresh.digest
        ]
        if found:
            return ReloadOutcome(found, bugs=bugs)
        self._generation.number = number  # here it happens
        self._fresh = table_folders
        return ReloadOutcome([], await self._said(), good, bugs, warnings)

    async def _said(self) -> list[dict[str, Any]]:
        """What each worker serves with now."""
        switched = await self._bus.ask(SWITCHED, None, READY_SECS)
        return [switched[seat] for seat in sorted(switched)]

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
                log.error("resources not reloaded: %s", fault)
            return {"ok": False, "faults": faults[:MOST_TOLD]}
        self._gateway.metrics.add("aisix_reloads_total", "resources", "ok")
        for told in records({"by": "file"}, time.time(), before, snapshot):
            log.audit(told)
        log.info("resources reloaded: revision %d", snapshot.revision)
        return {"ok": True, "revision": snapshot.revision}

    # ------------------------------------------------------------------ every worker
    async def _prepare(self, asked: list[Any]) -> str:
        """The digest of the set that is ready, or why it is not."""
        number, digest = asked
        try:
            snapshot = self._gateway.store.current()
            found = await asyncio.to_thread(self._gateway.prepare, number, snapshot)
        except (OperatorError, OSError) as error:
            return str(error)
        return found if found == digest else f"read {found} instead of {digest}"

    def _switched(self, asked: Any) -> dict[str, Any]:
        return {"pid": os.getpid(), "digest": self._gateway.mappings.digest}

    # ------------------------------------------------------------------ what is told
    def _answer(
        self,
        by: str,
        found: list[Complaint],
        began: float,
        before: str,
        workers: Sequence[Any] = (),
    ) -> dict[str, Any]:
        digest = self._gateway.mappings.digest
        took = round((time.monotonic() - began) * 1000)
        told: dict[str, Any] = {"ok": not found, "digest": digest}
        self._gateway.metrics.add("aisix_reloads_total", "mappings", "failed" if found else "ok")
        if found:
            told["faults"] = [str(complaint) for complaint in found[:MOST_TOLD]]
            told["findings"] = [
                {"where": c.where, "path": c.path, "message": c.text} for c in found[:MOST_TOLD]
            ]
            for complaint in found[:MOST_TOLD]:
                log.error("mappings not reloaded: %s", complaint)
        else:
            told["changed"] = digest != before
            told["workers"] = list(workers)
            log.info("mappings reloaded (%s, %d ms): %s -> %s", by, took, before, digest)
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
            self._gateway.tables.note(short, good, warnings)
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
