"""An alias with several targets: what may be written, what is referred to, what a read shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aisix.store import writes
from aisix.store.base import ChangeRefused, Store, no_extra_check
from aisix.store.kinds.registry import KINDS
from aisix.store.normalize import Normalizer
from aisix.store.opening import open_store
from aisix.store.resources import Model
from aisix.store.snapshot import Entry, Snapshot


@pytest.fixture
def store(tmp_path: Any) -> Any:
    opened = open_store(tmp_path, None)
    for name in ("first", "second"):
        body = {"display_name": name, "provider": "anthropic", "secret": f"secret-of-{name}"}
        writes.create(opened, "provider_keys", body, now=0, new_id=f"pk-{name}")
    yield opened
    opened.close()


def model(store: Store, targets: Any, **more: Any) -> Model:
    body = {"display_name": "m", "provider": "anthropic", "targets": targets, **more}
    written = writes.create(store, "models", body, now=0, new_id="m1")
    found = store.current().model(written.entry.document["display_name"].replace("*", "x"))
    assert found is not None
    return found


def refused(store: Store, targets: Any, **more: Any) -> list[str]:
    with pytest.raises(ChangeRefused) as caught:
        model(store, targets, **more)
    return [str(c) for c in caught.value.complaints]


TWO = [
    {"provider_key": "first", "model_name": "a", "weight": 3, "options": {"x": 1}},
    {"provider_key_id": "pk-second", "model_name": "b", "traits": ["t"]},
]


def test_targets_name_their_provider_keys_by_id_or_by_name(store: Store) -> None:
    found = model(store, TWO, routing="round_robin")
    assert [(t.provider_key_id, t.model_name, t.weight) for t in found.targets] == [
        ("pk-first", "a", 3),
        ("pk-second", "b", 1),
    ]
    assert found.targets[0].options == {"x": 1}
    assert (found.targets[0].traits, found.targets[1].traits) == (None, ("t",))
    assert (found.model_name, found.provider_key_id) == ("a", "pk-first")
    assert found.routing == "round_robin"
    shown = store.current().entries("models")[0].envelope()["value"]
    assert shown["targets"][0]["provider_key_id"] == "pk-first"
    assert TWO[0]["provider_key"] == "first", "the writer's body was changed"


def test_a_wildcard_alias_fills_every_target(store: Store) -> None:
    targets = [{"provider_key": "first", "model_name": "up-*"}]
    found = model(store, targets, display_name="any-*")
    assert found.targets[0].model_name == "up-x"
    assert found.model_name == "up-x"


def test_what_is_wrong_with_targets_is_told_with_its_place(store: Store) -> None:
    assert refused(store, []) == ["targets: must be a list of 1 to 32 targets"]
    said = refused(
        store,
        [
            {"provider_key": "third", "model_name": "a"},
            {"provider_key_id": "pk-none", "model_name": "*", "weight": -1},
            {"model_nam": "c"},
            7,
        ],
        routing="random",
    )
    assert said == [
        "routing: must be one of failover, round_robin, least_busy",
        "targets[0].provider_key: no provider key has this display_name",
        "targets[1].weight: must be from 0 to 1000",
        'targets[2].model_nam: unknown field (did you mean "model_name"?)',
        "targets[2].model_name: required in each target",
        "targets[2].provider_key_id: required in each target",
        "targets[3]: must be an object",
    ]
    said = refused(store, [{"provider_key_id": "pk-none", "model_name": "*"}])
    assert said == [
        "targets[0].model_name: may hold a `*` only when `display_name` holds one",
        "targets[0].provider_key_id: no provider key has this id",
    ]
    assert refused(store, TWO, model_name="a") == [
        "model_name: stands in each of the `targets`: leave it out here"
    ]


def test_routing_without_targets_is_refused(store: Store) -> None:
    body = {"display_name": "m", "provider": "anthropic", "model_name": "a"}
    with pytest.raises(ChangeRefused, match="routing: chooses among `targets`"):
        more = {"provider_key": "first", "routing": "failover"}
        writes.create(store, "models", {**body, **more}, now=0, new_id="m1")


def test_a_provider_key_that_a_target_names_is_not_deleted(store: Store) -> None:
    model(store, TWO)
    with pytest.raises(ChangeRefused, match="still used by the models m"):
        writes.delete(store, "provider_keys", "pk-second")
    gone = writes.delete(store, "provider_keys", "pk-second", cascade=True)
    assert [entry.id for entry in gone] == ["m1", "pk-second"]


def test_a_group_leads_to_aliases_that_are_there(store: Store) -> None:
    model(store, TWO)
    group = {"display_name": "g", "routing": {"targets": [{"model": "m"}, {"model": "ghost"}]}}
    with pytest.raises(ChangeRefused) as caught:
        writes.create(store, "models", group, now=0, new_id="g")
    [told] = map(str, caught.value.complaints)
    assert told == "routing.targets[1].model: no model has this display_name"
    group["routing"] = {"targets": [{"model": "m"}]}
    writes.create(store, "models", group, now=0, new_id="g")
    writes.delete(store, "models", "m1")
    # What was named before may stay: the group is told of elsewhere, and can still be changed.
    writes.merge(store, "models", "g", {"rate_limit": {"rpm": 1}}, now=0)


def test_a_label_that_two_keys_share_keeps_neither_from_being_changed(store: Store) -> None:
    """Somebody else stored it so; to be given anew it must be free."""
    body = {"allowed_models": ["*"], "display_name": "ci"}
    entries = [
        Entry("apikeys", id, n, n, 0, 0, {**body, "key_hash": f"{n}" * 64}, None)
        for n, id in enumerate(("a", "b"), 1)
    ]

    def changed(**fields: Any) -> dict[str, Any]:
        given = {**entries[1].document, **fields}
        kind, snapshot = KINDS["apikeys"], Snapshot(entries, 2)
        return Normalizer(kind, "b", entries[1], given, snapshot, 0, "").document(no_extra_check)

    assert changed(disabled=True)["disabled"] is True
    assert changed(display_name="other")["display_name"] == "other"
    entries[0] = replace(entries[0], document={**entries[0].document, "display_name": "taken"})
    with pytest.raises(ChangeRefused, match="is taken by the api key a"):
        changed(display_name="taken")
