"""Admin writers with an exact ledger, and what each write took to be seen on the other nodes.

A write that is acknowledged is `sure`; one whose answer says that it may still take effect, or
whose gateway died under it, is `open`, and nobody touches that resource again. A 503 that says that
nothing was written must mean it.
"""

from __future__ import annotations

import http.client
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.running import Answer, Running

Mark = int | None  # what of a resource is compared; None: it is not there
LEFT = (OSError, http.client.HTTPException, ValueError)
FEW = 30  # resources of one writer
PACE = 0.08  # s between two writes
SEEN_SECS = 15.0  # how long a probe waits for the other nodes
LOOK = 0.003
MAYBE = ("may still take effect", "written to etcd")


class Ledger:
    """What all writers did. acks: when (time.monotonic()), of each acknowledged write."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.sure: dict[str, Mark] = {}  # models, by display name
        self.open: dict[str, Mark] = {}
        self.acks: list[float] = []
        self.unresolved = 0
        self.counted: Counter[str] = Counter()
        self.odd: list[str] = []
        self.why_open: list[str] = []
        self.seen: list[tuple[float, float]] = []  # when, and after how many seconds
        self.unseen = 0

    def write(self, gateway: Running, method: str, path: str, body: Any) -> Answer | None:
        """Acknowledged: the answer. A write that did nothing: None. LEFT, TimeoutError: open."""
        try:
            answer = gateway.admin(method, path, body)
        except ConnectionRefusedError:
            self.counted["not there"] += 1
            return None
        if answer.status in (200, 201):
            with self.lock:
                self.acks.append(time.monotonic())
            return answer
        text = answer.error["message"] if answer.status >= 400 else ""
        if answer.status == 503 and "nothing was written" in text:
            self.counted["refused"] += 1
        elif answer.status == 503 and any(words in text for words in MAYBE):
            raise TimeoutError(text)
        elif answer.status == 404 and method == "DELETE":
            self.counted["not seen yet"] += 1
        else:
            self.odd.append(f"{method} {path}: {answer.status} {answer.body!r}")
        return None

    def gap(self, begin: float, end: float) -> float:
        """The longest time without an acknowledged write, in seconds."""
        with self.lock:
            inside = [at for at in self.acks if begin <= at <= end]
        times = [begin, *inside, end]
        return max(b - a for a, b in itertools.pairwise(times))

    def faults(self, stored: dict[str, list[Mark]]) -> list[str]:
        """What of `stored` (models by display name) is not as it was acknowledged."""
        found = []
        for name in sorted(self.sure.keys() | self.open.keys() | stored.keys()):
            here: list[Mark] = stored.get(name, [])
            if len(here) > 1:
                found.append(f"{name} is there {len(here)} times")
            mark = here[0] if here else None
            allowed = {self.sure.get(name)} | ({self.open[name]} if name in self.open else set())
            if mark not in allowed:
                found.append(f"{name}: {mark}, not one of {allowed}")
        return found


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
        if self.done("PUT", f"models/{name}", name, number):
            self._ids[name] = name

    def post(self, number: int, own: list[str]) -> None:
        name = f"{self.lane}-{number}"
        if answer := self.done("POST", "models", name, number):
            self._ids[name] = str(answer.json["id"])

    def change(self, number: int, own: list[str]) -> None:
        name = self.pick.choice(own)
        self.done("PUT", f"models/{self._ids[name]}", name, number)

    def delete(self, number: int, own: list[str]) -> None:
        name = self.pick.choice(own)
        if self.done("DELETE", f"models/{self._ids[name]}", name, None):
            del self._ids[name]

    def done(
        self, method: str, path: str, name: str, mark: Mark, gateway: Running | None = None
    ) -> Answer | None:
        body = None
        if mark is not None:
            body = {"display_name": name, "provider": "anthropic", "timeout": mark}
            body |= {"provider_key_id": self._provider_key, "model_name": "claude-opus-5-5"}
        try:
            answer = self.ledger.write(
                gateway or self.pick.choice(self.gateways), method, path, body
            )
        except LEFT as error:
            with self.ledger.lock:
                self.ledger.open[name] = mark
                self.ledger.unresolved += 1
                self.ledger.why_open.append(f"{method} {path}: {type(error).__name__} {error}")
            return None
        if answer is not None:
            with self.ledger.lock:
                if mark is None:
                    self.ledger.sure.pop(name, None)
                else:
                    self.ledger.sure[name] = mark
        return answer


class Probe(Writer):
    """Writes one thing again and again, and looks when the other nodes have it."""

    def step(self, number: int) -> None:
        name = f"{self.lane}-{len(self.ledger.open)}"  # another, where this one became open
        at = self.pick.randrange(len(self.gateways))
        answer = self.done("PUT", f"models/{name}", name, number, self.gateways[at])
        if answer is None:
            return
        began = time.monotonic()
        rest = [gateway for gateway in self.gateways if gateway is not self.gateways[at]]
        while rest and not self.over.is_set():
            rest = [gateway for gateway in rest if not self.sees(gateway, name, number)]
            took = time.monotonic() - began
            if took > SEEN_SECS:
                self.ledger.unseen += 1
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
