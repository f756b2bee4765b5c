"""What happens to a cluster, one at a time; each comes back when it is over and what was broken is
put right, not when all is well again.

`long`: outages last, and every gateway is restarted in turn; else one of them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos.callers import ALIAS
from tests.cluster.limited import MANY, NODES, LimitedKey
from tests.cluster.world import PREFIX, World
from tests.running import until

HELD = "chaos 999999 silent_inside"  # begins, and never ends
EXCHANGES = 30  # that must go by, for something to have happened
LOST_ROUNDS = 3
DEAF_SECS = 6.0  # more than a gateway looks for the outcome of a write
LONG_OUTAGE = 15.0  # s, of etcd without a quorum


@dataclass
class Happening:
    """What is known of one event beside what callers and writers saw. dead: when the killed gateway
    was gone; survivors: the others; in_flight: requests under way just before."""

    key: LimitedKey
    long: bool = False
    dead: float = 0.0
    in_flight: int = 0
    survivors: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    outage_key: LimitedKey | None = None
    wrong: list[str] = field(default_factory=list)


def calm(world: World, now: Happening) -> None:
    world.load.more(EXCHANGES)
    world.acks(10)


def member_killed(world: World, now: Happening) -> None:
    leader = world.etcd.leader()
    member = next(one for one in world.etcd.members if one is not leader)
    member.kill()
    _goes_on(world)
    member.start()


def leader_killed(world: World, now: Happening) -> None:
    leader = world.etcd.leader()
    leader.kill()
    _goes_on(world)
    leader.start()


def leader_stopped(world: World, now: Happening) -> None:
    leader = world.etcd.leader()
    leader.stop()
    _goes_on(world)
    leader.cont()


def leader_unreachable(world: World, now: Happening) -> None:
    """For the gateways; the members reach each other."""
    cuts = world.member_cuts(world.etcd.leader())
    for cut in cuts:
        cut.blackhole()
    _goes_on(world)
    for cut in cuts:
        cut.heal()


def replies_lost(world: World, now: Happening) -> None:
    """What a node asks of etcd is done, the answers do not come, and the connections end: each has
    to find out what became of its writes. The last has nobody to ask for so long that it cannot."""
    ledger = world.ledger
    for number, cuts in enumerate(LOST_ROUNDS * world.cuts, 1):
        open_, end = ledger.unresolved, time.monotonic() + DEAF_SECS
        for cut in cuts:
            cut.deaf()
        world.load.more(EXCHANGES)
        if number == LOST_ROUNDS * len(world.cuts):
            while ledger.unresolved == open_ and time.monotonic() < end:
                world.load.more(1)
        for cut in cuts:
            cut.reset()
            cut.heal()
        world.acks(3)


def quorum_lost(world: World, now: Happening) -> None:
    leader = world.etcd.leader()
    gone = [leader, next(one for one in world.etcd.members if one is not leader)]
    for member in gone:
        member.kill()
    dead = time.monotonic()
    until(lambda: not any(world.status(g, "store").get("connected") for g in world.gateways))
    refused = world.ledger.counted["refused"]
    end = time.monotonic() + (LONG_OUTAGE if now.long else 0)
    world.load.more(EXCHANGES)
    until(lambda: world.ledger.counted["refused"] > refused)
    while time.monotonic() < end:
        world.load.more(1)
    if world.ledger.acked_since(dead):
        now.wrong.append("writes were acknowledged without a quorum")
    back = time.monotonic()
    for member in gone:
        member.start(wait=False)
    for member in gone:
        member.wait()
    world.acks(1)
    now.notes.append(f"written again {time.monotonic() - back:.1f} s after the members started")


def etcd_gone(world: World, now: Happening) -> None:
    """All of it, and a node is restarted meanwhile: it serves from its copy, as the others do."""
    gateway = world.gateways[1]
    before = world.status(gateway, "store")["revision"]
    for member in world.etcd.members:
        member.kill()
    dead, refused = time.monotonic(), world.ledger.counted["refused"]
    until(lambda: not any(world.status(g, "store").get("connected") for g in world.gateways))
    world.restart(gateway, alone=True)
    store, limits = world.status(gateway, "store"), world.status(gateway, "limits")
    if store["connected"] or store["revision"] < before or not limits["up"]:
        now.wrong.append(f"restarted without etcd: {store} {limits}, before it was {before}")
    if limits["share"] != f"1/{NODES}":
        now.wrong.append(f"restarted without etcd it has {limits['share']} of limits")
    world.load.more(EXCHANGES)
    until(lambda: world.ledger.counted["refused"] > refused)
    if world.ledger.acked_since(dead):
        now.wrong.append("writes were acknowledged without etcd")
    for member in world.etcd.members:
        member.start(wait=False)
    for member in world.etcd.members:
        member.wait()
    world.acks(1)


def redis_killed(world: World, now: Happening) -> None:
    world.redis.kill()
    _by_shares(world, now)
    now.key.lives += 1  # it keeps nothing
    world.redis.start()


def redis_stopped(world: World, now: Happening) -> None:
    world.redis.stop()
    _by_shares(world, now)
    world.redis.cont()


def redis_unreachable(world: World, now: Happening) -> None:
    world.redis_cut.blackhole()
    _by_shares(world, now)
    world.redis_cut.heal()


def gateway_killed(world: World, now: Happening) -> None:
    """With the only place of a key held there: it comes back."""
    victim, other = world.gateways[0], world.gateways[1]
    key = world.new_key(f"place-{now.key.id}", MANY, places=1)

    def free() -> bool:
        answer = other.call(_asking("chaos 999998 good"), key.text)
        return answer.status == 200 and "x-aisix-limits" not in answer.headers

    with contextlib.suppress(OSError), victim.streaming(HELD, ALIAS, key.text) as held:
        local = "x-aisix-limits" in held.headers
        if not local and free():
            now.wrong.append("one place was two")
        now.in_flight = len(world.load.under_way)
        world.kill(victim)
        now.dead = time.monotonic()
    now.survivors = [1, 2]
    until(free, "the place of a dead gateway does not come back")
    now.notes.append(f"its place back after {time.monotonic() - now.dead:.1f} s")
    world.load.more(EXCHANGES)
    world.start(victim)


def rolling_restart(world: World, now: Happening) -> None:
    for gateway in world.gateways if now.long else world.gateways[1:2]:
        world.restart(gateway)


def compacted_under_a_cut(world: World, now: Happening) -> None:
    """A node that is cut off must read all again."""
    cut_off = world.gateways[2]
    for cut in world.cuts[2]:
        cut.blackhole()
    until(lambda: not world.status(cut_off, "store").get("connected"))
    world.acks(3)  # a third of the writes wait in vain, through the node that is cut off
    world.etcd.compact(world.etcd.revision())
    world.load.more(EXCHANGES)
    for cut in world.cuts[2]:
        cut.heal()


def nonsense_put(world: World, now: Happening) -> None:
    key = f"{PREFIX}/models/nonsense"
    world.etcd.put(key, b'{"display_name": ')
    until(lambda: all(world.status(g, "store").get("quarantined") for g in world.gateways))
    world.load.more(EXCHANGES)
    world.etcd.delete(key)
    until(lambda: not any(world.status(g, "store").get("quarantined") for g in world.gateways))


Event = Callable[[World, Happening], None]
EVENTS: tuple[Event, ...] = (
    calm,
    member_killed,
    redis_stopped,
    leader_killed,
    gateway_killed,
    leader_stopped,
    redis_killed,
    leader_unreachable,
    replies_lost,
    rolling_restart,
    compacted_under_a_cut,
    redis_unreachable,
    nonsense_put,
    quorum_lost,
    etcd_gone,
)
OF_REDIS = {redis_killed, redis_stopped, redis_unreachable}


def _goes_on(world: World) -> None:
    world.load.more(EXCHANGES)
    world.acks(10)


def _by_shares(world: World, now: Happening) -> None:
    """Until every gateway counts for itself; then a key that nobody used before has its shares."""
    world.counting_in_redis(False)
    key = now.outage_key
    assert key is not None
    world.limited.key = key
    until(lambda: key.refused_by_share > EXCHANGES)
    world.load.more(EXCHANGES)
    world.limited.key = now.key
    world.load.more(EXCHANGES)


def _asking(text: str) -> dict[str, object]:
    return {"model": ALIAS, "messages": [{"role": "user", "content": text}]}
