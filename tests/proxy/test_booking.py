"""What requests under way have used is booked for each, whatever another one raises."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from aisix.proxy.booking import AT_ONE_TIME, Booking


class Request:
    def __init__(self, also: Callable[[], None] = lambda: None) -> None:
        self.booked = 0
        self._also = also

    def book(self) -> None:
        self.booked += 1
        self._also()


def test_each_is_booked_once_and_one_that_raises_is_told(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    def wrong() -> None:
        raise ValueError("a word of the request")

    booking, requests = Booking(), [Request(), Request(wrong), Request()]
    booking.under_way.update(requests)
    asyncio.run(booking.book())
    assert [one.booked for one in requests] == [1, 1, 1]
    assert "a word of the request" not in caplog.text + capsys.readouterr().err


def test_others_have_their_turn_and_who_ended_meanwhile_is_left_out() -> None:
    booking = Booking()
    requests = [Request() for _ in range(AT_ONE_TIME * 2)]
    booking.under_way.update(requests)

    async def main() -> None:
        task = asyncio.create_task(booking.book())
        await asyncio.sleep(0)
        booked = sum(one.booked for one in requests)
        assert 0 < booked < len(requests)
        booking.under_way.clear()
        await task
        assert sum(one.booked for one in requests) == booked

    asyncio.run(main())
