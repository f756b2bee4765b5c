"""What a node tells operators of its copy of etcd: for a status page and for metrics.

    away(board, facts, folder); status(...); numbers(board, snapshot)

Must never know: SQL, etcd's protocol.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aisix.store.config_state import ConfigState, LoadRecord, rejected_rows
from aisix.store.etcd import board as cells
from aisix.store.etcd.board import Board
from aisix.store.etcd.copy import CopyFacts
from aisix.store.etcd.emptied import EMPTIED
from aisix.store.etcd.judge import IGNORED
from aisix.store.resources import timestamp
from aisix.store.snapshot import Snapshot

TOLD_SECS = 3.0  # a failover takes less; then it is an outage, and told


def away(board: Board, facts: CopyFacts) -> str | None:
    """Why the copy does not follow; None: it does, or has been away for a moment only."""
    if board.connected:
        return board.text or None  # a key that is not here
    if facts.emptied_since is not None:
        return f"{EMPTIED}, since {timestamp(facts.emptied_since)}"
    age = board.age
    if board.alive and (age is None or age < TOLD_SECS) and not board.text:
        return None
    if not board.alive and age is not None and age < TOLD_SECS:
        return None
    serves = "nothing was read yet"
    if age is not None:
        serves = f"what was read at {timestamp(int(board.get(cells.AS_OF)))} serves"
    why = board.text if board.alive else "the follower does not run"
    return f"etcd is away: {why}; {serves}"


def _fields(partial: Mapping[str, Sequence[str]], known: bool) -> dict[str, list[str]]:
    """{"models/a": fields} of those that the original knows, or of those that nobody does."""
    found = {
        name: [one.removeprefix(IGNORED) for one in fields if one.startswith(IGNORED) == known]
        for name, fields in partial.items()
    }
    return {name: fields for name, fields in found.items() if fields}


def status(
    board: Board, facts: CopyFacts, partial: Mapping[str, Sequence[str]]
) -> dict[str, object]:
    """Where it stands, and how old that is. partial: fields of documents that are passed over."""
    since = facts.emptied_since
    refused = None if since is None else {"since": timestamp(since), "why": EMPTIED}
    return {
        "connected": board.connected,
        "age_seconds": None if board.age is None else round(board.age, 3),
        "revision": facts.revision,
        "observed_revision": int(board.get(cells.OBSERVED)),
        "cluster_id": facts.cluster_id or None,
        "secrets_in_clear": facts.in_clear,
        "partially_compatible": _fields(partial, known=False),
        "ignored": _fields(partial, known=True),
        "not_enforced": LoadRecord.decoded(facts.loaded).not_served,
        "clock_offset_seconds": round(board.get(cells.CLOCK_OFF), 1),
        "import_under_way": bool(board.get(cells.OPEN_BATCH)),
        "import_broke_off": facts.broke_off,
        "not_registered": board.note or None,
        "refused": refused,
        "last_error": board.text or None,
    }


def numbers(board: Board, snapshot: Snapshot) -> dict[tuple[str, ...], float]:
    """{(metric, labels...): value}"""
    found: dict[tuple[str, ...], float] = {
        (*key,): float(number) for key, number in board.counts.items()
    }
    age = board.age
    found["aisix_config_age_seconds",] = -1.0 if age is None else age
    found["aisix_clock_offset_seconds",] = board.get(cells.CLOCK_OFF)
    found["aisix_config_revision",] = float(snapshot.revision)
    for one in snapshot.quarantined:
        key = ("aisix_config_refused", one.kind)
        found[key] = found.get(key, 0.0) + 1.0
    return found


def config_state(board: Board, facts: CopyFacts, snapshot: Snapshot) -> ConfigState:
    """What became of what etcd has."""
    record = LoadRecord.decoded(facts.loaded)
    record.observed_at = board.get(cells.AS_OF) or record.observed_at
    return ConfigState(
        "etcd",
        record,
        (*rejected_rows(snapshot.quarantined), *record.rejected),
        ready=bool(facts.cluster_id),
        connected=board.connected,
        observed_revision=max(int(board.get(cells.OBSERVED)), facts.revision),
        applied_revision=facts.revision,
    )
