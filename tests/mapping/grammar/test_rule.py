"""A rule's sources are those that the syntax knows."""

from __future__ import annotations

from aisix.mapping.grammar.rule import RULE, SOURCES
from aisix.mapping.syntax import rules


def test_the_same_sources_as_in_the_syntax() -> None:
    assert {key.name for key in SOURCES} == set(rules.SOURCES) == set(RULE.marks)
