"""Holders as calls of the scripts: what is packed once is what would be packed each time."""

from __future__ import annotations

from aisix.limits.redis.plan import BookedTokens, LimitPlan, Told, command, keys_of
from aisix.limits.redis.scripts import SETTLE, sha
from tests.limits.counting import holder


def test_a_settling_is_the_whole_call_for_its_rules() -> None:
    asked = (holder("key:50%d", tpm=9, tpd=9, concurrency=2), holder("model:%", rpm=5, tpm=7))
    plan = LimitPlan(asked, "e%b", [Told(), Told()])
    assert plan.tokens == 3
    (key, places), (model, _) = (keys_of("e%b", one.ident) for one in asked)
    (tpm, tpd, _), (_, of_model) = (one.rules for one in asked)
    booked = BookedTokens(plan, b"a%d", 3, [11, 3, 12, 0, 13, 3])

    def words(member: bytes, more: int) -> list[bytes]:
        numbers = [
            *(more, 2),
            *(2, tpm.slot, 60_000, 11, 3, tpd.slot, 86_400_000, 12, 0),
            *(1, of_model.slot, 60_000, 13, 3),
        ]
        return [member, *(b"%d" % one for one in numbers)]

    head = b"EVALSHA", sha(SETTLE), b"3", key, model, places
    assert plan.settle(booked, -2, True) == command(*head, *words(b"a%d", -2))
    assert plan.settle(booked, 40, False) == command(*head, *words(b"", 40))
