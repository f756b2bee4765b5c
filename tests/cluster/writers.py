"""Admin writers with an exact ledger, who contends with the others for one document, and who looks
what each write took to be seen on the other nodes.
"""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections.abc import Sequence

from tests.cluster.ledger import Body, Ledger, Stored
from tests.running import Answer, Running

LEFT = (OSError, http.client.HTTPException, ValueError)
FEW = 30  # resources of one writer
PACE = 0.08  # s between two writes
SEEN_SECS = 15.0  # how long a probe waits for the other nodes
LOOK = 0.003
DOUBT_SECS = 0.5  # after which a node that has not seen a write is asked how old its copy is
SURE_SECS = 0.5  # a copy that is said to be newer than a write by so much must have it
CONTENDED = "contended"


class Writer(threading.Thread):
    """Creates, changes and deletes models, one at a time, until `over` is set; each time through
    any of the gateways it is given."""

    def __init__(
        self, ledger: Ledger, gateways: Sequence[Running], name: str, provider_key: str
    ) -> None:
        super().__init__(daemon=True)
        self.ledger, self.gateways, self.lane = ledger, gateways, name
        self.pick, self.over = random.Random(name), threading.Event()
        self._provider_key, self._ids = provider_key, dict[str, str]()
        self.bug = ""

    def run(self) -> None:
        try:
            number = 0
            while not self.over.wait(self.pick.random() * 2 * PACE):
                number += 1
                self.step(number)
        except Exception as error:
            self.bug = repr(error)

    def step(self, number: int) -> None:
        own = [name for name in self._ids if name not in self.ledger.open]
        ways = [self.create, self.post] if len(own) < FEW else []
        ways += [self.change, self.change, self.delete] if own else []
        self.pick.choice(ways)(number, own)

    def create(self, number: int, own: list[str]) -> None:
        name = f"{self.lane}-{number}"
        if self.done("PUT", f"models/{name}", name, self.body(name, number)):
            self._ids[name] = name

    def post(self, number: int, own: list[str]) -> None:
        name = f"{self.lane}-{number}"
        if answer := self.done("POST", "models", name, self.body(name, number)):
            self._ids[name] = str(answer.json["id"])

    def change(self, number: int, own: list[str]) -> None:
        name = self.pick.choice(own)
        self.done("PUT", f"models/{self._ids[name]}", name, self.body(name, number))

    def delete(self, number: int, own: list[str]) -> None:
        name = self.pick.choice(own)
        if self.done("DELETE", f"models/{self._ids[name]}", name, None):
            del self._ids[name]

    def body(self, name: str, number: int) -> Body:
        """A whole document that no other write has."""
        body = {"display_name": name, "provider": "anthropic", "timeout": number}
        body |= {"provider_key_id": self._provider_key, "model_name": f"{name}-at-{number}"}
        return body | {"rate_limit": {"rpm": number}, "retries": number % 4}

    def done(
        self,
        method: str,
        path: str,
        name: str,
        body: Body | None,
        gateway: Running | None = None,
    ) -> Answer | None:
        gateway, ledger = gateway or self.pick.choice(self.gateways), self.ledger
        try:
            answer = ledger.write(gateway, method, path, body)
        except LEFT as error:
            with ledger.lock:
                ledger.open[name] = body
                ledger.left_open(f"{method} {path}", error)
            return None
        if answer is not None:
            with ledger.lock:
                if body is None:
                    ledger.sure.pop(name, None)
                else:
                    ledger.sure[name] = made = Stored.of(answer.json)
                    if not made.has(body):
                        ledger.odd.append(f"{method} {path}: {made}, sent was {body}")
        return answer


class Contender(Writer):
    """Reads the contended document somewhere, and raises its number by one somewhere else."""

    def step(self, number: int) -> None:
        path, ledger = f"models/{CONTENDED}", self.ledger
        try:
            read = self.pick.choice(self.gateways).admin("GET", path)
        except LEFT:
            return
        if read.status != 200:
            ledger.odd.append(f"GET {path}: {read.status} {read.body!r}")
            return
        raised = read.json["value"]["timeout"] + 1
        body, gateway = self.body(CONTENDED, raised), self.pick.choice(self.gateways)
        try:
            answer = ledger.write(gateway, "PUT", path, body, If_Match=read.headers["etag"])
        except LEFT as error:
            with ledger.lock:
                ledger.contended.maybe.add(raised)
                ledger.left_open(f"PUT {path}", error)
            return
        if answer is not None:
            with ledger.lock:
                ledger.contended.raised[raised] += 1
                if not Stored.of(answer.json).has(body):
                    ledger.odd.append(f"PUT {path}: {answer.body!r}, sent was {body}")


class Probe(Writer):
    """Writes one thing again and again, and looks when the other nodes have it."""

    def step(self, number: int) -> None:
        name = f"{self.lane}-{len(self.ledger.open)}"  # another, where this one became open
        at = self.pick.randrange(len(self.gateways))
        body = self.body(name, number)
        answer = self.done("PUT", f"models/{name}", name, body, self.gateways[at])
        if answer is None:
            return
        began, acked = time.monotonic(), time.time()
        rest = [gateway for gateway in self.gateways if gateway is not self.gateways[at]]
        while rest and not self.over.is_set():
            rest = [gateway for gateway in rest if not self.sees(gateway, name, number)]
            took = time.monotonic() - began
            for gateway in rest if took > DOUBT_SECS else ():
                self.doubt(gateway, name, number, acked)
            if took > SEEN_SECS:
                self.ledger.counted["cut off"] += len(rest)
                return
            if rest:
                time.sleep(LOOK)
        if not rest:
            self.ledger.seen.append((began, time.monotonic() - began))

    def sees(self, gateway: Running, name: str, number: int) -> bool:
        try:
            answer = gateway.admin("GET", f"models/{name}")
        except LEFT:
            return True  # it is down, and will have it when it is back
        return answer.status == 200 and answer.json["value"]["timeout"] >= number

    def doubt(self, gateway: Running, name: str, number: int, acked: float) -> None:
        """A node may be behind, and then says so: what it serves is as old as it says at most."""
        asked = time.time()
        try:
            store = gateway.admin("GET", "status").json["store"]
            age = store["age_seconds"]
        except (*LEFT, LookupError):
            return
        as_of = asked - age if age is not None else 0.0
        if as_of > acked + SURE_SECS and not self.sees(gateway, name, number):
            told = f"a copy {as_of - acked:.1f} s newer than a write of {name}, and has it not"
            held = f"it serves {store['revision']} and observed {store['observed_revision']}"
            self.ledger.unseen.append(f"{gateway.folder.name} says it has {told}: {held}")
