"""What a site writes is known by unit, and what is left unbuilt for it has nothing more to say."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from aisix.errors import OperatorError
from aisix.mapping.configurations import Configuration, configurations
from aisix.mapping.mappings import Mapping, load_as_told, load_mappings
from aisix.mapping.parse.files import read_folders
from aisix.mapping.verify.touched import TouchedUnit, concerned, units
from tests.long import LONG
from tests.mapping.laid import NAME, SHIPPED, laid

OVERLAYS = {
    "a value": (
        {"request.toml": "[field.max_tokens]\ndefault = 5000\n"},
        {("field", "max_tokens")},
    ),
    "a part": ({"request/fields.toml": "[field.top_p]\ndrop = true\n"}, {("field", "top_p")}),
    "a word": ({"values.toml": '[stop_reason]\nrefusal = "stop"\n'}, {("stop_reason", "refusal")}),
    "a list": ({"request.toml": 'remember = ["state.x"]\n'}, {("remember",)}),
    "a row": ({"models.toml": "[model.new-1]\n"}, {("model", "new-1")}),
}
# Whose rows of models are those of NAME.
BORROWS = {"anthropic-messages/anthropic-messages", "openai-responses/anthropic-messages"}


@pytest.mark.parametrize("name", OVERLAYS)
def test_units(name: str, tmp_path: Path) -> None:
    files, expected = OVERLAYS[name]
    found = units(load_as_told(read_folders([SHIPPED, laid(tmp_path, files)]), []))
    assert {unit.keys for unit in found[NAME]} == expected
    assert all(unit.where.startswith("mine/") for unit in found[NAME])
    assert {name for name, one in found.items() if one} - BORROWS == {NAME}


def test_a_trait_and_who_is_like_it(tmp_path: Path) -> None:
    """What a mapping is `like` is part of it, and the rows of models it borrows."""
    site = laid(tmp_path, {"traits/no-effort.toml": "[request.field.top_k]\nmax = 4\n"})
    like = tmp_path / "mine/openai-chat/other/mapping.toml"
    like.parent.mkdir(parents=True)
    like.write_text('format = 1\nlike = "anthropic-messages"\ntitle = "other"\n')
    mappings = load_mappings([SHIPPED, site])
    found = units(mappings)
    unit = TouchedUnit("request", ("field", "top_k"), "no-effort")
    assert found[NAME] == (unit,)
    assert set(found["openai-chat/other"]) == {
        unit, *(TouchedUnit("mapping", (key,)) for key in ("format", "like", "title"))
    }  # fmt: skip
    built = concerned(mappings.mappings[NAME], found[NAME])
    brought = [one.brings(mappings.mappings[NAME]) for one in built]
    assert brought[0] == ("no-sampling", "forced-tools-refused")  # of ids nobody listed
    assert any("no-effort" in traits for traits in brought[1:])


def test_rows_of_a_lender(tmp_path: Path) -> None:
    lenders = {
        name: mapping.lender[-1]
        for name, mapping in load_mappings([SHIPPED]).mappings.items()
        if mapping.lender
    }
    assert lenders
    for name, lender in lenders.items():
        row = "[defaults]\ntraits = []\n"
        mappings = load_mappings([SHIPPED, laid(tmp_path, {"models.toml": row}, lender)])
        assert units(mappings)[name] == (TouchedUnit("models", ("defaults", "traits")),)
        rows = {one.row for one in concerned(mappings.mappings[name], units(mappings)[name])}
        assert len(rows) > 3  # every row may have others now


def said(mapping: Mapping, one: Configuration) -> set[str]:
    try:
        return set(map(str, one.build(mapping).idle))
    except OperatorError as error:
        return {str(complaint) for complaint in error.complaints}


FAULTS = (
    "{at}nobody_knows = 1\n",
    "{at}drop = true\n",
    '{at}shape = "nowhere"\n',
    '{at}when = {{ "$option.nothing" = true }}\n',
    '{at}from = "$let.nothing"\n',
)


def test_what_is_not_built_has_nothing_more_to_say(tmp_path: Path) -> None:
    """Units of the shipped tables broken at random: every complaint is heard."""
    rng = random.Random(18)
    shipped = load_mappings([SHIPPED]).mappings
    heard = 0
    for number in range(3 * LONG):
        name = rng.choice(sorted(shipped))
        file = rng.choice(("request", "answer"))
        data = shipped[name].tree.data[file]
        pairs = [
            (section, key)
            for section, rows in data.items() if isinstance(rows, dict)
            for key, row in rows.items() if isinstance(row, dict)
        ]  # fmt: skip
        at = rng.choice(pairs)
        text = rng.choice(FAULTS).format(at=f'[{at[0]}."{at[1]}"]\n')
        folder = laid(tmp_path / str(number), {f"{file}.toml": text}, name)
        told: list[object] = []
        mappings = load_as_told(read_folders([SHIPPED, folder]), told)  # type: ignore[arg-type]
        if told:
            continue
        mapping = mappings.mappings[name]
        every = set().union(*(said(mapping, one) for one in configurations(mapping)))
        some = set().union(
            *(said(mapping, one) for one in concerned(mapping, units(mappings)[name]))
        )
        assert {one.partition(" ")[0] for one in every} == {
            one.partition(" ")[0] for one in some
        }, text
        heard += bool(every)
    assert heard


def test_few_are_built_for_one_value(tmp_path: Path) -> None:
    files, _ = OVERLAYS["a value"]
    mappings = load_mappings([SHIPPED, laid(tmp_path, files)])
    mapping = mappings.mappings[NAME]
    every = list(configurations(mapping))
    assert len(concerned(mapping, units(mappings)[NAME])) < 4 < 40 < len(every)
    assert concerned(mapping, ()) == ()


def test_a_word_that_a_trait_of_the_base_hides_is_seen_where_no_trait_does(tmp_path: Path) -> None:
    text = "[field.top_k]\npolicy = ['reject']\n"
    mappings = load_mappings([SHIPPED, laid(tmp_path, {"request.toml": text})])
    mapping = mappings.mappings[NAME]
    assert said(mapping, Configuration()) == set()  # unknown models take no top_k anyway
    built = concerned(mapping, units(mappings)[NAME])
    assert len(set().union(*(said(mapping, one) for one in built))) == 1
