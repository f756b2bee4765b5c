"""An exact ledger beside a gateway that is killed again and again.

    python -m tests.store.ledger --rounds 300

Several writers use the admin API of a gateway of several workers: they create, change, disable,
rotate and delete, also with all that refers to it. At a random moment SIGKILL ends one worker, the
parent or all of them. Then what is stored is compared with what was answered: each acknowledged
write is there exactly, each that was under way is there whole or not at all, a revoked key opens
nothing, and callers were served by the last good content meanwhile.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import http.client
import json
import os
import random
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.running import Answer, Running, send, until

Key = tuple[str, str]  # kind, id
Mark = Any  # what of a resource is compared; None: it is not there
SOME = "a hash that only the lost answer told"
WAYS = ("worker", "worker", "worker", "all", "parent")
KINDS = ("provider_keys", "models", "apikeys")
LEFT = (OSError, http.client.HTTPException, ValueError)  # it was killed: no answer, or half of one
FEW = 40  # resources of one writer
QUICK = {"shutdown": {"min_drain_secs": 0, "max_drain_secs": 1, "idle_grace_ms": 0}}


def hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def mark(kind: str, value: dict[str, Any]) -> Mark:
    if kind == "provider_keys":
        return value["headers"]["x-mark"]
    if kind == "models":
        return value["timeout"]
    return value["key_hash"], value["disabled"]


class Writer(threading.Thread):
    """One at a time, each on resources of its own. `sure`: as answered; `open`: not answered."""

    def __init__(self, gateway: Running, name: str, seed: int, sure: dict[Key, Mark]) -> None:
        super().__init__()
        self.gateway, self.lane, self.pick = gateway, name, random.Random(seed)
        self.sure, self.open = sure, dict[Key, Mark]()
        self.stop, self.answered, self.odd = threading.Event(), Counter[str](), list[str]()
        self.texts: dict[str, str] = {}  # of api keys whose text we know, by hash

    def run(self) -> None:
        for number in range(10**6):
            if self.stop.is_set():
                return
            own = [key for key in self.sure if key not in self.open]
            ways: list[Callable[[int, list[Key]], None]] = [self.create]
            if own:
                ways = [self.change, self.delete, *([self.create] if len(own) < FEW else [])]
            try:
                self.pick.choice(ways)(number, own)
            except LEFT:
                time.sleep(0.01)  # it is down: not too many attempts meanwhile

    def create(self, number: int, own: list[Key]) -> None:
        id, kind = f"{self.lane}-{number}", self.pick.choice(KINDS)
        if kind == "provider_keys":
            body: dict[str, Any] = {"provider": "anthropic", "secret": f"sk-secret-of-{id}"}
            body |= {"display_name": id, "headers": {"x-mark": id}}
            if self.write("create", "PUT", f"{kind}/{id}", body, {(kind, id): id}):
                self.model(f"{id}-m", id)  # goes along when the provider key is deleted
        elif kind == "models":
            self.model(id, "base")
        else:
            text = f"sk-text-of-{id}"
            self.texts[hashed(text)] = text
            body = {"display_name": id, "key_hash": hashed(text), "allowed_models": ["*"]}
            self.write("create", "PUT", f"{kind}/{id}", body, {(kind, id): (hashed(text), False)})

    def model(self, id: str, provider_key: str) -> None:
        body = {"display_name": id, "provider": "anthropic", "model_name": "claude-opus-5-5"}
        body |= {"provider_key_id": provider_key}
        more = {"timeout": (wanted := self.pick.randrange(10**6))}
        self.write("create", "PUT", f"models/{id}", {**body, **more}, {("models", id): wanted})

    def change(self, number: int, own: list[Key]) -> None:
        kind, id = self.pick.choice(own)
        if kind == "provider_keys":
            body: dict[str, Any] = {"headers": {"x-mark": f"{id}.{number}"}}
            self.write("change", "PATCH", f"{kind}/{id}", body, {(kind, id): f"{id}.{number}"})
        elif kind == "models":
            self.write("change", "PATCH", f"{kind}/{id}", {"timeout": number}, {(kind, id): number})
        elif self.pick.random() < 0.5:
            wanted = (self.sure[kind, id][0], True)
            self.write("disable", "PATCH", f"{kind}/{id}", {"disabled": True}, {(kind, id): wanted})
        else:
            off = self.sure[kind, id][1]
            done = self.write(
                "rotate", "POST", f"{kind}/{id}/rotate", {}, {(kind, id): (SOME, off)}
            )
            if done is not None:
                text = done.json["key"]
                self.texts[hashed(text)] = text
                self.sure[kind, id] = hashed(text), off

    def delete(self, number: int, own: list[Key]) -> None:
        kind, id = self.pick.choice(own)
        gone: dict[Key, Mark] = {(kind, id): None}
        path = f"{kind}/{id}"
        if kind == "provider_keys":
            along = ("models", f"{id}-m")
            if along in self.open:
                return
            gone |= {along: None} if along in self.sure else {}
            path += "?cascade=true"
        self.write("delete", "DELETE", path, None, gone)

    def write(
        self, what: str, method: str, path: str, body: Any, after: dict[Key, Mark]
    ) -> Answer | None:
        self.open |= after
        done = self.gateway.admin(method, path, body)
        if done.status == 503 and "busy" in done.error["message"]:
            self.answered["refused, busy"] += 1
            for key in after:
                del self.open[key]  # and nothing was written, which is held too
            return None
        if done.status not in (200, 201):
            self.odd.append(f"{method} {path}: {done.status} {done.body!r}")
            return None
        self.answered[what] += 1
        for key, wanted in after.items():
            del self.open[key]
            if wanted is None:
                self.sure.pop(key, None)
            else:
                self.sure[key] = wanted
        return done


class Caller(threading.Thread):
    """Calls with a key that nobody touches, as long as somebody answers."""

    def __init__(self, gateway: Running) -> None:
        super().__init__()
        self.gateway, self.stop, self.statuses = gateway, threading.Event(), Counter[int]()

    def run(self) -> None:
        while not self.stop.is_set():
            with contextlib.suppress(*LEFT):
                self.statuses[asked(self.gateway, "sk-of-the-caller")] += 1


def asked(gateway: Running, key: str) -> int:
    headers = {"Authorization": f"Bearer {key}"}
    return send(gateway.proxy_port, "GET", "/v1/models", None, headers).status


def everything(gateway: Running) -> dict[Key, Mark]:
    found: dict[Key, Mark] = {}
    for kind in KINDS:
        cursor = "0"
        while cursor is not None:
            page = gateway.admin("GET", f"{kind}?limit=1000&cursor={cursor}").json
            for item in page["items"]:
                if item["id"] not in ("base", "caller"):
                    found[kind, item["id"]] = mark(kind, item["value"])
            cursor = page["next_cursor"]
    return found


def kill(gateway: Running, way: str, pick: random.Random) -> None:
    """One of the ways; afterwards a gateway serves again."""
    workers = gateway.worker_pids
    if way == "worker":
        with contextlib.suppress(ProcessLookupError):
            os.kill(pick.choice(workers), signal.SIGKILL)
        return
    if way == "all":
        os.killpg(gateway.process.pid, signal.SIGKILL)
    else:
        os.kill(gateway.process.pid, signal.SIGKILL)
    gateway.process.wait(30)
    until(lambda: not any(lives(pid) for pid in workers), "workers without a parent go on")


def again(gateway: Running) -> None:
    """Started, however long a busy machine takes for that."""
    with contextlib.suppress(AssertionError):
        gateway.start()
        return
    assert gateway.process.poll() is None, gateway.log
    until(lambda: answers(gateway), "it does not answer")


def answers(gateway: Running) -> bool:
    try:
        return send(gateway.proxy_port, "GET", "/livez").status == 200
    except LEFT:
        return False


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def one_round(
    gateway: Running, round: int, way: str, sure: dict[Key, Mark], pick: random.Random
) -> tuple[dict[Key, Mark], Counter[str]]:
    """What is stored now, and what was counted."""
    lanes: list[Writer] = []
    for lane in range(3):
        mine = {key: one for key, one in sure.items() if owner(key) == lane}
        lanes.append(Writer(gateway, f"r{round}l{lane}", pick.randrange(2**30), mine))
    caller = Caller(gateway)
    for one in (*lanes, caller):
        one.start()
    enough = pick.randrange(6, 40)  # writes; the moment after them is random by itself
    until(lambda: sum(sum(lane.answered.values()) for lane in lanes) >= enough)
    kill(gateway, way, pick)
    if way == "worker":  # the others go on
        until(lambda: sum(sum(lane.answered.values()) for lane in lanes) > enough + 5)
    for one in (*lanes, caller):
        one.stop.set()
    for one in (*lanes, caller):
        one.join(60)
    if way != "worker":
        gateway.stop()
        again(gateway)
    stored = everything(gateway)
    counted = Counter[str](rounds=1, **{f"killed {way}": 1})
    expected: dict[Key, Mark] = {}
    for lane in lanes:
        assert lane.odd == [] or way == "parent", lane.odd
        expected |= lane.sure
        counted += lane.answered
    under_way = {key: one for lane in lanes for key, one in lane.open.items()}
    for key in stored.keys() | expected.keys() | under_way.keys():
        found = stored.get(key)
        if key in under_way:
            counted["under way"] += 1
            after = under_way[key]
            anew = isinstance(after, tuple) and after[0] == SOME
            whole = found is not None and anew and found[1] == after[1]
            assert found == expected.get(key) or found == after or whole, (round, key, found)
        else:
            assert found == expected.get(key), (round, way, key, found, expected.get(key))
    assert caller.statuses.keys() <= {200}, caller.statuses
    counted["calls"] += caller.statuses[200]
    status = gateway.admin("GET", "status").json["store"]
    assert status["trouble"] is None and status["quarantined"] == []
    opens = {one[0] for key, one in stored.items() if key[0] == "apikeys" and not one[1]}
    texts = [pair for lane in lanes for pair in lane.texts.items()]
    for digest, text in pick.sample(texts, min(12, len(texts))):
        got = asked(gateway, text)
        assert got == 200 if digest in opens else got in (401, 403), (round, text, got)
        counted["keys tried"] += 1
    return stored, counted


def owner(key: Key) -> int:
    """Whose resource it is: a provider key and its model have one owner."""
    return int(hashed(key[1].removesuffix("-m"))[:8], 16) % 3


def main(folder: Path, rounds: int, seed: int, ways: tuple[str, ...] = WAYS) -> Counter[str]:
    pick, total, sure = random.Random(seed), Counter[str](), dict[Key, Mark]()
    with Running(folder, QUICK, workers=2) as gateway:
        base = {"display_name": "base", "provider": "anthropic", "secret": "sk-of-the-base-key"}
        assert gateway.admin("PUT", "provider_keys/base", base).status == 201
        caller = {"key_hash": hashed("sk-of-the-caller"), "allowed_models": ["*"]}
        assert gateway.admin("PUT", "apikeys/caller", caller).status == 201
        for round in range(rounds):
            way = ways[round % len(ways)]
            sure, counted = one_round(gateway, round, way, sure, pick)
            total += counted
            if (round + 1) % 5 == 0:
                print(json.dumps(total), file=sys.stderr, flush=True)
        assert gateway.bugs == [], gateway.bugs
    with contextlib.closing(sqlite3.connect(folder / "data" / "aisix.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return total


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        print(json.dumps(main(Path(made) / "gateway", given.rounds, given.seed)))
