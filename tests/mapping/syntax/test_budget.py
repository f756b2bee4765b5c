"""What a translation may cost: asked for step by step, and ended from outside."""

from __future__ import annotations

import pytest

from aisix.mapping.syntax.budget import Budget, Spent


def test_it_is_spent_once_more_is_asked_for_than_there_is() -> None:
    budget = Budget(10)
    budget.spend(10, "messages")
    with pytest.raises(Spent) as spent:
        budget.spend(1, "tools")
    assert spent.value.at == "tools"


def test_what_was_stopped_takes_no_other_step() -> None:
    budget = Budget()
    budget.stop()
    with pytest.raises(Spent):
        budget.spend(0)
