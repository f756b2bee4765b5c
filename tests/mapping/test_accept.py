"""`longest` of [accept] counts items and fields, never the letters of a text; in both forms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aisix.errors import CallerError
from aisix.mapping.exchange import Exchange, ResolvedModel
from aisix.mapping.mappings import Mapping, load_mappings
from tests.mapping.laid import NAME, SHIPPED, laid, said

TEXT = {"request.toml": "[accept]\nuser = { type = 'string', longest = 4 }\n"}
STOPS = {"request.toml": "[accept]\nstop = { type = ['string', 'array'], longest = 4 }\n"}


def test_of_a_text_alone_it_is_told_with_what_limits_one(tmp_path: Path) -> None:
    told = said(laid(tmp_path, TEXT))
    assert len(told) == 1
    assert told[0].endswith("of a text, match = '(?s)^.{0,4}$'")


@pytest.fixture(scope="module")
def mapping(tmp_path_factory: pytest.TempPathFactory) -> Mapping:
    folder = laid(tmp_path_factory.mktemp("stops"), STOPS)
    return load_mappings([SHIPPED, folder]).mappings[NAME]


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(
    ("stop", "good"),
    [("abcde", True), (["a", "b", "c", "d"], True), (["a", "b", "c", "d", "e"], False)],
)
def test_letters_of_a_text_are_no_items(
    mapping: Mapping, compiled: bool, stop: Any, good: bool
) -> None:
    tables, target = mapping.effective(mapping.example()), ResolvedModel("m", mapping.example())
    talk = Exchange(tables, mapping.caller, target, now=1, new_id=lambda: "0", compiled=compiled)
    body = {**mapping.caller.sample, "stop": stop}
    if good:
        talk.request(body)
    else:
        with pytest.raises(CallerError) as raised:
            talk.request(body)
        assert raised.value.kind == "too_long"
