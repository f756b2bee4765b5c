"""A cluster under callers and writers, while its parts are killed, stopped and cut off in turn.

    python -m tests.cluster.run [--exchanges 50000] [--workers 2] [--callers 12] [--writers 1]
        [--minutes 60]

Without --exchanges each event happens once, briefly; with it, all of them again and again until so
many exchanges have ended, or the minutes are over. Prints a table, then what was wrong, and ends
with 1 if anything was:

- an answer that is wrong or never ended; one that failed and was not in flight on a gateway that
  was killed just then
- an acknowledged write that is missing or was done twice; a 503 "nothing was written" that was
- an update that was lost, though its writer said by If-Match what it had read
- a node that says its copy is newer than a write, and does not serve that
- documents on nodes that are not, whole, as they were acknowledged; copies that differ from each
  other or from etcd at the end
- more let through than a limit and, in an outage of Redis, the documented shares

How long writes stood still and took to be seen on other nodes is told, and never judged.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.callers import ALIAS
from tests.cluster import events
from tests.cluster.events import EVENTS, Event, Happening
from tests.cluster.ledger import Stored
from tests.cluster.load import Exchange
from tests.cluster.world import World
from tests.cluster.writers import CONTENDED
from tests.running import Running, until

LIMIT = 60  # requests of one key, a day
UNREAD_SECS = 0.25
HEAD = (
    "event", "s", "exchanges", "failed", "in flight", "writes", "refused", "open", "gap ms",
    "seen p50", "p99 ms", "by Redis", "by shares", "notes",
)  # fmt: skip


@dataclass
class Report:
    rows: list[tuple[str, ...]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)  # writes of which nobody knows what became
    exchanges: int = 0
    failed: int = 0
    equal_after: float = 0.0  # s

    def table(self) -> str:
        rows = [HEAD, *self.rows]
        widths = [max(len(row[at]) for row in rows) for at in range(len(HEAD))]
        texts = (zip(row, widths, strict=True) for row in rows)
        return "\n".join(
            "  ".join(cell.ljust(wide) for cell, wide in row).rstrip() for row in texts
        )


def chaos(
    folder: Path,
    exchanges: int = 0,
    workers: int = 1,
    callers: int = 6,
    writers: int = 1,
    minutes: float = 60,
) -> Report:
    report, end = Report(), time.monotonic() + 60 * minutes
    with World(folder, workers, callers, writers) as world:
        number = 0
        while number < len(EVENTS) or (world.load.done < exchanges and time.monotonic() < end):
            event = EVENTS[number % len(EVENTS)]
            try:
                one_event(world, event, number, exchanges > 0, report)
            except (AssertionError, OSError) as error:  # what was awaited never came: it ends here
                told = "; ".join(world.told())
                report.wrong.append(f"{number} {event.__name__}: {error!r}; {told}")
                return report
            number += 1
        world.limited.key = None
        world.load.pause()
        world.end_writers()
        at_the_end(world, report)
        seen = [secs for _, secs in world.ledger.seen]
        report.rows.append((
            "all", "", str(world.load.done), str(report.failed), "", str(len(world.ledger.acks)),
            str(world.ledger.counted["refused"]), str(world.ledger.unresolved), "",
            part(seen, 0.5), part(seen, 0.99), "", "",
            f"copies equal after {report.equal_after:.1f} s; {len(world.ledger.contended.raised)}"
            f" contended updates, {world.ledger.contended.stale} refused as stale",
        ))  # fmt: skip
        report.exchanges = world.load.done
    return report


def one_event(world: World, event: Event, number: int, long: bool, report: Report) -> None:
    load, ledger, name = world.load, world.ledger, event.__name__
    key = world.new_key(f"{name}-{number}".replace("_", "-"), LIMIT)
    apart = world.new_key(f"{key.id}-apart", LIMIT) if event in events.OF_REDIS else None
    world.limited.key = key
    until(lambda: key.by_redis + key.by_share > 5, f"{name}: a limited key is not let through")
    now = Happening(key, long, outage_key=apart)
    faults, done, acks = len(load.faults), load.done, len(ledger.acks)
    seen, refused, unresolved = len(ledger.seen), ledger.counted["refused"], ledger.unresolved
    began = time.monotonic()
    event(world, now)
    world.all_well()
    world.acks(3)
    until(lambda: key.used_up, f"{name}: {key} is never used up")
    ended = time.monotonic()
    found = load.faults[faults:]
    wrong = [f"{name}: {text}" for text in now.wrong]
    wrong += [f"{name}: {one}" for one in found if one.wrong or not excused(world, now, one)]
    for one in (key, apart):
        if one is not None:
            one.nodes |= world.live.since(began)
            wrong += [f"{name}: {one.fault}"] if one.fault else []
    undisturbed = not (apart or now.dead or key.by_share or key.refused_by_share or key.lost)
    if undisturbed and key.by_redis != key.most:
        wrong.append(f"{name}: {key.by_redis} of {key.most} were let through, then none")
    report.wrong += wrong
    report.failed += len(found)
    times = [secs for _, secs in ledger.seen[seen:]]
    report.rows.append((
        name.replace("_", " "), f"{ended - began:.1f}", str(load.done - done), str(len(found)),
        str(now.in_flight or ""), str(len(ledger.acks) - acks),
        str(ledger.counted["refused"] - refused), str(ledger.unresolved - unresolved),
        f"{ledger.gap(began, ended) * 1000:.0f}", part(times, 0.5), part(times, 0.99),
        f"{key.by_redis}/{key.most}" + (f" x {key.lives}" if key.lives > 1 else ""),
        " ".join(f"{one.by_share}/{one.most}" for one in (key, apart) if one and one.by_share),
        "; ".join(now.notes),
    ))  # fmt: skip
    told = f"{number} {name}: {load.done} exchanges"
    print("\n".join([told, *wrong]), file=sys.stderr, flush=True)


def excused(world: World, now: Happening, one: Exchange) -> bool:
    """It was in flight on the gateway that was killed: no other one knows of it. A balancer that
    has not read yet that a connection ended sends one more after it."""
    if not now.dead or one.began > now.dead + UNREAD_SECS:
        return False
    return not any(f"load-{one.number}" in world.served(world.gateways[at]) for at in now.survivors)


def part(times: list[float], share: float) -> str:
    """That quantile, in ms."""
    if not times:
        return ""
    return f"{sorted(times)[min(len(times) - 1, int(share * len(times)))] * 1000:.0f}"


def at_the_end(world: World, report: Report) -> None:
    wrong, ledger = report.wrong, world.ledger
    began = time.monotonic()
    try:
        until(world.equal)
    except AssertionError:
        wrong.append("copies differ from each other or from etcd")
    report.equal_after = time.monotonic() - began
    for gateway in world.gateways:
        name = gateway.folder.name
        found = stored(gateway)
        [contended] = found.pop(CONTENDED)
        wrong += [f"{name}: {text}" for text in ledger.faults(found)]
        wrong += [f"{name}: {text}" for text in ledger.contended.faults(contended.value["timeout"])]
        store = world.status(gateway, "store")
        if store["trouble"] or store["quarantined"]:
            wrong.append(f"{name}: {store['trouble']} {store['quarantined']}")
        wrong += [f"{name}: {line}" for line in gateway.bugs]
    moved = world.guard_version() - world.written_before
    if not len(ledger.acks) <= moved <= len(ledger.acks) + ledger.unresolved:
        wrong.append(
            f"{moved} writes were done, {len(ledger.acks)} acknowledged,"
            f" of {ledger.unresolved} it was not known"
        )
    wrong += [f"an answer to a write: {text}" for text in ledger.odd]
    wrong += ledger.unseen
    wrong += [f"{writer.lane}: {writer.bug}" for writer in world.writers if writer.bug]
    wrong += world.load.bugs
    report.unknown = ledger.why_open


def stored(gateway: Running) -> dict[str, list[Stored]]:
    """The models of the writers as this node tells them, by display name."""
    found: dict[str, list[Stored]] = {}
    cursor = "0"
    while cursor is not None:
        page = gateway.admin("GET", f"models?limit=1000&cursor={cursor}").json
        for item in page["items"]:
            if item["value"]["display_name"] != ALIAS:
                found.setdefault(item["value"]["display_name"], []).append(Stored.of(item))
        cursor = page["next_cursor"]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.run", description=__doc__)
    parser.add_argument("--exchanges", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--callers", type=int, default=12)
    parser.add_argument("--writers", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="aisix-chaos-"))
    report = chaos(folder, **vars(given))
    print(report.table())
    for text in report.unknown:
        print("not known:", text)
    for text in report.wrong:
        print("wrong:", text)
    if report.wrong:
        print("what the gateways said is in", folder)
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
