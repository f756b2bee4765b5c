"""Which models of the tables an alias with a wildcard stands for, in lists."""

from __future__ import annotations

from typing import Any

import pytest

from aisix.config.shipped import shipped_mappings
from aisix.mapping.mappings import Mappings, load_mappings
from aisix.routing import known_models
from aisix.store.snapshot import Entry, Snapshot


@pytest.fixture(scope="module")
def mappings() -> Mappings:
    return load_mappings([shipped_mappings()])


def stored(*models: tuple[str, str], provider: str = "anthropic", adapter: str = "") -> Snapshot:
    """Of each model its alias and its upstream model."""
    names = {"display_name": "k", "provider": provider, "adapter": adapter or provider}
    documents: list[tuple[str, str, dict[str, Any]]] = [("provider_keys", "k", names)]
    for number, (alias, model) in enumerate(models):
        more = {"provider": provider, "provider_key_id": "k"}
        document = {"display_name": alias, "model_name": model, **more}
        documents.append(("models", f"m{number}", document))
    entries = (Entry(kind, id, 1, 1, 0, 0, document, "s") for kind, id, document in documents)
    return Snapshot(entries, 1)


def names(snapshot: Snapshot, mappings: Mappings) -> list[str]:
    return [model.display_name for model in known_models.known_models(snapshot, mappings)]


def test_a_pattern_stands_for_what_the_tables_list(mappings: Mappings) -> None:
    listed = names(stored(("claude-*", "claude-*")), mappings)
    assert {"claude-opus-5-5", "claude-sonnet-4-6", "claude-haiku-4-5"} <= {*listed}
    assert len(listed) == len({*listed}) and "claude-opus-5.5" not in listed
    assert names(stored(("fast-*", "claude-haiku-*")), mappings) == ["fast-5-5", "fast-4-5"]
    assert names(stored(("*", "*")), mappings) == listed
    assert names(stored(("x/*", "*")), mappings) == [f"x/{name}" for name in listed]


def test_what_leads_to_one_model_or_to_nobody_knows_whom_stands_for_none(
    mappings: Mappings,
) -> None:
    assert names(stored(("fast-*", "claude-haiku-4-5")), mappings) == []
    assert names(stored(("fast-*", "nothing-*")), mappings) == []
    assert names(stored(("*", "*"), provider="ollama", adapter="openai"), mappings) == []
    assert "gpt-4o" in names(stored(("*", "*"), provider="openai"), mappings)
    assert "gpt-4o" in names(
        stored(("gpt-*", "gpt-*"), provider="proxy", adapter="openai"), mappings
    )


def test_of_several_aliases_the_one_that_answers_is_shown(mappings: Mappings) -> None:
    pairs = ("*", "*"), ("claude-opus-*", "claude-opus-*"), ("claude-opus-5-5", "claude-opus-5")
    snapshot = stored(*pairs)
    found = {m.display_name: m for m in known_models.known_models(snapshot, mappings)}
    assert found["claude-opus-5-5"].model_name == "claude-opus-5"
    assert found["claude-opus-4-8"].id == "m1" and found["claude-haiku-4-5"].id == "m0"


def test_names_are_bounded_and_that_is_told(
    mappings: Mappings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(known_models, "MOST", 3)
    snapshot = stored(*((f"{n}-*", "claude-*") for n in range(5)))
    with caplog.at_level("WARNING", "aisix"):
        assert len(names(snapshot, mappings)) == 3
    assert "the first 3" in caplog.text


def test_every_listed_id_has_a_row_of_its_own(mappings: Mappings) -> None:
    ids = 0
    for mapping in mappings.mappings.values():
        models = mapping.tree.data["models"]
        for row, data in models.get("model", {}).items():
            for id in data.get("ids", ()):
                ids += 1
                assert mapping.row_for(id) == row, id
    assert ids > 30
