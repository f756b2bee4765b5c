"""Which attempt was what; the rest is seen of a whole gateway, in tests/runtime/
test_moved_in_words.py."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from aisix.proxy.told_lines import _kinds, handler_name


def test_an_attempt_is_the_first_one_again_or_elsewhere() -> None:
    a, b = object(), object()
    watched = [SimpleNamespace(target=target) for target in (a, a, b, a)]
    assert _kinds(watched) == ["initial", "retry", "fallback", "fallback"]
    assert _kinds([]) == []


def test_a_handler_is_named_by_its_route() -> None:
    for route, name in (("/v1/turns/new", "turns"), ("/v1/turns", "turns"), ("/turns", "turns")):
        handler: Any = SimpleNamespace(caller=SimpleNamespace(data={"route": route}))
        assert handler_name(handler) == name
