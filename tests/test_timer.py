"""A timer whose due time moves: it fires once, at the last time it was given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aisix.timer import LazyTimer


class Clock:
    """As much of a loop as a timer asks for; time goes on when told."""

    def __init__(self) -> None:
        self.now, self.asked = 0.0, 0
        self.waiting: dict[Any, tuple[float, Callable[[], None]]] = {}

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> Any:
        self.asked += 1
        handle = Handle(self)
        self.waiting[handle] = (when, callback)
        return handle

    def go_to(self, now: float) -> None:
        while due := sorted((w, h) for h, (w, _) in self.waiting.items() if w <= now):
            self.now, handle = due[0]
            self.waiting.pop(handle)[1]()
        self.now = now


class Handle:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def cancel(self) -> None:
        self.clock.waiting.pop(self, None)

    def __lt__(self, other: Handle) -> bool:
        return id(self) < id(other)


def made() -> tuple[Clock, LazyTimer, list[float]]:
    clock, fired = Clock(), []
    timer = LazyTimer(clock, lambda: fired.append(clock.now))  # type: ignore[arg-type]
    return clock, timer, fired


def at(timer: LazyTimer, due: float) -> None:
    timer.due = due
    timer.arm()


def test_it_fires_once() -> None:
    clock, timer, fired = made()
    at(timer, 5)
    clock.go_to(4)
    assert fired == []
    clock.go_to(100)
    assert fired == [5]


def test_what_is_put_off_costs_the_loop_nothing_until_then() -> None:
    clock, timer, fired = made()
    for due in range(5, 50):
        at(timer, due)
    assert clock.asked == 1
    clock.go_to(48)
    assert fired == []
    clock.go_to(49)
    assert fired == [49] and clock.asked == 2


def test_an_earlier_time_is_kept() -> None:
    clock, timer, fired = made()
    at(timer, 50)
    at(timer, 5)
    clock.go_to(6)
    assert fired == [5]
    clock.go_to(100)
    assert fired == [5]


def test_what_is_cancelled_does_not_fire_and_can_be_set_again() -> None:
    clock, timer, fired = made()
    at(timer, 5)
    timer.cancel()
    clock.go_to(10)
    assert fired == []
    at(timer, 12)
    clock.go_to(20)
    assert fired == [12]
