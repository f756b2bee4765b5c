"""What a group and its targets settle together: times, retries, whose cells."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aisix.mapping.mappings import NoMapping
from aisix.routing.balancers import Balancers, _own_silence, _within
from aisix.store.resources import AliasGroup, GroupTarget, Model
from tests.inside import Inside

GROUP = AliasGroup((GroupTarget("small"),), retries=4)


def model(**given: Any) -> Model:
    return Model("m", "small", "m-large", "acme", "k", **given)


@pytest.mark.parametrize(
    ("target", "group", "plain", "silence"),
    [
        ({}, {}, None, None),
        ({"timeout": 500}, {}, 500, 500),
        ({}, {"timeout": 900}, 900, 900),
        ({"timeout": 500}, {"timeout": 900}, 500, 500),
        ({"timeout": 0}, {"timeout": 900}, 0, 0),  # none, and that ends the search
        ({"stream_timeout": 70}, {"stream_timeout": 90}, None, 70),
        ({"stream_timeout": 0}, {"stream_timeout": 90}, None, 90),  # 0 is not said
        ({"timeout": 500}, {"stream_timeout": 90}, 500, 90),
        ({"timeout": 500, "stream_timeout": 500}, {"stream_timeout": 90}, 500, 90),  # moved in
        ({"timeout": 500, "stream_timeout": 70}, {"stream_timeout": 90}, 500, 70),
        ({"stream_timeout": 0}, {"timeout": 900, "stream_timeout": 0}, 900, 900),
    ],
)
def test_times(
    target: dict[str, Any], group: dict[str, Any], plain: int | None, silence: int | None
) -> None:
    whole, other = model(group=GROUP, **group), model(**target)
    found = _within(whole, GROUP, other)
    assert (found.timeout, found.stream_timeout) == (plain, silence)
    assert _own_silence(whole, other) == silence


def test_retries() -> None:
    whole = model(group=GROUP)
    assert _within(whole, GROUP, model()).retries == 4
    assert _within(whole, GROUP, model(retries=0)).retries == 0
    assert _within(whole, replace(GROUP, retries=None), model()).retries is None


def test_a_dialect_without_a_mapping_for_any_target_is_no_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(self: Balancers, dialect: str, model: Model) -> Any:
        raise NoMapping("no mapping here")

    async def run() -> None:
        async with Inside.serving(tmp_path, "http://127.0.0.1:1") as inside:
            file = tmp_path / "resources.yaml"
            document = json.loads(file.read_text())
            targets = [{"model": document["models"][0]["display_name"]}]
            document["models"] += [{"display_name": "g", "routing": {"targets": targets}}]
            file.write_text(json.dumps(document))
            inside.gateway.store.reload()
            balancers = inside.gateway.balancers()
            monkeypatch.setattr(Balancers, "_targets", none)
            with pytest.raises(NoMapping):
                balancers.find("openai-chat", "g")
            monkeypatch.undo()
            assert balancers.state(balancers.snapshot.named_model("g").id) is None  # type: ignore[union-attr]

    asyncio.run(run())
