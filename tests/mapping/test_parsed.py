"""What kinds of models share is what each of them would have had alone, and is parsed once."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from aisix.errors import OperatorError
from aisix.mapping import parsed as module
from aisix.mapping.configurations import configurations
from aisix.mapping.mappings import Effective, Mapping, load_mappings
from aisix.mapping.parse.inline import read_inline
from aisix.mapping.parsed import ANSWER, REQUEST, Parsed
from tests.mapping.laid import NAME, SHIPPED, laid

# Orders and what is taken away, in the base and in a trait; rules that ask for an option.
ODD = {
    "answer.toml": "[event.ping]\ndrop = true\n[event.mine]\nping = true\n",
    "errors.toml": '[upstream.mine]\nbefore = "overloaded"\nstatus = 503\nmessage = "x"\n'
    'when = { "$option.auto_cache" = true }\n',
    "traits/odd.toml": "[request.field.top_k]\ndrop = true\n[answer.event.ping]\n"
    "drop = false\n[request.field.hh]\nvalue = 1\n"
    'when = { "$option.auto_cache" = true }\n',
}
FIELDS = (
    *("request", "answer", "errors", "used", "known", "registers", "registers_read"),
    *("option", "model", "traits"),
)


def told(tables: Effective) -> list[str]:
    """Everything of it, as text that is the same for the same."""
    said = [repr(getattr(tables, name)) for name in FIELDS]
    said.append(repr((tables.tree.data, tables.tree.ranks)))
    return [re.sub(r"frozenset\(\{([^{}]*)\}\)", _sorted, text) for text in said]


def _sorted(found: re.Match[str]) -> str:
    return f"{{{', '.join(sorted(found[1].split(', ')))}}}"


def alone(mapping: Mapping) -> None:
    """Let nothing be known of it."""
    mapping._parsed = Parsed()
    mapping._effective.clear()


@pytest.mark.parametrize("files", [{}, ODD], ids=["shipped", "odd"])
def test_what_is_shared_is_what_each_would_have_alone(
    files: dict[str, str], tmp_path: Path
) -> None:
    folders = [SHIPPED, laid(tmp_path, files)] if files else [SHIPPED]
    shared, fresh = (load_mappings(folders).mappings[NAME] for _ in range(2))
    kinds = list(configurations(shared))
    random.Random(18).shuffle(kinds)
    if files:
        kinds.sort(key=lambda one: one.traits != ("odd",))
    for number, kind in enumerate(kinds):
        made = kind.build(shared)
        if number % 6 == 0:
            alone(fresh)
            assert told(made) == told(kind.build(fresh)), kind


def test_an_answer_that_no_trait_changes_is_parsed_once() -> None:
    mapping = load_mappings([SHIPPED]).mappings["openai-chat/openai-chat"]
    answers = {id(kind.build(mapping).answer) for kind in configurations(mapping)}
    requests = {id(kind.build(mapping).request) for kind in configurations(mapping)}
    assert len(answers) < len(requests)


def test_an_option_that_rules_ask_for_makes_another(tmp_path: Path) -> None:
    rule = '[field.hh]\nvalue = 1\nwhen = { "$option.auto_cache" = true }\n'
    mapping = load_mappings([SHIPPED, laid(tmp_path, {"request.toml": rule})]).mappings[NAME]

    def fields(value: bool) -> dict[str, object]:
        return dict(
            mapping.effective(mapping.example(), None, {"auto_cache": value}).request.fields
        )

    for value in (True, False, True):
        assert ("hh" in fields(value)) is value
        mapping._effective.clear()


def test_what_is_wrong_is_told_each_time_and_not_kept(tmp_path: Path) -> None:
    files = {"traits/odd.toml": '[answer.event.x]\nemit = "no such chunk"\nemti = 1\n'}
    mapping = load_mappings([SHIPPED, laid(tmp_path, files)]).mappings[NAME]
    said = []
    for _ in range(2):
        with pytest.raises(OperatorError) as found:
            mapping.effective(mapping.example(), None, {}, ["odd"])
        said.append(str(found.value))
        mapping.effective(mapping.example())
    assert said[0] == said[1]
    assert "no such chunk" in said[0] and "emti" in said[0]


def test_tables_of_an_alias_are_kept_by_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PARTS", 3)
    mapping = load_mappings([SHIPPED]).mappings[NAME]
    before = mapping.effective(mapping.example())
    kept = len(mapping._parsed._parts[REQUEST])
    own = read_inline(['{"answer": {"message": {"mine": {"value": 1}}}}'], "overlay")
    laid_over = mapping.effective(mapping.example(), overlays=own)
    assert dict(laid_over.answer.message).keys() - dict(before.answer.message).keys() == {"mine"}
    assert len(mapping._parsed._parts[REQUEST]) == kept
    mapping._effective.clear()
    assert mapping.effective(mapping.example()).answer is before.answer
    for kind in configurations(mapping):
        kind.build(mapping)
    assert len(mapping._parsed._parts[ANSWER]) <= 3
