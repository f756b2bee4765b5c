"""What several kinds have: rate limits, and what a thousand tokens cost."""

from __future__ import annotations

from dataclasses import fields

from aisix.store.kinds.declare import Field
from aisix.store.kinds.types import COUNT, MONEY, table
from aisix.store.resources import Cost, RateLimit

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
