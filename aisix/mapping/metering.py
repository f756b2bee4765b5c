"""What an exchange has used so far: as the upstream counts, by estimate where it has not.

    tokens, estimated = used(exchange, received)

What was told stands. An answer that has not come to its end counts by its text, if that is more; a
request of which nothing was told, by its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from aisix.mapping.exchange import Exchange
from aisix.mapping.syntax.answer import Metered

# The counters of [meter]. The first two are estimated; those INSIDE are part of another one.
PROMPT, COMPLETION, CACHE_READ, CACHE_WRITE, REASONING = Metered._fields
INSIDE = frozenset({REASONING})

Tokens = dict[str, int]


def used(exchange: Exchange, received: int = 0) -> tuple[Tokens, tuple[str, ...]]:
    """Tokens by counter, and which of them are estimated, of a request that went out. `received`:
    bytes of a plain answer that has not come whole."""
    counted: Tokens = exchange.tokens
    if counted.get(PROMPT) and counted.get(COMPLETION) and exchange.whole:  # nearly all are so
        return counted, ()
    completion = counted.get(COMPLETION, 0)
    prompt = total(counted) - completion
    if completion and prompt and exchange.whole:
        return counted, ()
    size = exchange.said_bytes + received
    refused = exchange.error is not None and exchange.broke is None
    if refused and not size:  # an error is no answer, and costs what it says
        return counted, ()
    tokens, estimated = dict(counted), []
    if not prompt:
        tokens[PROMPT] = exchange.prompt
        estimated.append(PROMPT)
    heard = -int(-size // exchange.tables.answer.estimate.bytes)
    if heard > completion and not (completion and exchange.whole):
        tokens[COMPLETION] = heard
        estimated.append(COMPLETION)
    return tokens, tuple(estimated)


def total(tokens: Mapping[str, int]) -> int:
    """All of them, none twice."""
    return sum([count for name, count in tokens.items() if name not in INSIDE])
