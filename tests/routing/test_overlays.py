"""The tables an alias carries: against all that serve it, with the last good ones when they change."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from aisix.config.settings import load_settings
from aisix.config.shipped import shipped_mappings
from aisix.errors import OperatorError
from aisix.mapping.mappings import Mappings, load_mappings
from aisix.routing import resource_checks
from aisix.routing.balancers import Balancers
from aisix.routing.circuit_breaker import BreakerRules, CircuitBreakers
from aisix.routing.target import Target, make_targets
from aisix.store.snapshot import Entry, Snapshot

NAME = "openai-chat/anthropic-messages"
CLAMP = {"request": {"field": {"max_tokens": {"max": 4096}}}}
MODEL = {
    "display_name": "small",
    "provider": "anthropic",
    "model_name": "claude-opus-5-5",
    "provider_key_id": "a",
}


@cache
def shipped() -> Mappings:
    return load_mappings([shipped_mappings()])


def entry(kind: str, id: str, document: dict[str, Any]) -> Entry:
    return Entry(kind, id, 1, 1, 0, 0, document, "sk-0123456789" if kind != "models" else None)


def snapshot(**model: Any) -> Snapshot:
    keys = [
        entry("provider_keys", name[0], {"display_name": name, "provider": name, "adapter": name})
        for name in ("anthropic", "openai")
    ]
    return Snapshot([*keys, entry("models", "m", {**MODEL, **model})], 1)


def faults(overlay: Any, mappings: Mappings | None = None, **model: Any) -> list[str]:
    document = {**MODEL, "overlay": overlay, **model}
    settings: Any = None  # only keys ask for them
    found = resource_checks.faults(mappings or shipped(), settings, "models", document, snapshot())
    return [str(one) for one in found]


def test_one_that_fits_every_caller_dialect_needs_not_say_whom_it_is_for() -> None:
    assert faults(CLAMP) == []
    assert faults("[request.field.max_tokens]\nmax = 4096\n") == []


def test_one_that_fits_one_caller_dialect_must_say_so() -> None:
    drop = {"request": {"shape": {"part": {"is": {"image_url": {"drop": True}}}}}}
    told, *_, last = faults(drop)
    assert told.startswith("overlay.request.shape.part")
    assert (
        "(in anthropic-messages/anthropic-messages; it fits openai-chat/anthropic-messages: say"
        in told
    )
    assert last.endswith('for = "openai-chat/anthropic-messages")')
    assert faults({"for": "openai-chat", **drop}) == []


@pytest.mark.parametrize(
    ("overlay", "told"),
    [
        ({"for": "openai-chatt", **CLAMP}, 'overlay.for: no mapping or caller dialect "openai-chatt" (did'),
        ({"for": "openai-chat/openai-chat", **CLAMP}, 'overlay.for: "openai-chat/openai-chat" never serves'),
        ([CLAMP, {"request": {"field": {"x": {"form": "y"}}}}], 'overlay[1].request.field.x.form: unknown key'),
        ("[request.field.max_tokens]\nmaxx = 1\n", "overlay.request.field.max_tokens.maxx: line 2: unknown key"),
        ({"request": {"field": {"max_tokens": {"max": None}}}}, "overlay.request.field.max_tokens.max: null"),
    ],
)  # fmt: skip
def test_a_slip_is_told_with_the_path_inside_the_resource(overlay: Any, told: str) -> None:
    assert faults(overlay)[0].startswith(told)


def test_a_target_s_own_is_laid_over_the_alias_s() -> None:
    targets: list[dict[str, Any]] = [
        {"provider_key_id": "a", "model_name": "claude-opus-5-5", "overlay": {"request": {"field": {"x": {"form": "y"}}}}},
        {"provider_key_id": "o", "model_name": "gpt-5"},
    ]  # fmt: skip
    model = {"targets": targets, "model_name": None, "provider_key_id": None}
    own = {"for": "openai-chat/anthropic-messages", **CLAMP}
    told = faults(own, **model)
    assert len(told) == 1
    assert told[0].startswith("targets[0].overlay.request.field.x.form: unknown key")
    targets[0]["overlay"] = "[request.field.max_tokens]\nmax = 7\n"
    assert faults(own, **model) == []
    found = balancers(shipped(), snapshot(overlay=own, **model)).find("openai-chat", "small")
    assert found is not None
    first, second = found.targets
    assert first.tables.tree.data["request"]["field"]["max_tokens"]["max"] == 7
    assert first.tag.count("+") == 2
    assert second.tables.overlays == ()
    assert "+" not in second.tag


# ---------------------------------------------------------------- tables that change
def balancers(mappings: Mappings, content: Snapshot, before: Balancers | None = None) -> Balancers:
    breakers = CircuitBreakers(BreakerRules(3, 30, 0.2))
    settings = load_settings(None, {})
    return Balancers(settings, content, mappings, breakers, before and before.last_good)


def test_when_it_no_longer_fits_its_alias_serves_as_it_did_and_others_take_the_new_tables(
    tmp_path: Path,
) -> None:
    content = snapshot(overlay={"for": "openai-chat", **CLAMP})
    plain = entry("models", "n", {**MODEL, "display_name": "other"})
    content = Snapshot([*content.all_entries(), plain], 1)
    before = balancers(shipped(), content)
    served = before.find("openai-chat", "small")
    assert served is not None
    assert resource_checks.misfits(shipped(), content) == []

    site = tmp_path / "site" / NAME
    site.mkdir(parents=True)
    (site / "request.toml").write_text("[field]\nmax_tokens = 4096\n")
    changed = load_mappings([shipped_mappings(), tmp_path / "site"])
    [misfit] = resource_checks.misfits(changed, content)
    assert (misfit.id, misfit.alias) == ("m", "small")
    assert str(misfit).startswith("models/small: overlay.request.field.max_tokens")
    settings = load_settings(None, {})
    assert resource_checks.stored(changed, settings, content, [misfit]) == [str(misfit)]

    after = balancers(changed, content, before)
    kept, other = after.find("openai-chat", "small"), after.find("openai-chat", "other")
    assert kept is not None and other is not None
    assert kept.targets[0].tables is served.targets[0].tables
    assert other.targets[0].tables.digest == changed.mappings[NAME].digest
    without = balancers(changed, content)  # a process that never had them: not without the overlay
    for _ in range(2):
        with pytest.raises(OperatorError, match="max_tokens"):
            without.find("openai-chat", "small")

    ready = balancers(changed, content, None)  # those made ready beside do not touch what serves
    ready.last_good = before.last_good.copy()
    assert ready.find("openai-chat", "small") is not None
    back = balancers(shipped(), content, after).find("openai-chat", "small")
    assert back is not None
    assert back.targets[0].tables.digest == shipped().mappings[NAME].digest


def test_tables_that_do_not_fit_are_not_read_for_every_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []

    def make(*given: Any) -> list[Target]:
        asked.append(given)
        return make_targets(*given)

    monkeypatch.setattr("aisix.routing.balancers.make_targets", make)
    own = balancers(shipped(), snapshot(overlay={"request": {"field": {"x": {"form": "y"}}}}))
    told = []
    for _ in range(3):
        with pytest.raises(OperatorError) as raised:
            own.find("openai-chat", "small")
        told.append(raised.value)
    assert len(asked) == len({str(error) for error in told}) == 1
    assert len({id(error) for error in told}) == 3, "a raised one holds on to who raised it"


def test_what_it_is_for_is_gone_with_its_mapping(tmp_path: Path) -> None:
    """An overlay for a mapping that has another name now is not left out without a word."""
    content = snapshot(overlay={"for": "openai-chat/mine", **CLAMP}, mapping="mine")
    site = tmp_path / "site" / "openai-chat" / "mine"
    site.mkdir(parents=True)
    (site / "mapping.toml").write_text('like = "anthropic-messages"\n')
    with_it = load_mappings([shipped_mappings(), tmp_path / "site"])
    before = balancers(with_it, content)
    served = before.find("openai-chat", "small")
    assert served is not None
    (site / "mapping.toml").rename(site.parent / "kept.toml")
    site.rmdir()
    (site.parent / "ours").mkdir()
    (site.parent / "kept.toml").rename(site.parent / "ours" / "mapping.toml")
    without = load_mappings([shipped_mappings(), tmp_path / "site"])
    kept = balancers(without, content, before).find("openai-chat", "small")
    assert kept is not None
    assert kept.targets[0].tables is served.targets[0].tables


def test_what_serves_is_remembered_for_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aisix.routing.overlays.MOST", 2)
    own = balancers(shipped(), snapshot(display_name="*", model_name="claude-*", overlay=CLAMP))
    for name in ("a", "b", "c", "b"):
        assert own.find("openai-chat", name) is not None
    assert len(own.last_good._known) == 2


# ---------------------------------------------------------------- what does nothing
FOR = 'for = "openai-chat/anthropic-messages"\n'
IDLE = {
    "beside what wins": (
        "[request.shape.part.is.image_url]\nreject = 'missing'\n",
        "overlay.request.shape.part.is.image_url.reject: line 3: never acts: `use` beside it wins",
    ),
    "used by nothing": (
        "[request.shape.mine]\na = { from = 'b' }\n",
        "overlay.request.shape.mine: line 2: nothing uses it",
    ),
    "nothing to take away": (
        "[request.field.max_tokns]\ndrop = true\n",
        "overlay.request.field.max_tokns.drop: line 3: there is nothing here to take away",
    ),
    "by what is reached": (
        "[errors.upstream.overloaded]\nmessage = 'wait'\nlongest = 30\n",
        "overlay.errors.upstream.overloaded.longest: line 4: changes nothing",
    ),
    "asked for by nothing": (
        "[request.let.mine]\nfrom = 'user'\n",
        "overlay.request.let.mine: line 2: changes nothing: nothing asks for `$let.mine`",
    ),
    "a rule of another trait": (
        "[request.field.top_k]\nmax = 3\n",
        "overlay.request.field.top_k.max: line 3: never acts: `policy` beside it wins (",
    ),
}


@pytest.mark.parametrize("name", IDLE)
def test_who_writes_a_key_that_does_nothing_is_told_and_what_is_kept_serves(name: str) -> None:
    overlay, told = IDLE[name]
    assert faults(FOR + overlay)[0].startswith(told)
    content, settings = snapshot(overlay=FOR + overlay), load_settings(None, {})
    document = content.entries("models")[0].document
    args = shipped(), settings, "models", document, content
    assert resource_checks.faults(*args, idle=False) == []  # a resources file is taken over
    idle: list[str] = []
    assert resource_checks.misfits(shipped(), content, idle) == []
    found = balancers(shipped(), content).find("openai-chat", "small")
    assert found is not None
    assert len(found.targets[0].tables.overlays) == 1
    [whole] = resource_checks.of_overlays(shipped(), content)
    assert str(whole).startswith(f"models/small: {told}")
    if "changes nothing" not in told:  # which takes too long to be asked of a gateway
        assert idle[0].startswith(f"models/small: {told}")


def test_what_does_nothing_for_any_of_many_models_is_told() -> None:
    overlay = FOR + "[request.field.max_tokens]\nmax = 7\n[request.let.mine]\nfrom = 'user'\n"
    [told] = faults(overlay, model_name="claude-*")
    assert told.startswith("overlay.request.let.mine: line 4: changes nothing")


def test_what_an_upgrade_makes_idle_serves_on(tmp_path: Path) -> None:
    content = snapshot(overlay=FOR + "[request.field.max_tokens]\nmax = 7\n")
    site = tmp_path / "site" / NAME
    site.mkdir(parents=True)
    (site / "request.toml").write_text("[field.max_tokens]\npolicy = 'drop'\n")
    changed = load_mappings([shipped_mappings(), tmp_path / "site"])
    assert balancers(changed, content).find("openai-chat", "small") is not None
    idle: list[str] = []
    assert resource_checks.misfits(changed, content, idle) == []
    [told] = idle
    assert told.startswith("models/small: overlay.request.field.max_tokens.max: line 3: never acts")


def test_what_acts_for_one_target_or_one_model_of_many_acts() -> None:
    clamp = FOR + "[request.field.top_k]\nmax = 3\n"
    many = {"display_name": "*", "model_name": "claude-*"}
    assert faults(clamp)
    assert faults(clamp, **many) == []  # some of them have it
    targets = [
        {"provider_key_id": "a", "model_name": name} for name in ("claude-haiku-4-5", "claude-x")
    ]
    assert len(faults(FOR + IDLE["by what is reached"][0], **many)) == 1
    two = {"targets": targets, "model_name": None, "provider_key_id": None}
    row = FOR + "[request.let.mine]\nfrom = 'user'\n[request.field.x]\nfrom = '$let.mine'\n"
    assert faults(row, **two) == []


def test_a_field_that_the_caller_s_own_takes_the_place_of_is_noted() -> None:
    content = snapshot()

    def noted(overlay: Any) -> list[str]:
        document = {**MODEL, "provider_key_id": "o", "model_name": "gpt-5", "overlay": overlay}
        return [str(one) for one in resource_checks.notes(shipped(), "models", document, content)]

    passed_on = 'for = "openai-chat"\n'
    [told] = noted(passed_on + "[request.field]\nservice_tier = 'flex'\n")
    path = "overlay.request.field.service_tier"
    assert told.startswith(f'{path}: line 3: where the caller sends "service_tier", [rest] passes')
    own = passed_on + "[request.field.service_tier]\nfrom = 'service_tier'\ndefault = 'flex'\n"
    assert noted(own) == []
    assert noted({"for": "openai-chat", **CLAMP}) == []
    assert noted(passed_on + "[request.field.x]\nform = 'y'\n") == []  # a fault, which is told
    assert resource_checks.notes(shipped(), "models", MODEL, content) == []
