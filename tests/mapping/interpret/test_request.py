"""What a strict alias refuses: the field is named, whatever the caller called it."""

from __future__ import annotations

from typing import Any

import pytest

from aisix.errors import CallerError
from aisix.mapping.exchange import Exchange, ResolvedModel
from aisix.mapping.mappings import load_mappings
from tests.mapping.laid import NAME, SHIPPED

MAPPING = load_mappings([SHIPPED]).mappings[NAME]
USER = {"role": "user", "content": "hi"}
ODD = ["a[b", "[", "]", "a..b", "a.", ".", "$x", "a b", "a.b", "a[0]", '"']  # some are no paths


def refused(body: dict[str, Any]) -> CallerError:
    model = MAPPING.example()
    target = ResolvedModel("a", model, strict=True)
    exchange = Exchange(MAPPING.effective(model), MAPPING.caller, target, now=1, new_id=lambda: "1")
    with pytest.raises(CallerError) as raised:
        exchange.request({"model": "a", "messages": [USER], **body})
    return raised.value


@pytest.mark.parametrize("name", ODD)
def test_an_unknown_field_of_any_name_is_named(name: str) -> None:
    error = refused({name: "v"})
    assert (error.kind, error.param, error.values) == ("unknown_field", name, {"value": "v"})


@pytest.mark.parametrize("name", [name for name in ODD if name != "."])
def test_so_is_one_further_down(name: str) -> None:
    error = refused({"messages": [{**USER, name: "v"}]})
    assert error.param is not None and error.param.startswith("messages[0]")
    assert (error.kind, error.values) == ("unsupported_field", {"value": "v"})
