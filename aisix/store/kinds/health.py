"""What a model says of how it is known to be well: cooldown after failures, checks when idle.

For groups alone: who asks for the alias itself is always sent there.

Must never know: how it is measured.
"""

from __future__ import annotations

from typing import Any

import voluptuous as vol

from aisix.store.kinds.declare import Field
from aisix.store.kinds.types import FLAG, statuses, table, text, whole
from aisix.store.resources import BackgroundCheck, Cooldown, Document

DAY = 86_400  # s
MOST_PROMPT = 64 << 10  # characters
MOST_TOKENS = 1_000_000


def _prompt(value: Any) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MOST_PROMPT:
        raise vol.Invalid(f"must be a text of 1 to {MOST_PROMPT} characters")
    return value


def _cooldown(value: Document) -> Cooldown:
    return Cooldown(**_tuples(value, "trigger_statuses"))


def _check(value: Document) -> BackgroundCheck:
    return BackgroundCheck(**_tuples(value, "ignore_statuses"))


def _tuples(value: Document, name: str) -> Document:
    return {**value, name: tuple(value[name])} if name in value else value


COOLDOWN = Field(
    "cooldown",
    table(
        (
            Field("enabled", FLAG, "default: true"),
            Field("default_seconds", whole(DAY), "how long; default: 30, 0: never"),
            Field("max_seconds", whole(DAY), "the longest the upstream may ask for; default: 600"),
            Field("honor_retry_after", FLAG, "whether it may; default: true"),
            Field("trigger_statuses", statuses(100), "after which of its statuses"),
            Field("trigger_on_timeout", FLAG, "and after a timeout; default: true"),
            Field("trigger_on_transport", FLAG, "and after a broken connection; default: true"),
        ),
        made=_cooldown,
    ),
    "for how long groups ask others after a failure",
    example={"default_seconds": 10},
)

EACH = "required in a background check"
BACKGROUND_CHECK = Field(
    "background_model_check",
    table(
        (
            Field("enabled", FLAG, "whether it is asked", required=EACH),
            Field("interval_seconds", whole(DAY, 5), "how often", required=EACH),
            Field("timeout_seconds", whole(DAY, 1), "for a whole answer", required=EACH),
            Field("prompt", text(_prompt, maxLength=MOST_PROMPT), "what is asked", required=EACH),
            Field("answer_tokens", whole(MOST_TOKENS, 1), "the most it may say", required=EACH),
            Field("ignore_statuses", statuses(100), "that say nothing of it"),
            Field("stale_after_seconds", whole(DAY, 1), "when it counts no more", required=EACH),
        ),
        made=_check,
    ),
    "how it is asked in the background; groups pass over a model that fails at that",
    example={
        "enabled": True,
        "interval_seconds": 60,
        "timeout_seconds": 10,
        "prompt": "Say OK.",
        "answer_tokens": 8,
        "ignore_statuses": [429],
        "stale_after_seconds": 180,
    },
)
