"""One switch of the tables for every worker, and what is kept for the way back.

    workers = TableSwitch(gateway, generation, bus)
    found = await workers.switch("admin", data, digest, before)   # [] : it has happened
    await workers.said()                                          # what each serves with now
    workers.kept(); workers.held(); workers.way()

Every worker makes the new set ready beside the old one; then one number changes. Only who has
`generation` for itself may switch.

Must never know: what a table says, where tables come from.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

from aisix import log
from aisix.errors import Complaint, OperatorError
from aisix.proxy.gateway import Gateway
from aisix.runtime import kept_tables
from aisix.runtime.kept_tables import KeptTables
from aisix.workers.bus import Bus
from aisix.workers.generation import Generation

READY_SECS = 30  # for every worker to make the new set ready
PREPARE, SWITCHED = "mappings.prepare", "mappings.switched"


class TableSwitch:
    """One per worker; also answers to the others'."""

    def __init__(self, gateway: Gateway, generation: Generation, bus: Bus) -> None:
        self._gateway = gateway
        self._generation = generation
        self._bus = bus
        self._began: dict[str, Any] = {}  # of a switch that is not noted yet: since when, by whom
        bus.on(PREPARE, self._prepare)
        bus.on(SWITCHED, self._switched)

    async def switch(
        self, by: str, data: bytes, digest: str, before: KeptTables | None
    ) -> list[Complaint]:
        """Make `data` ready in every worker and let it serve; `before` is kept. Or why not."""
        number = self._generation.number + 1
        try:
            self._generation.put(number, data)
        except OSError as error:
            text = f"no room for the new tables: {error.strerror}"
            return [Complaint("", "", text)]
        ready = await self._bus.ask(PREPARE, [number, digest], READY_SECS)
        found = [
            Complaint(f"worker {seat}", "", ready.get(seat) or f"not ready in {READY_SECS} s")
            for seat in range(self._bus.count)
            if ready.get(seat) != digest
        ]
        if found:
            return found
        was = self._gateway.mappings.digest
        try:
            await self.keep(before)
        except OSError as error:
            return [Complaint("", "", f"no room to keep the tables before: {error.strerror}")]
        self._generation.number = number  # here it happens
        if digest != was:
            self._began = {"since": int(time.time()), "by": by}
        return []

    async def keep(self, kept: KeptTables | None) -> None:
        """OSError when the workers cannot be told; without the copy on disk it lasts until a
        restart."""
        kept_tables.share(self._generation, kept)
        data_dir = self._gateway.settings.data_dir
        if not await asyncio.to_thread(kept_tables.to_disk, data_dir, kept):
            log.warning("%s: a roll-back of the tables will not outlast a restart: no room, or"
                        " not ours to write", data_dir / kept_tables.FOLDER)  # fmt: skip

    def kept(self) -> KeptTables | None:
        return kept_tables.shared(self._generation)

    def way(self) -> dict[str, Any]:
        """What a status tells of how the tables came, as far as it has changed."""
        kept, began = self.kept(), self._began
        self._began = {}
        return {**began, "previous": kept and kept.previous(), "held": kept and kept.held()}

    def held(self) -> dict[str, Any] | None:
        kept = self.kept()
        return None if kept is None else kept.held()

    async def said(self) -> list[dict[str, Any]]:
        """What each worker serves with now."""
        switched = await self._bus.ask(SWITCHED, None, READY_SECS)
        return [switched[seat] for seat in sorted(switched)]

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
