"""A rule's keys are those that the parser takes."""

from __future__ import annotations

from aisix.mapping.grammar.rule import RULE, SOURCES
from aisix.mapping.parse.reader import RULE_KEYS
from aisix.mapping.syntax import rules


def test_the_same_as_the_parser() -> None:
    assert set(RULE.names) == set(RULE_KEYS)
    assert {key.name for key in SOURCES} == set(rules.SOURCES)
