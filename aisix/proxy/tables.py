"""Which mapping tables this worker serves with, and the next ones while they are made ready.

What was loaded before the fork serves until the first generation. A generation
(`workers/generation.py`) is one number for all workers; its tables are made ready before it comes,
so that taking it costs nothing.

Must never know: an alias, a request.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from aisix import log
from aisix.errors import OperatorError
from aisix.mapping.mappings import Mappings, load_shelves
from aisix.mapping.parse.files import unpack
from aisix.workers.generation import Generation


class Tables:
    """One per worker; what is noted of reloads is the whole gateway's."""

    def __init__(self, mappings: Mappings, generation: Generation | None = None) -> None:
        self._mappings = mappings
        self._generation = generation or Generation()
        self._number = 0  # the generation whose tables we use
        self._ready: dict[int, Mappings] = {}

    def current(self) -> Mappings:
        """The tables of now: of the generation it is. Cheap."""
        if self._generation.number != self._number:
            self._take()
        return self._mappings

    def newer(self) -> bool:
        """Whether a generation has come that this worker has not taken yet."""
        return self._generation.number != self._number

    def _take(self) -> None:
        number = self._generation.number
        if number not in self._ready:  # a worker that began between the two steps of a reload
            try:
                self.prepare(number)
            except OperatorError as error:
                log.error("the tables of turn %d: %s", number, error)
            except Exception as error:  # those before them serve on; no request may fail of it
                log.error("bug in the tables of turn %d: %s", number, log.place(error))
        self._mappings = self._ready.get(number, self._mappings)
        self._number, self._ready = number, {}

    def prepare(self, number: int) -> Mappings:
        """Those of a later generation, made ready; OperatorError. May run beside the event loop."""
        packed = self._generation.read(number)
        if packed is None:
            raise OperatorError("they are gone")
        files, differs = msgspec.msgpack.decode(packed, type=tuple[bytes, dict[str, list[str]]])
        fresh = load_shelves(unpack(files))
        fresh.run_by_rules(differs)
        self._ready = {number: fresh}
        return fresh

    # ------------------------------------------------------------------ what was noted
    def status(self) -> dict[str, Any]:
        """Which tables serve, and what came of the last reload and of all of them."""
        mappings, noted = self.current(), self._noted()
        return {
            "digest": mappings.digest,
            **self._way(noted),
            "folders": [str(Path(folder)) for folder in mappings.folders],
            "names": sorted(mappings.mappings),
            "by_rules": mappings.differs,
            "last_reload": noted.get("last") or {"ok": True},
            "thorough_check": self._thorough(mappings.digest),
            "reloads": self.reloads(),
        }

    def facts(self) -> dict[tuple[str, ...], float]:
        """The same as metrics."""
        digest, way = self.current().digest, self._way(self._noted())
        before = (way["previous"] or {}).get("digest", "")
        return {
            ("aisix_mappings_info", digest, before, way["by"]): 1.0,
            ("aisix_mappings_since_seconds",): float(way["since"]),
            ("aisix_mappings_held",): float(way["held"] is not None),
        }

    @staticmethod
    def _way(noted: dict[str, Any]) -> dict[str, Any]:
        """Since when these serve and by whose doing; what a roll-back would lead to (None: nothing
        is kept); what was rolled back from and still lies on disk (None: nothing)."""
        began = {"since": 0, "by": "start", "previous": None, "held": None}
        return {**began, **noted.get("way", {})}

    def reloads(self) -> dict[str, int]:
        """How many reloads were taken over and how many refused: of the gateway, not the worker."""
        return {"ok": 0, "failed": 0, **self._noted().get("counts", {})}

    def since(self) -> int:
        """When the tables of now began to serve, in Unix seconds."""
        return int(self._way(self._noted())["since"])

    def good(self) -> str:
        """The digest of the files that were last checked and taken over; "" for none."""
        return str(self._noted().get("good", ""))

    def warnings(self) -> list[str]:
        """Keys of a site's tables that change nothing, as they were found last."""
        return list(self._noted().get("warnings") or ())

    def note(
        self,
        last: dict[str, Any],
        good: str,
        warnings: list[str] | None = None,
        way: dict[str, Any] | None = None,
    ) -> None:
        """What came of a reload; only its one writer calls this. OSError when the disk is full.

        warnings: of the tables that serve now; None when they are as they were. way: of what
        `status` says of them: `since`, `by`, `previous`, `held`.
        """
        counts = self.reloads()
        counts["ok" if last["ok"] else "failed"] += 1
        note: dict[str, Any] = {"counts": counts, "last": last, "good": good or self.good()}
        note["warnings"] = self.warnings() if warnings is None else warnings
        note["way"] = self._way(self._noted()) | (way or {})
        self._generation.write_note(msgspec.json.encode({**self._noted(), **note}))

    def note_thorough(self, told: dict[str, Any], warnings: list[str]) -> None:
        """What every case in every form has shown of the tables of a digest."""
        note = {**self._noted(), "thorough": told, "warnings": warnings}
        self._generation.write_note(msgspec.json.encode(note))

    def _thorough(self, digest: str) -> dict[str, Any]:
        """Of the tables that serve; none yet where there was no reload, or just now."""
        told = self._noted().get("thorough") or {}
        return dict(told) if told.get("digest") == digest else {"ok": None}

    def _noted(self) -> dict[str, Any]:
        note = self._generation.read_note()
        return dict(msgspec.json.decode(note)) if note else {}
