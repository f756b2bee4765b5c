"""The forms of a model's requests: which there are, and how many."""

from __future__ import annotations

from typing import Any

import pytest

from aisix.mapping.compile.request_forms import MOST, STRANGE, RequestForms
from aisix.mapping.compile.runtime import CompiledRequest
from aisix.mapping.interpret.forms import Bail
from tests.mapping.compile.test_rules_as_interpreted import facts, parsed

TABLES: dict[str, Any] = {
    "request": {
        "accept": {"said": {"type": ["string", "array"]}, "count": {"type": "integer"}},
        "field": {
            "words": {"from": "said", "only": "string"},
            "list": {"from": "said", "only": "array"},
            "count": {"from": "count"},
        },
        "rest": {"*": "drop"},
    }
}


def forms() -> RequestForms:
    tables = parsed(TABLES)
    assert tables is not None
    return RequestForms(tables, facts(), "t")


def translate(made: RequestForms, body: dict[str, Any]) -> Any:
    return made.translate(body, CompiledRequest(body, "alias", "model", {}))


def test_a_field_that_may_be_of_several_types_has_a_form_for_each() -> None:
    made = forms()
    assert translate(made, {"said": "a", "count": 1}) == {"words": "a", "count": 1}
    assert translate(made, {"said": ["a"], "count": 1}) == {"list": ["a"], "count": 1}
    assert translate(made, {"count": 1, "said": "a"}) == {"words": "a", "count": 1}
    assert list(made.sources()) == [
        "<t: count, said (str)>",
        "<t: count, said (list)>",
    ]
    words, _ = made.sources().values()
    assert "is list" not in words  # nothing is asked that is known


def test_null_fields_are_not_there_and_a_wrong_type_is_the_interpreters() -> None:
    made = forms()
    assert translate(made, {"said": None, "count": 1}) == {"count": 1}
    assert translate(made, {"said": "a", "count": None}) == {"words": "a"}
    for wrong in ({"said": 1}, {"said": {}}, {"count": "1"}, {"said": True}):
        with pytest.raises(Bail):
            translate(made, wrong)


def test_there_are_no_more_than_may_be() -> None:
    made = forms()
    for number in range(2 * MOST):
        try:
            translate(made, {"said": "a", f"unknown_{number}": 1})
        except Bail as why:
            assert why.reason == "too_many_forms"
            break
    assert number == STRANGE and len(made.sources()) == STRANGE
    assert translate(made, {"said": "a"}) == {"words": "a"}  # there is room for what is known
