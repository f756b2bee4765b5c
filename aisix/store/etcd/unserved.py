"""Documents of kinds that aisix does not have: counted by kind, so that a status can tell of them.

    unserved.put(key, "guardrails"); unserved.gone(key, "guardrails"); unserved.counts

Must never know: a value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

MOST_KEYS = 100_000  # known one by one; a further one that is put twice counts twice
LONGEST_KIND = 100  # characters


class UnservedKinds:
    """counts: of those that are known by number alone, since an earlier start."""

    def __init__(self, counts: Mapping[str, int] | None = None) -> None:
        self._before = Counter(counts or {})
        self._keys: dict[bytes, str] = {}

    def put(self, key: bytes, kind: str) -> None:
        if key in self._keys:
            return
        if len(self._keys) < MOST_KEYS:
            self._keys[key] = kind[:LONGEST_KIND]
        else:
            self._before[kind[:LONGEST_KIND]] += 1

    def gone(self, key: bytes, kind: str) -> None:
        kind = kind[:LONGEST_KIND]
        if self._keys.pop(key, None) is None and self._before[kind] > 0:
            self._before[kind] -= 1

    @property
    def counts(self) -> dict[str, int]:
        """{kind: documents}"""
        return dict(self._before + Counter(self._keys.values()))
