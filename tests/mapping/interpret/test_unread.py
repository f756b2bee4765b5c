"""Keys of an item that no rule reads are told, by the interpreter and by the compiled form alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aisix.mapping.exchange import Exchange, ResolvedModel
from aisix.mapping.mappings import Mapping, load_mappings
from tests.mapping.laid import NAME, SHIPPED, laid, said

REVERSE = "anthropic-messages/openai-chat"


def told(mapping: Mapping, part: dict[str, Any], compiled: bool) -> str:
    model = mapping.example()
    body = {"model": "a", "max_tokens": 9, "messages": [{"role": "user", "content": [part]}]}
    target = ResolvedModel("a", model)
    tables = mapping.effective(model)
    exchange = Exchange(
        tables, mapping.caller, target, now=1, new_id=lambda: "1", compiled=compiled
    )
    exchange.request(body)
    assert not exchange.fallbacks or mapping.name == REVERSE  # which has no compiled form for this
    return exchange.warnings


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("name", [NAME, REVERSE])
def test_a_key_nobody_reads_is_told_with_its_name(name: str, compiled: bool) -> None:
    mapping = load_mappings([SHIPPED]).mappings[name]
    text = {"type": "text", "text": "hi"}
    assert told(mapping, text, compiled) == ""
    assert told(mapping, {**text, "mood": None, "list": [], "note": ""}, compiled) == ""
    assert told(mapping, {**text, "mood": 0}, compiled) == "messages.mood=dropped"
    assert told(mapping, {**text, "mood": "a", "x-y": 1}, compiled) == (
        "messages.mood=dropped, messages.x-y=dropped"
    )


@pytest.mark.parametrize("compiled", [True, False])
def test_a_site_s_rule_that_reads_it_ends_the_warning(tmp_path: Path, compiled: bool) -> None:
    folder = laid(tmp_path, {"request.toml": '[shape.text]\nmood = { from = "mood" }\n'}, REVERSE)
    mapping = load_mappings([SHIPPED, folder]).mappings[REVERSE]
    assert told(mapping, {"type": "text", "text": "hi", "mood": "a"}, compiled) == ""


def test_only_an_item_that_is_rebuilt_has_it(tmp_path: Path) -> None:
    shape = '[accept]\na = "object"\n[field.a]\nfrom = "a"\nshape = "mine"\n[shape.mine]\nverbatim = true\nknows = ["b"]\n'
    (complaint,) = said(laid(tmp_path, {"request.toml": shape}, REVERSE), REVERSE)
    assert "only what is rebuilt key by key has it" in complaint
