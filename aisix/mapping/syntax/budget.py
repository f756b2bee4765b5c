"""A budget for work: what one translation may cost, in steps, whatever shape its input has.

    budget = Budget(STEPS)
    budget.spend(len(items), "messages")      # raises Spent once more than that was asked for

A step is about four microseconds of CPU: one item of a list, 32 bytes of a schema. It is asked for
before the work is done, once per list or tree: a field of an ordinary rule costs nothing.
`Spent` passes everything that makes other mistakes good; who began the translation catches it.
"""

from __future__ import annotations

from typing import NamedTuple

STEPS = 500_000  # of one translation, unless told otherwise: about two seconds
INTERPRETED = 8  # steps of one item, rule by rule


class Held(NamedTuple):
    """What one JSON text may hold, counted in its bytes before anybody decodes it: what a decoder
    does in one go, nobody interrupts."""

    values: int = 250_000
    escapes: int = 2_000_000  # backslashes: about 45 ms


class Spent(Exception):
    """The budget is used up. `at`: the caller's field that was looked at, if known."""

    def __init__(self, at: str = "") -> None:
        super().__init__(at)
        self.at = at


class Budget:
    """`spent` steps of `most`; another thread may call `stop`. `held`: of each JSON text inside."""

    __slots__ = ("held", "most", "spent")

    def __init__(self, most: int = STEPS, held: Held = Held()) -> None:  # noqa: B008  # immutable
        self.held = held
        self.most = most
        self.spent = 0

    def spend(self, steps: int, at: str = "") -> None:
        """Spent when more is asked for than there is."""
        self.spent += steps
        if self.spent > self.most:
            raise Spent(at)

    def stop(self) -> None:
        """Nobody waits for the result any more: the next step is the last."""
        self.most = -1
