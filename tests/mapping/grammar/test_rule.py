"""What makes a table a rule: one of its sources."""

from __future__ import annotations

from aisix.mapping.grammar.rule import RULE, SOURCES
from aisix.mapping.grammar.tables import at


def test_a_table_with_a_source_is_a_rule_and_without_one_an_object() -> None:
    for source in SOURCES:
        table = {source: {}, "max": 1}
        spot = at("request", ("field", "x", "max"), {"field": {"x": table}})
        assert spot.key is RULE.by_name["max"], source
    spot = at("request", ("field", "x", "max"), {"field": {"x": {"max": 1}}})
    assert spot.key is RULE.free
