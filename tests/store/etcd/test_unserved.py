"""Documents of kinds that aisix does not have, counted."""

from __future__ import annotations

import pytest

from aisix.store.etcd import unserved
from aisix.store.etcd.unserved import LONGEST_KIND, UnservedKinds


def test_kinds_are_counted_whether_their_keys_were_seen_or_not() -> None:
    found = UnservedKinds({"guardrails": 2})
    found.put(b"/a/guardrails/x", "guardrails")
    found.put(b"/a/guardrails/x", "guardrails")
    found.put(b"/a/else/y", "e" * 1000)
    assert found.counts == {"guardrails": 3, "e" * LONGEST_KIND: 1}
    found.gone(b"/a/guardrails/before", "guardrails")
    found.gone(b"/a/guardrails/x", "guardrails")
    found.gone(b"/a/else/y", "e" * 1000)
    assert found.counts == {"guardrails": 1}
    for _ in range(3):
        found.gone(b"/a/guardrails/before", "guardrails")
    assert found.counts == {}


def test_keys_have_a_most_and_are_counted_beyond_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unserved, "MOST_KEYS", 2)
    found = UnservedKinds()
    for number in range(5):
        found.put(b"/a/policies/%d" % number, "policies")
    assert found.counts == {"policies": 5} and len(found._keys) == 2
    for number in range(5):
        found.gone(b"/a/policies/%d" % number, "policies")
    assert found.counts == {}
