"""A whole cluster of the tests: gateways, three etcd members, one Redis, HAProxy, callers, writers.

Between each gateway and each member, and before Redis, is a proxy that can cut.
"""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.chaos import callers
from tests.cluster.balancers import HAProxy
from tests.cluster.cut import Cut
from tests.cluster.ledger import Ledger
from tests.cluster.limited import MANY, NODES, LimitedCallers, LimitedKey, LiveNodes
from tests.cluster.load import Load
from tests.cluster.servers import Etcd, Member, Redis, after, b64
from tests.cluster.writers import CONTENDED, Contender, Probe, Writer
from tests.running import Running, send, until
from tests.store.etcd.following import KEY

PREFIX = "/aisix"
LEASE = 3  # s: places of a gateway that died
DRAIN = 3  # s: HAProxy asks every 500 ms and believes the second no, and a second
WRITE_MS = 2500  # until a write whose outcome cannot be learned says so
CONTENDERS = 3
LATE_MS = 500  # for an answer of Redis: this machine does more than serve
LATER = (OSError, ValueError, KeyError)  # a gateway that is not there, or not yet


class World:
    """`with World(folder, workers) as world`: all of it runs, and callers have begun."""

    def __init__(self, folder: Path, workers: int, callers: int, writers: int) -> None:
        self.folder, self._workers = folder, workers
        self._callers, self._writers = callers, writers

    def __enter__(self) -> World:
        with ExitStack() as stack:
            self._begin(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        for gateway in self.gateways:
            gateway.process.terminate()  # the second SIGTERM waits for nobody
        self._stack.close()

    def _begin(self, stack: ExitStack) -> None:
        enter = stack.enter_context
        self.etcd = enter(Etcd(self.folder / "etcd", members=3))
        self.redis = enter(Redis(self.folder))
        self.redis_cut = enter(Cut(self.redis.port))
        self.load = enter(Load(self._callers))
        members = self.etcd.members
        self.cuts = [[enter(Cut(member.port)) for member in members] for _ in range(NODES)]
        self.gateways: list[Running] = []
        for number in range(NODES):
            gateway = Running(
                self.folder / f"node-{number}", self._settings(number), workers=self._workers
            )
            self.gateways.append(gateway)
        with ThreadPoolExecutor(NODES) as pool:
            begun = [pool.submit(enter, gateway) for gateway in self.gateways]
        for one in begun:
            one.result()
        models = {callers.ALIAS: {"model_name": "claude-opus-5-5"}}
        provider_key = self.gateways[0].set_up(self.load.url, models)
        self.gateways[0].allow(callers.ALIAS)
        self.balancer = enter(HAProxy(self.folder, [one.proxy_port for one in self.gateways]))
        until(lambda: all(self.well(one) for one in self.gateways), "not all are well")
        self.ledger, self.written_before = Ledger(), self.guard_version()
        self.live = LiveNodes(self.etcd, f"/x{PREFIX}/nodes/")
        self.live.start()
        stack.callback(self.live.over.set)
        self.limited = LimitedCallers(self.load)
        self.writers = [
            *(
                Writer(self.ledger, [gateway], f"w{lane}-{gateway.folder.name}", provider_key)
                for lane in range(self._writers)
                for gateway in self.gateways
            ),
            *(
                Contender(self.ledger, self.gateways, f"c{lane}", provider_key)
                for lane in range(CONTENDERS)
            ),
            Probe(self.ledger, self.gateways, "probe", provider_key),
        ]
        body = self.writers[0].body(CONTENDED, 0)
        assert self.ledger.write(self.gateways[0], "PUT", f"models/{CONTENDED}", body)
        for gateway in self.gateways:
            until(lambda g=gateway: g.admin("GET", f"models/{CONTENDED}").status == 200)  # type: ignore[misc]
        stack.callback(self.end_writers)
        for writer in self.writers:
            writer.start()
        self.load.run(self.balancer.port)

    def _settings(self, number: int) -> dict[str, Any]:
        endpoints = [f"http://127.0.0.1:{cut.port}" for cut in self.cuts[number]]
        return {
            "node_id": f"node-{number}",
            "etcd": {"endpoints": endpoints, "prefix": PREFIX, "request_timeout_ms": WRITE_MS},
            "encryption_key": KEY,
            "ratelimit": {
                "backend": "redis",
                "redis": {"url": f"redis://127.0.0.1:{self.redis_cut.port}"},
                "timeout_ms": LATE_MS,
                "concurrency_ttl_secs": LEASE,
            },
            "shutdown": {"min_drain_secs": DRAIN, "max_drain_secs": 40},
            "upstream": {"retries": 0},
        }

    def end_writers(self) -> None:
        for writer in self.writers:
            writer.over.set()
        for writer in self.writers:
            writer.join(60)
            assert not writer.is_alive(), "a writer hangs"

    # ------------------------------------------------------------------ how it is
    def status(self, gateway: Running, part: str) -> dict[str, Any]:
        """Of the status; {} where nobody answers."""
        with contextlib.suppress(LATER):
            return dict(gateway.admin("GET", "status").json[part])
        return {}

    def ready(self, gateway: Running) -> bool:
        """It serves."""
        with contextlib.suppress(LATER):
            return send(gateway.proxy_port, "GET", "/readyz").status == 200
        return False

    def well(self, gateway: Running) -> bool:
        """It serves, follows etcd, counts in Redis and knows of the others."""
        with contextlib.suppress(LATER):
            store, limits = self.status(gateway, "store"), self.status(gateway, "limits")
            known = limits["share"] == f"1/{NODES}"
            return bool(store["connected"] and limits["up"] and known and self.ready(gateway))
        return False

    def all_well(self) -> None:
        until(lambda: all(self.well(one) for one in self.gateways), "not all are well again")

    def told(self) -> list[str]:
        """What each gateway says of what it asks."""
        parts = [(one.folder.name, self.status(one, "store"), self.status(one, "limits"))
                 for one in self.gateways]  # fmt: skip
        return [f"{name}: store {store}, limits {limits}" for name, store, limits in parts]

    def counting_in_redis(self, up: bool) -> None:
        """Comes back when all gateways say so."""
        until(lambda: all(self.status(one, "limits").get("up") is up for one in self.gateways))

    def guard_version(self) -> int:
        """How often a write of ours was done, since the beginning."""
        found = self.etcd.call("/v3/kv/range", {"key": b64(f"/x{PREFIX}/guard")}).get("kvs", [])
        return int(found[0]["version"]) if found else 0

    def acks(self, count: int) -> None:
        """Comes back when so many writes were acknowledged from now on."""
        enough = len(self.ledger.acks) + count
        until(lambda: len(self.ledger.acks) >= enough, "writes are not acknowledged")

    def new_key(self, id: str, most: int, places: int = MANY) -> LimitedKey:
        """A limited key that every node knows."""
        key = LimitedKey(id, most, places)

        def there() -> bool:
            try:
                put = self.ledger.write(self.gateways[0], "PUT", f"apikeys/{id}", key.body)
            except LATER:
                self.ledger.unresolved += 1
                return False
            return put is not None

        until(there, "a key cannot be written")
        for gateway in self.gateways:
            until(lambda g=gateway: g.admin("GET", f"apikeys/{id}").status == 200)  # type: ignore[misc]
        return key

    def rows(self, gateway: Running) -> list[tuple[Any, ...]]:
        """What a node's copy has."""
        file = gateway.folder / "data" / "replica.db"
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
            found = "SELECT kind, id, revision, document FROM resources ORDER BY kind, id"
            return db.execute(found).fetchall()

    def equal(self) -> bool:
        """Whether all copies are equal, and have every document of etcd at its revision."""
        first, *others = (self.rows(gateway) for gateway in self.gateways)
        return (
            all(one == first for one in others)
            and {(kind, id): revision for kind, id, revision, _ in first} == self.in_etcd()
        )

    def in_etcd(self) -> dict[tuple[str, str], int]:
        body = {"key": b64(f"{PREFIX}/"), "range_end": b64(after(f"{PREFIX}/")), "keys_only": True}
        found = {}
        for kv in self.etcd.call("/v3/kv/range", body).get("kvs", []):
            kind, id = base64.b64decode(kv["key"]).decode().split("/")[-2:]
            found["apikeys" if kind == "api_keys" else kind, id] = int(kv["mod_revision"])
        return found

    # ------------------------------------------------------------------ what is done to it
    def member_cuts(self, member: Member) -> list[Cut]:
        at = self.etcd.members.index(member)
        return [of_node[at] for of_node in self.cuts]

    def kill(self, gateway: Running) -> None:
        """kill -9 of all its processes; comes back when the last is gone."""
        pids = [gateway.process.pid, *gateway.worker_pids]
        os.killpg(gateway.process.pid, signal.SIGKILL)
        gateway.process.wait(40)
        until(lambda: not any(lives(pid) for pid in pids))
        gateway.stop()

    def served(self, gateway: Running) -> set[str]:
        return {line["request_id"] for line in gateway.lines}

    def restart(self, gateway: Running, alone: bool = False) -> None:
        """As an operator does: SIGTERM, the new program, and wait until it is ready."""
        gateway.stop(wait=60)
        self.start(gateway, alone)

    def start(self, gateway: Running, alone: bool = False) -> None:
        """alone: without etcd."""
        out = gateway.folder / "out.log"
        before = out.stat().st_size
        gateway.start()
        until(lambda: self.ready(gateway) if alone else self.well(gateway), "it does not serve")
        until(lambda: out.stat().st_size > before, "the balancer does not come back to it")


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
