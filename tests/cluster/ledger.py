"""What all writers of a cluster did, exactly, and what of it a node must have.

A write that is acknowledged is `sure`, whole and with its revision; one whose answer says that it
may still take effect, or whose gateway died under it, is `open`, and nobody touches that resource
again. A 503 that says that nothing was written must mean it.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.running import Answer, Running

Body = dict[str, Any]
MAYBE = ("may still take effect", "written to etcd")


@dataclass(frozen=True)
class Stored:
    """A document as a node tells it, or told it when it acknowledged the write."""

    id: str
    revision: int
    value: Body

    @classmethod
    def of(cls, envelope: Mapping[str, Any]) -> Stored:
        return cls(envelope["id"], envelope["revision"], envelope["value"])

    def has(self, body: Body | None) -> bool:
        """Whether this is what was sent."""
        return body is not None and all(self.value.get(name) == body[name] for name in body)


@dataclass
class Contended:
    """One number in one document, which everybody raises by one with If-Match. raised: which
    numbers were acknowledged, and how often; maybe: those of which nobody knows."""

    raised: Counter[int] = field(default_factory=Counter)
    maybe: set[int] = field(default_factory=set)
    stale: int = 0  # somebody else was faster

    def faults(self, number: int) -> list[str]:
        """What is wrong if the number stands there at the end."""
        twice = sorted(one for one, times in self.raised.items() if times > 1)
        found = [f"an update was lost: {one} was raised from the same state twice" for one in twice]
        newest = max(self.raised, default=0)
        if number < newest:
            found.append(f"an update was lost: {newest} was acknowledged, {number} stands there")
        nobody = set(range(1, number + 1)) - set(self.raised) - self.maybe
        found += [f"nobody raised it to {one}" for one in sorted(nobody)[:3]]
        return found


class Ledger:
    """acks: when (time.monotonic()), of each acknowledged write, and begun: of its beginning; unseen: by which nodes, that said
    they had all; seen: when, and after how many seconds the last of the other nodes had it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.sure: dict[str, Stored] = {}  # models, by display name
        self.open: dict[str, Body | None] = {}  # what was sent; None: a delete
        self.contended = Contended()
        self.acks: list[float] = []
        self.begun: list[float] = []
        self.unresolved = 0
        self.counted: Counter[str] = Counter()
        self.odd: list[str] = []
        self.why_open: list[str] = []
        self.seen: list[tuple[float, float]] = []
        self.unseen: list[str] = []

    def write(
        self, gateway: Running, method: str, path: str, body: Any, **headers: str
    ) -> Answer | None:
        """Acknowledged: the answer. A write that did nothing: None. OSError (with TimeoutError),
        HTTPException, ValueError: open."""
        began = time.monotonic()
        try:
            answer = gateway.admin(method, path, body, **headers)
        except ConnectionRefusedError:
            self.counted["not there"] += 1
            return None
        if answer.status in (200, 201):
            with self.lock:
                self.acks.append(time.monotonic())
                self.begun.append(began)
            return answer
        text = answer.error["message"] if answer.status >= 400 else ""
        if answer.status == 503 and "nothing was written" in text:
            self.counted["refused"] += 1
        elif answer.status == 503 and any(words in text for words in MAYBE):
            raise TimeoutError(text)
        elif answer.status == 404 and method == "DELETE":
            self.counted["not seen yet"] += 1
        elif answer.status == 412 and "If_Match" in headers:
            self.contended.stale += 1
        else:
            self.odd.append(f"{method} {path}: {answer.status} {answer.body!r}")
        return None

    def left_open(self, what: str, error: Exception) -> None:
        """Under the lock: nobody knows what became of it."""
        self.unresolved += 1
        self.why_open.append(f"{what}: {type(error).__name__} {error}")

    def acked_since(self, begin: float) -> int:
        """Writes that were begun after that, and acknowledged."""
        with self.lock:
            return sum(began > begin for began in self.begun)

    def gap(self, begin: float, end: float) -> float:
        """The longest time without an acknowledged write, in seconds."""
        with self.lock:
            inside = [at for at in self.acks if begin <= at <= end]
        times = [begin, *inside, end]
        return max(b - a for a, b in itertools.pairwise(times))

    def faults(self, stored: Mapping[str, Sequence[Stored]]) -> list[str]:
        """What of `stored` (models by display name) is not as it was acknowledged."""
        found = []
        for name in sorted(self.sure.keys() | self.open.keys() | stored.keys()):
            here = stored.get(name, ())
            if len(here) > 1:
                found.append(f"{name} is there {len(here)} times")
            there = here[0] if here else None
            sure = self.sure.get(name)
            if there == sure:
                continue
            if name not in self.open:
                found.append(f"{name}: {there}, acknowledged was {sure}")
                continue
            sent = self.open[name]
            if not (there is None if sent is None else there is not None and there.has(sent)):
                found.append(f"{name}: {there}, neither {sure} nor {sent}")
        return found
