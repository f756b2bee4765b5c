"""What several kinds have: rate limits, callers' networks, what a thousand tokens cost."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from aisix.store.kinds.declare import Field
from aisix.store.kinds.lenient import lenient_texts
from aisix.store.kinds.types import CIDRS, COUNT, MONEY, table
from aisix.store.resources import Cost, Network, RateLimit, network_of

RATE_LIMIT = Field(
    "rate_limit",
    table(
        (
            Field("rps", COUNT, "requests per second"),
            Field("rpm", COUNT, "requests per minute"),
            Field("rph", COUNT, "requests per hour"),
            Field("rpd", COUNT, "requests per day"),
            Field("tpm", COUNT, "tokens per minute"),
            Field("tpd", COUNT, "tokens per day"),
            Field("concurrency", COUNT, "requests under way at one time"),
        ),
        made=lambda value: RateLimit(**value),
    ),
    "what may pass; null: no limit, 0: nothing",
    example={"rpm": 60, "concurrency": 4},
    empty={},
)


def _networks(value: Any) -> tuple[Network, ...] | None:
    """What is none lets nobody in."""
    return tuple(filter(None, map(network_of, value))) if value else None


ALLOWED_CIDRS = Field(
    "allowed_cidrs",
    replace(CIDRS, made=_networks),
    "networks its callers must come from; none: from anywhere",
    example=["10.0.0.0/8"],
    empty=[],
    lenient=lenient_texts,
)

COST = Field(
    "cost",
    table(
        tuple(
            Field(one.name, MONEY, one.name.removesuffix("_per_1k").replace("_", " ") + " tokens")
            for one in fields(Cost)
        ),
        made=lambda value: Cost(**value),
    ),
    "money per 1000 tokens, in the operator's currency",
    example={"input_per_1k": 0.003, "output_per_1k": 0.015},
    empty={},
)
