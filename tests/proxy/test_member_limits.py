"""Rate limits of a group's targets, where the limiter itself has no answer."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from aisix.errors import Fault
from aisix.proxy.member_limits import MemberLimits
from aisix.store.resources import Model, RateLimit


class Full:
    """A limiter that can count for nobody else."""

    def admit(self, *_: Any) -> Any:
        raise Fault("overloaded", retry_after=1)


def test_a_limiter_without_room_is_a_refusal_of_a_stream_too() -> None:
    member = Model("m", "m", "m-large", "acme", "k", rate_limit=RateLimit(rpm=1))
    attempts = SimpleNamespace(target=SimpleNamespace(member=member))
    call: Any = SimpleNamespace(attempts=attempts, target=attempts.target, out=None)
    limits: Any = Full()
    sent: Any = None
    found = asyncio.run(MemberLimits(limits, 0).within(call, sent))
    assert found.request is None
    assert found.refusal is not None and found.refusal.kind == "overloaded"
