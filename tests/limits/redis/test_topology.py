"""Who takes writes: over TLS, by sentinels through a failover, in a cluster whose slots move."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from aisix.limits.redis.limiter import RedisRateLimiter, probed
from aisix.limits.redis.topology import Unreachable
from aisix.limits.redis.where import RedisWhere
from tests.authority import Authority
from tests.cluster.servers import Redis
from tests.limits.counting import PATIENT, granted, holder, in_redis, until
from tests.running import free_port


def run(work: Coroutine[Any, Any, None]) -> None:
    async def go() -> None:
        async with asyncio.timeout(110):
            await work

    asyncio.run(go())


async def counts(limits: RedisRateLimiter, key: str = "key:1") -> bool:
    return not (await granted(limits, [holder(key, rpd=10**6)])).local


# ---------------------------------------------------------------- alone
def test_over_tls_with_a_certificate_of_ours(tmp_path: Path) -> None:
    authority, strange = Authority(tmp_path / "ca"), Authority(tmp_path / "other")
    cert, key = authority.sign("redis")
    mine, my_key = authority.sign("gateway")
    more = ("--tls-port", "0", "--tls-cert-file", str(cert), "--tls-key-file", str(key),
            "--tls-ca-cert-file", str(authority.file))  # fmt: skip
    tls = {"ca_file": authority.file, "client_cert_file": mine, "client_key_file": my_key}

    async def work(port: int) -> None:
        url = f"rediss://127.0.0.1:{port}"
        async with in_redis(url, where=RedisWhere.of("single", url, **tls)) as limits:
            assert await counts(limits)
        for given in ({}, {**tls, "ca_file": strange.file}):
            with pytest.raises(Unreachable, match="TLS: ") as caught:
                await probed(RedisWhere.of("single", url, **given), PATIENT)
            assert caught.value.operator

    with Redis(tmp_path, more=more) as redis:
        port = free_port()
        redis.call("CONFIG", "SET", "tls-port", str(port))
        run(work(port))


def test_what_answers_and_is_no_redis_is_told(tmp_path: Path) -> None:
    async def work() -> None:
        async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(10)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unreachable, match=f"127.0.0.1:{port}: connection refused or lost"):
            await probed(RedisWhere.of("single", f"redis://127.0.0.1:{port}"), PATIENT)
        server.close()

    run(work())


def test_a_replica_is_not_taken_for_the_master(redis: Redis, tmp_path: Path) -> None:
    async def work(replica: Redis) -> None:
        with pytest.raises(Unreachable, match="READONLY") as caught:
            await probed(RedisWhere.of("single", replica.url), PATIENT)
        assert not caught.value.operator

    with Redis(tmp_path, more=("--replicaof", "127.0.0.1", str(redis.port))) as replica:
        run(work(replica))


# ---------------------------------------------------------------- sentinels
class Sentinel(Redis):
    """One that watches a master, and moves it as soon as it is gone."""

    def __init__(self, folder: Path, master: Redis) -> None:
        super().__init__(folder)
        self._master = master

    def arguments(self) -> Sequence[str]:
        file = self.folder / "sentinel.conf"
        file.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n"
            f"sentinel monitor mine 127.0.0.1 {self._master.port} 1\n"
            "sentinel down-after-milliseconds mine 200\nsentinel failover-timeout mine 2000\n"
        )
        return [str(file), "--sentinel"]


def test_a_failover_by_sentinels_is_followed(tmp_path: Path) -> None:
    async def work(master: Redis, replica: Redis, sentinel: Sentinel) -> None:
        sentinels = ["redis://127.0.0.1:1", f"redis://127.0.0.1:{sentinel.port}"]
        where = RedisWhere.of("sentinel", sentinels=sentinels, master_name="mine")
        async with in_redis("", where=where) as limits:
            assert await counts(limits)
            assert limits.status()["at"] == f"127.0.0.1:{master.port}"
            await until(lambda: b"slave0" in replica_of(master), "there is no replica")
            await until(lambda: int(known(sentinel)[b"num-slaves"]) == 1, "nobody knows of it")
            master.kill()
            await until(lambda: counts(limits), "the new master is not taken up")
            assert limits.status()["at"] == f"127.0.0.1:{replica.port}"
        wrong = RedisWhere.of("sentinel", sentinels=sentinels, master_name="other")
        with pytest.raises(Unreachable, match="knows no master 'other'") as caught:
            await probed(wrong, PATIENT)
        assert caught.value.operator

    def replica_of(master: Redis) -> bytes:
        return bytes(master.call("INFO", "replication"))

    def known(sentinel: Sentinel) -> dict[bytes, bytes]:
        told = sentinel.call("SENTINEL", "MASTER", "mine")
        return dict(zip(told[::2], told[1::2], strict=True))

    with Redis(tmp_path / "a") as master:
        more = ("--replicaof", "127.0.0.1", str(master.port), "--repl-diskless-sync-delay", "0")
        with (
            Redis(tmp_path / "b", more=more) as replica,
            Sentinel(tmp_path / "s", master) as sentinel,
        ):
            run(work(master, replica, sentinel))


# ---------------------------------------------------------------- a cluster
HALF, ALL = 8192, 16384


@contextmanager
def cluster(folder: Path) -> Iterator[list[Redis]]:
    """Two masters, each with half of the slots."""
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(Redis(folder / str(n), more=("--cluster-enabled", "yes")))
            for n in range(2)
        ]
        nodes[0].call("CLUSTER", "ADDSLOTSRANGE", 0, HALF - 1)
        nodes[1].call("CLUSTER", "ADDSLOTSRANGE", HALF, ALL - 1)
        nodes[0].call("CLUSTER", "MEET", "127.0.0.1", nodes[1].port)
        yield nodes


def slot_of(redis: Redis, env: str) -> int:
    return int(redis.call("CLUSTER", "KEYSLOT", f"{{{env}}}"))


def env_in(redis: Redis, fits: Callable[[int], bool]) -> str:
    return next(env for env in map(str, range(1000)) if fits(slot_of(redis, env)))


def test_the_node_with_our_slot_is_found_and_found_again_when_it_moves(tmp_path: Path) -> None:
    async def work(nodes: list[Redis]) -> None:
        first, second = nodes
        for one in nodes:
            await until(lambda one=one: b"cluster_state:ok" in one.call("CLUSTER", "INFO"))
        env = env_in(first, lambda slot: slot >= HALF)
        slot = slot_of(first, env)
        where = RedisWhere.of("cluster", nodes=["redis://127.0.0.1:1", first.url])
        key = [holder(rpd=1000, concurrency=999), holder("model:1", rpd=1000)]
        counted = 0

        async def count() -> bool:
            """Whether Redis counted one more."""
            nonlocal counted
            found = await granted(limits, key)
            counted += not found.local
            assert found.local or {one.most - one.left for one in found.levels} == {counted}
            return not found.local

        async with in_redis("", where=where, env=env) as limits:
            for _ in range(5):
                assert await count()
            assert limits.status()["at"] == f"127.0.0.1:{second.port}"
            names = [one.call("CLUSTER", "MYID").decode() for one in nodes]
            first.call("CLUSTER", "SETSLOT", slot, "IMPORTING", names[1])
            second.call("CLUSTER", "SETSLOT", slot, "MIGRATING", names[0])
            assert await count(), "the keys are still where they were"
            keys = second.call("CLUSTER", "GETKEYSINSLOT", slot, 99)
            second.call("MIGRATE", "127.0.0.1", first.port, "", 0, 5000, "KEYS", *keys)
            await until(count, "the other node is not asked")
            assert limits.status()["up"], "it is no outage"
            for one in (first, second):
                one.call("CLUSTER", "SETSLOT", slot, "NODE", names[0])

            async def moved() -> bool:
                return await count() and limits.status()["at"] == f"127.0.0.1:{first.port}"

            await until(moved)

    with cluster(tmp_path) as nodes:
        run(work(nodes))


def test_a_cluster_that_is_taken_for_a_single_one_is_told(tmp_path: Path) -> None:
    async def work(nodes: list[Redis]) -> None:
        for one in nodes:
            await until(lambda one=one: b"cluster_state:ok" in one.call("CLUSTER", "INFO"))
        at = nodes[0] if slot_of(nodes[0], "_") >= HALF else nodes[1]
        with pytest.raises(Unreachable, match=r"it is a cluster: ratelimit\.redis\.mode") as caught:
            await probed(RedisWhere.of("single", at.url), PATIENT)
        assert caught.value.operator

    with cluster(tmp_path) as nodes:
        run(work(nodes))
