"""Which kind of client a request is of, by its User-Agent: a few words, whatever callers send.

    kind = ClientKinds((("^batcher/", "batcher"),))
    kind("batcher/2.0")        "batcher"

`clients.toml` is the table; rules of the operator's own go before it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

FILE = Path(__file__).parent / "clients.toml"
KEPT = 4096  # User-Agents that are known
LOOKED_AT = 512  # characters that a rule is tried on; of a longer one nothing is kept


class ClientKinds:
    """rules: (regular expression, kind), in their order; searched in any case."""

    def __init__(self, rules: Sequence[tuple[str, str]] = ()) -> None:
        table = tomllib.loads(FILE.read_text("utf-8"))
        self._rules = [(re.compile(pattern, re.IGNORECASE), kind) for pattern, kind in rules]
        self._clients: list[tuple[str, str]] = [(text, kind) for text, kind in table["clients"]]
        self._none, self._else = str(table["none"]), str(table["else"])
        self._known: dict[str, str] = {}

    def __call__(self, agent: str) -> str:
        found = self._known.get(agent)
        if found is None:
            found = self._found(agent.strip())
            if len(agent) <= LOOKED_AT:
                if len(self._known) >= KEPT:
                    self._known.clear()
                self._known[agent] = found
        return found

    def _found(self, agent: str) -> str:
        if not agent:
            return self._none
        cut, lower = agent[:LOOKED_AT], agent.lower()
        for pattern, kind in self._rules:
            if pattern.search(cut):
                return kind
        return next((kind for text, kind in self._clients if text in lower), self._else)
