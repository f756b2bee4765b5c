"""Kills writers at random moments, hundreds of times if need be: `python -m tests.store.crasher`.

    python -m tests.store.crasher FOLDER ROUNDS SEED

A process that has everything imported forks a writer, which creates, changes and deletes entries
and acknowledges each write over a pipe *after* `update` returned. It is killed (SIGKILL) after a
random time, also in the middle of opening or migrating the database. Then the database is opened
and compared: every acknowledged write must be there; the one that was under way may be or not.
Prints a line of JSON: rounds, acknowledged writes, how many were under way at the kill and in the
database all the same.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sqlite3
import sys
import time
from pathlib import Path

from aisix.store import writes
from aisix.store.base import Store
from aisix.store.opening import open_store

SECRET = "sk-the-secret-of-a-provider-{}"
State = dict[str, str]  # id -> model of the header "x-round"


def write_forever(folder: Path, round: int, pipe: int, state: State, seed: int) -> None:
    """The writer: announces what it is about to do, does it, acknowledges."""
    pick = random.Random(seed)
    store = open_store(folder)
    for number in range(10**6):
        known = sorted(state)
        kind = pick.choice(["create", "create", "change", "delete"]) if known else "create"
        id = f"r{round}-{number}" if kind == "create" else pick.choice(known)
        value = f"{round}.{number}"
        os.write(pipe, json.dumps(["try", kind, id, value]).encode() + b"\n")
        apply(store, kind, id, value)
        os.write(pipe, json.dumps(["done", kind, id, value]).encode() + b"\n")
        follow(state, kind, id, value)


def apply(store: Store, kind: str, id: str, value: str) -> None:
    body = {
        "display_name": id,
        "provider": "p",
        "secret": SECRET.format(value),
        "headers": {"x-round": value},
    }
    now = time.time()
    if kind == "create":
        writes.create(store, "provider_keys", body, now=now, new_id=id)
    elif kind == "change":
        writes.replace(store, "provider_keys", id, body, now=now)
    else:
        writes.delete(store, "provider_keys", id)


def follow(state: State, kind: str, id: str, value: str) -> None:
    if kind == "delete":
        state.pop(id, None)
    else:
        state[id] = value


def stored(folder: Path) -> State:
    """What the database holds; each secret must be the one of its write."""
    store = open_store(folder)
    try:
        found: State = {}
        for entry in store.current().entries("provider_keys"):
            value = entry.document["headers"]["x-round"]
            assert entry.secret == SECRET.format(value), entry.id
            found[entry.id] = value
        assert store.trouble is None
    finally:
        store.close()
    with sqlite3.connect(folder / "aisix.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()
    return found


def one_round(
    folder: Path, round: int, state: State, pick: random.Random
) -> tuple[int, bool, State]:
    """(acknowledged writes, whether the last one was stored unacknowledged, what is stored now)."""
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(out)
        try:
            write_forever(folder, round, into, dict(state), pick.randrange(2**30))
        finally:
            os._exit(1)
    os.close(into)
    told, wanted = b"", round % 4  # with 0, also in the middle of opening the database
    while told.count(b'["done"') < wanted and select.select([out], [], [], 30)[0]:
        told += os.read(out, 1 << 16)
    time.sleep(pick.random() * 0.08)  # the moment is what is tried here
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    while select.select([out], [], [], 5)[0]:
        block = os.read(out, 1 << 16)
        if not block:
            break
        told += block
    os.close(out)
    expected, count, under_way = dict(state), 0, None
    for line in told.split(b"\n")[:-1]:  # what follows the last newline was cut by the kill
        word, *write = json.loads(line)
        if word == "done":
            follow(expected, *write)
            count += 1
            under_way = None
        else:
            under_way = write
    found = stored(folder)
    if found == expected:
        return count, False, found
    assert under_way is not None, f"round {round}: an acknowledged write is lost"
    follow(expected, *under_way)
    assert found == expected, f"round {round}: an acknowledged write is lost"
    return count, True, found


def main(folder: Path, rounds: int, seed: int) -> None:
    pick = random.Random(seed)
    state: State = {}
    acknowledged = unacknowledged = 0
    for round in range(rounds):
        if round % 10 == 0:  # from nothing again: kills while the database is made
            folder = folder.parent / f"{folder.name}-{round}"
            state = {}
        count, extra, state = one_round(folder, round, state, pick)
        acknowledged += count
        unacknowledged += extra
    told = {"rounds": rounds, "acknowledged": acknowledged, "unacknowledged": unacknowledged}
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
