"""What verbs, passes and adjustments declare of their options is what they take."""

from __future__ import annotations

import ast
import inspect
import textwrap

import pytest

from aisix.mapping.verbs import adjustments, conversions, passes
from aisix.mapping.verbs.registry import Declared, Option

ALL: list[Declared] = [
    *conversions.VERBS.values(),
    *passes.PASSES.values(),
    *adjustments.ADJUSTMENTS.values(),
]
OPTIONS = [(one, option) for one in ALL for option in one.options]


def asked(one: Declared) -> set[str]:
    """The names a function looks up in its options, or hands them on whole."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(one.run)))  # type: ignore[attr-defined]
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(value=ast.Name(id="options"), slice=ast.Constant(value=str(name))):
                found.add(name)
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="options"), attr="get"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                found.add(name)
    return found


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_no_option_is_asked_for_that_is_not_declared(one: Declared) -> None:
    assert asked(one) <= {option.name for option in one.options}


@pytest.mark.parametrize(("one", "option"), OPTIONS, ids=lambda x: getattr(x, "name", ""))
def test_the_example_and_the_default_of_an_option_are_of_its_type(
    one: Declared, option: Option
) -> None:
    assert not option.wrong(option.example)
    assert option.about
    if not option.required and option.default is not None:
        held = list(option.default) if type(option.default) is tuple else option.default
        assert held == "" or not option.wrong(held)


def test_what_is_not_given_is_its_default_and_patterns_are_made_once() -> None:
    safe = conversions.VERBS["safe_id"].read({"allowed": "a-z"})
    assert safe["blank"] == "id"
    assert safe["allowed"].search("a-z")  # "-" is none of a to z
    assert "only" not in conversions.VERBS["split"].read({"by": ","})
