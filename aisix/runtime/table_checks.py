"""What `aisix mappings check` says of tables, in a process of its own: for a reload, and after it.

    found, bugs, warnings = await checked(table_folders, data_dir, secs=120)
    afterwards.begin(table_folders)          # thoroughly, when no further reload comes

A reload waits for what its tables touch, and for a sample of the cases. When it has been let be for
a moment, every case is run in every form and every configuration built, at the lowest priority and
in one process. What that finds changes nothing: the tables serve; it is told in the status, in the
log and in a counter. Only where compiled tables give something else than their rules, which is a
bug of aisix, one more reload lets the rules serve.

A key that changes nothing refuses neither a reload nor a start, where it is looked for as well: it
is a warning, in the log and as `mappings.warnings` of the status.

Must never know: what a table says.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from aisix import log
from aisix.errors import Complaint
from aisix.mapping.mappings import Mappings
from aisix.mapping.parse import toml_tree
from aisix.mapping.parse.files import TableFolder, pack
from aisix.mapping.verify.both_forms import by_rules
from aisix.mapping.verify.liveness.found import found_dead, idle_in_examples
from aisix.proxy.gateway import Gateway
from aisix.workers.generation import Generation

LEFT_BE = 10.0  # s after a reload: whoever is editing brings the next one
THOROUGH_SECS = 1800  # for a thorough check, which has only what time others leave
LOCK_PAUSE = 0.05  # s between two looks whether another reload has ended
MOST_TOLD = 200  # complaints
MOST_READ_AT_START = 3_000  # units that are read for one folder: some 0.5 s
AGAIN = "thorough check"  # whose reload it is that lets rules serve
CACHE = "cache"  # folder of the data directory for what checks have found


def warnings_at_start(mappings: Mappings) -> list[str]:
    """Keys of a site's tables that change nothing: told, for an upgrade may have made them so.

    Those that a moment is enough for; the check after the first reload tries all.
    """
    try:
        found = [*mappings.idle, *idle_in_examples(mappings)]
        found += found_dead(mappings, found, MOST_READ_AT_START).complaints
    except Exception as error:  # what only warns must not keep a gateway from its callers
        log.error("bug in the check for keys that change nothing: %s", log.place(error))
        return []
    found = list(dict.fromkeys(found))[:MOST_TOLD]
    for complaint in found:
        log.warning("the tables: %s", complaint)
    return [str(complaint) for complaint in found]


class Checked(NamedTuple):
    """What a check found; `warnings` are of keys that change nothing, and refuse nothing."""

    findings: list[Complaint]
    bugs: list[dict[str, Any]]  # FormsDiffer.told of each
    warnings: list[Complaint]


async def checked(
    table_folders: Sequence[TableFolder], data_dir: Path, secs: float, thorough: bool = False
) -> Checked:
    """Every complaint, also that it took longer than `secs` or ended without a word; the bugs of
    aisix that show; warnings."""
    home = str(Path(__file__).resolve().parents[2])
    paths = [home, *filter(None, [os.environ.get("PYTHONPATH")])]
    env = {k: v for k, v in os.environ.items() if not k.startswith("AISIX_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "aisix", "mappings", "check", "--json", "--packed"),
        *(["--all"] if thorough else []),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**env, "PYTHONPATH": os.pathsep.join(paths)},
    )
    try:
        async with asyncio.timeout(secs):
            asked = await asyncio.to_thread(_asked, table_folders, data_dir / CACHE)
            out, said = await process.communicate(asked)
    except TimeoutError:
        return Checked([Complaint("", "", f"the check took longer than {secs:.0f} s")], [], [])
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    try:
        told = msgspec.json.decode(out)
        found, warnings = (
            [Complaint(r["where"], r["path"], r["message"]) for r in told[name]]
            for name in ("findings", "warnings")
        )
        return Checked(found, list(told["bugs"]), warnings)
    except (msgspec.DecodeError, KeyError, TypeError):
        why = said.decode("utf-8", "replace").strip().rpartition("\n")[2][:200]
        text = f"the check ended with {process.returncode}: {why or 'no word'}"
        return Checked([Complaint("", "", text)], [], [])


def _asked(table_folders: Sequence[TableFolder], cache: Path) -> bytes:
    """What the other process is told: the files, and what is known of them already."""
    return msgspec.msgpack.encode((pack(table_folders), str(cache), toml_tree.known()))


class Afterwards:
    """The thorough check after a reload; a further reload ends it. `again` begins one, by whom."""

    def __init__(
        self, gateway: Gateway, generation: Generation, again: Callable[[str], None]
    ) -> None:
        self._gateway = gateway
        self._generation = generation
        self._again = again
        self._task: asyncio.Task[None] | None = None
        # To be checked, or under way; and what served with it.
        self._left: tuple[Sequence[TableFolder], str] | None = None

    def begin(self, table_folders: Sequence[TableFolder] | None = None) -> None:
        """For new tables; without them, anew what `close` has ended, if it has."""
        self.close()
        digest = self._gateway.mappings.digest
        if table_folders is not None:
            self._left = table_folders, digest
        if self._left is None or self._left[1] != digest:
            return  # nothing is left, or what is left serves no more
        work = self._check(*self._left)
        self._task = asyncio.get_running_loop().create_task(work)

    def close(self) -> None:
        """End it: at the end, and while a reload of this process is the one writer of notes."""
        if self._task is not None:
            self._task.cancel()

    async def _check(self, table_folders: Sequence[TableFolder], digest: str) -> None:
        await asyncio.sleep(LEFT_BE)
        began = time.monotonic()
        data_dir = self._gateway.settings.data_dir
        try:
            found, bugs, warnings = await checked(
                table_folders, data_dir, THOROUGH_SECS, thorough=True
            )
            self._left = None
        except OSError as error:
            log.warning("the tables are not thoroughly checked: %s", error.strerror)
            return
        if self._gateway.mappings.digest != digest:
            return  # another worker has reloaded meanwhile, and looks at those
        took = round((time.monotonic() - began) * 1000)
        faults = [str(complaint) for complaint in found[:MOST_TOLD]]
        for fault in faults:
            log.error("the tables serve, but thoroughly checked: %s", fault)
        for bug in bugs:
            log.error("%s", bug["text"])
        lines = [str(complaint) for complaint in warnings[:MOST_TOLD]]
        before = self._gateway.tables.warnings()
        for line in lines:
            if line not in before:  # it is told already
                log.warning("the tables: %s", line)
        if not faults:
            log.info("the tables are thoroughly checked (%d ms): %s", took, digest)
        result = "failed" if faults else "ok"
        self._gateway.metrics.add("aisix_reloads_total", "thorough check", result)
        told = {"ok": not faults, "digest": digest, "ms": took, "at": int(time.time())}
        more = {"faults": faults, "bugs": [bug["text"] for bug in bugs]}
        await self._note({**told, **{name: texts for name, texts in more.items() if texts}}, lines)
        differ = by_rules((bug["mapping"], bug["parts"]) for bug in bugs)
        serving = self._gateway.mappings.differs
        if any(not {*parts} <= {*serving.get(name, [])} for name, parts in differ.items()):
            self._again(AGAIN)

    async def _note(self, told: dict[str, object], warnings: list[str]) -> None:
        while not self._generation.take():  # a reload is about to note something
            await asyncio.sleep(LOCK_PAUSE)
        try:
            self._gateway.tables.note_thorough(told, warnings)
        except OSError as error:
            log.warning("the thorough check cannot be noted: %s", error.strerror)
        finally:
            self._generation.give_back()
