"""What nothing moves any more ends, once, by the limits of where it is and some more."""

from __future__ import annotations

from math import inf

import pytest

from aisix.proxy.backstop import EVERY, GRACE, Backstop, Hung, Wait, limit


class Request:
    def __init__(self, wait: Wait) -> None:
        self.now = wait
        self.told: list[str] = []

    def wait(self) -> Wait:
        return self.now

    def overdue(self, hung: Hung) -> None:
        self.told.append(f"overdue {hung}")

    def abandoned(self) -> None:
        self.told.append("abandoned")


def looked(
    request: Request, secs: float, counted: list[str], others: tuple[Request, ...] = ()
) -> None:
    """Looks at it for so long."""
    backstop = Backstop(lambda: [*others, request], counted.append)
    for _ in range(round(secs / EVERY) + 1):
        backstop.look(EVERY)


@pytest.mark.parametrize("secs", [0.0, 60.0])
def test_what_stays_as_it_is_for_longer_than_its_limit_allows_ends(secs: float) -> None:
    request, counted = Request(Wait("upstream", (1, 2.0), secs)), list[str]()
    looked(request, secs + GRACE, counted)
    assert (request.told, counted) == ([], [])
    looked(request, secs + GRACE + EVERY, counted)
    assert (request.told, counted) == (["overdue upstream"], ["upstream"])


def test_what_moves_is_never_ended() -> None:
    class Moving(Request):
        def wait(self) -> Wait:
            self.now = Wait("upstream", self.now.progress + 1)  # type: ignore[operator]
            return self.now

    request, counted = Moving(Wait("upstream", 0)), list[str]()
    looked(request, 100 * GRACE, counted)
    assert (request.told, counted) == ([], [])


def test_where_there_is_no_limit_it_may_stay_for_ever() -> None:
    request, counted = Request(Wait("upstream", 0, limit(1000, 0))), list[str]()
    looked(request, 1000 * GRACE, counted)
    assert (request.told, counted) == ([], [])


def test_whose_end_fails_is_given_up_and_does_no_harm_to_others() -> None:
    class Stubborn(Request):
        def overdue(self, hung: Hung) -> None:
            super().overdue(hung)
            raise RuntimeError

    class Broken(Request):
        def wait(self) -> Wait:
            raise RuntimeError

    first, counted = Stubborn(Wait("answer", None)), list[str]()
    second = Request(Wait("queue", None, 1.0))
    looked(second, GRACE + 3 * EVERY, counted, (Broken(Wait("", None)), first))
    assert first.told[:2] == ["overdue answer", "abandoned"]
    assert second.told[0] == "overdue queue"
    assert counted[:2] == ["answer", "queue"]


def test_limits_of_which_one_is_none_are_none() -> None:
    assert limit(1000, 2000) == 2.0
    assert limit(0, 2000) == inf
