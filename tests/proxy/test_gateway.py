"""What an alias cannot serve is logged when nothing of it can be served, or its tables are wrong."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from aisix.errors import OperatorError
from aisix.mapping.mappings import NoMapping
from aisix.proxy.gateway import Gateway


def warned(caplog: pytest.LogCaptureFixture, **found: Exception | None) -> list[str]:
    """What is logged of one alias for which the dialects find this."""

    def find(dialect: str, alias: str) -> None:
        error = found[dialect]
        if error is not None:
            raise error

    entry = SimpleNamespace(resource=SimpleNamespace(display_name="some"))
    balancers: Any = SimpleNamespace(
        snapshot=SimpleNamespace(entries=lambda kind: [entry]),
        mappings=SimpleNamespace(callers=dict.fromkeys(found)),
        find=find,
    )
    with caplog.at_level(logging.WARNING):
        Gateway.warm(None, balancers)  # type: ignore[arg-type]
    return [record.getMessage() for record in caplog.records]


def test_a_dialect_it_does_not_need_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    assert warned(caplog, one=None, other=NoMapping("no mapping from other for x")) == []


def test_one_that_serves_nobody_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    none = {name: NoMapping(f"no mapping from {name} for x") for name in ("one", "other")}
    said = "model some cannot serve: no mapping from one for x; no mapping from other for x"
    assert warned(caplog, **none) == [said]


def test_wrong_tables_are_told(caplog: pytest.LogCaptureFixture) -> None:
    assert warned(caplog, one=None, other=OperatorError("a trait is gone")) == [
        "model some cannot serve: a trait is gone"
    ]
