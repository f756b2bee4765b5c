"""Every field of the original's documents: what it is here."""

from __future__ import annotations

from typing import Any

import pytest

from aisix.movein.declared import (
    DIFFERENT,
    NOT_SERVED,
    OUTCOMES,
    REFUSED,
    RENAMED,
    SAME,
    kinds,
    put,
)
from aisix.movein.documents import DIRECT, MovedDocument, moved_document
from aisix.store.etcd.judge import fitting
from aisix.store.kinds.registry import KINDS
from aisix.store.resources import Model

HASH = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
LEAST: dict[str, dict[str, Any]] = {
    "provider_keys": {"display_name": "k", "provider": "openai", "api_key": "sk-1234"},
    "models": {
        "display_name": "m",
        "provider": "openai",
        "model_name": "gpt-5",
        "provider_key_id": "k",
    },
    "api_keys": {"display_name": "c", "key_hash": HASH, "allowed_models": ["m"]},
}
# A value of each field, as the original's schemas have it.
GIVEN: dict[str, dict[str, Any]] = {
    "provider_keys": {
        "display_name": "prod",
        "provider": "openai",
        "adapter": "openai",
        "api_key": "sk-5678",
        "secret": "sk-5678",
        "api_base": "https://h/v1",
        "anthropic_version": "2023-06-01",
        "headers": {"x-team": "a"},
        "request.default_headers": {"x-team": "a"},
        "request.forward_client_headers": ["x-*"],
        "request.default_body_fields": {"a": 1},
        "request.param_renames": {"a": "b"},
        "request.param_constraints.temperature_min": 0.1,
        "request.param_constraints.temperature_max": 0.9,
        "default_headers": {"x-team": "a"},
        "forward_client_headers": ["x-*"],
        "default_body_fields": {"a": 1},
        "param_renames": {"a": "b"},
        "param_constraints": {"a": {"max": 1}},
        "response.content_list_to_string": True,
        "response.reasoning_field": "r",
        "response.stream_done_marker": "x",
        "response.error_envelope": "x",
        "telemetry_tags": {"a": "b"},
        "strip_headers": ["a"],
        "tls.verify": False,
        "tls.ca_file": "/a",
        "tls.client_cert": "/a",
        "tls.client_key": "/a",
        "tls.ca_cert": "-----BEGIN",
    },
    "models": {
        "display_name": "small",
        "provider": "openai",
        "model_name": "gpt-5-mini",
        "provider_key_id": "other",
        "timeout": 100,
        "stream_timeout": 50,
        "retries": 1,
        "rate_limit": {"rpm": 0},
        "allowed_cidrs": ["10.0.0.0/8"],
        "cost": {"input_per_1k": 1, "output_per_1k": 2},
        "cooldown.enabled": True,
        "cooldown.default_seconds": 3,
        "cooldown.max_seconds": 3,
        "cooldown.honor_retry_after": True,
        "cooldown.trigger_statuses": [429],
        "cooldown.trigger_on_timeout": True,
        "cooldown.trigger_on_transport": True,
        "background_model_check.enabled": True,
        "background_model_check.interval_seconds": 5,
        "background_model_check.timeout_seconds": 5,
        "background_model_check.prompt": "hi",
        "background_model_check.max_tokens": 5,
        "background_model_check.answer_tokens": 5,
        "background_model_check.stale_after_seconds": 5,
        "background_model_check.ignore_statuses": [429],
        "auto_prompt_caching.enabled": True,
        "auto_prompt_caching.ttl": "5m",
        "embedding.dimensions": 5,
        "embedding.normalize": True,
        "routing": {"strategy": "failover", "targets": [{"model": "a"}]},
        "ensemble": {"models": ["a"]},
        "semantic": {"routes": []},
        "strict": True,
        "mapping": "a",
        "options": {"a": 1},
        "traits": ["a"],
        "overlay": "for = 'a'",
        "stream_total_timeout": 1,
        "first_byte_timeout": 1,
        "connect_timeout": 1,
        "retry_on_timeout": True,
        "targets": [{"model_name": "a", "provider_key_id": "k"}],
        "adapters": {"a": "b"},
    },
    "api_keys": {
        "display_name": "ci",
        "key_hash": "a" * 64,
        "allowed_models": ["a*"],
        "expires_at": "2020-01-01T00:00:00Z",
        "disabled": True,
        "previous": {"key_hash": HASH, "expires_at": "2020-01-01T00:00:00Z"},
        "rate_limit": {"rpm": 1},
        "team_id": "t",
        "user_id": "u",
        "user_name": "n",
        "jwt_subject": "s",
        "jwt_provider": "p",
        "mcp_access": {},
        "mcp_rate_limits": {},
        "allowed_agents": [],
        "allowed_routes": [],
    },
}
FIELDS = [(kind, name) for kind, fields in GIVEN.items() for name in fields]


def moved(kind: str, **fields: Any) -> MovedDocument:
    document = {**LEAST[kind]}
    for name, value in fields.items():
        document.pop(name, None)
        put(document, name, value)
    return moved_document(kind, document)


def test_every_field_has_a_row_and_every_row_an_outcome_and_a_reason() -> None:
    served = {kind: rows.fields for kind, rows in kinds().items() if rows.served}
    assert {kind: [*fields] for kind, fields in served.items()} == {
        kind: [*fields] for kind, fields in GIVEN.items()
    }
    for kind, fields in served.items():
        ours = KINDS.paths()[kind]
        for name, row in fields.items():
            assert row.outcome in OUTCOMES and (row.why or row.outcome in (SAME, RENAMED)), name
            top = row.ours.partition(".")[0]
            assert not row.ours or top in {one.name for one in ours.fields}, name


def test_every_field_of_ours_is_known_in_a_document_of_theirs_too() -> None:
    """A document of ours that lost its times is read as it is."""
    for kind in ("provider_keys", "models", "api_keys"):
        ours = {one.name for one in KINDS.paths()[kind].stored.values()}
        theirs = {name.partition(".")[0] for name in kinds()[kind].fields}
        assert ours <= theirs, kind


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_each_field_is_what_its_row_says(kind: str, name: str) -> None:
    row = kinds()[kind].fields[name]
    fields = {name: GIVEN[kind][name]}
    beside = {"auto_prompt_caching.enabled": True} if name.startswith("auto_prompt") else {}
    fields = {**beside, **fields}
    if name == "api_key":
        fields["secret"] = None
    elif name == "secret":
        fields["api_key"] = None
    elif name == "routing":
        fields |= dict.fromkeys(DIRECT)
    found = moved(kind, **fields)
    [said] = [one for one in found.said if one.name == name]
    assert said.outcome == row.outcome
    if row.outcome == REFUSED:
        assert (name, row.why) in [(one.path, one.text) for one in found.wrong]
        return
    assert found.wrong == []
    at: Any = found.document
    for step in row.ours.split(".") if row.ours else ():
        at = at[step]
    assert not row.ours or row.turn == "nothing" or at == GIVEN[kind][name]
    assert (name in found.ignored) == (row.outcome in (DIFFERENT, NOT_SERVED))


@pytest.mark.parametrize("kind", [*LEAST])
def test_what_comes_out_fits_our_kind(kind: str) -> None:
    found = moved(kind)
    ours = KINDS.paths()[kind]
    assert found.wrong == found.unknown == []
    complaints, _, unknown = fitting(ours.name, found.document, None)
    assert (complaints, unknown) == ([], ())
    assert moved_document(kind, found.document).document == found.document  # twice is once


@pytest.mark.parametrize(
    ("provider", "adapter", "ours"),
    [
        ("openai", "anthropic", ("openai", "openai")),
        ("anthropic", None, ("anthropic", "anthropic")),
        ("deepseek", "openai", ("deepseek", "openai")),
        ("Deep Seek", "openai", ("deep-seek", "openai")),
        ("", "openai", ("openai", "openai")),
        ("深度", "anthropic", ("other", "anthropic")),
    ],
)
def test_who_speaks_which_dialect(
    provider: str, adapter: str | None, ours: tuple[str, str]
) -> None:
    found = moved("provider_keys", provider=provider, adapter=adapter)
    assert (found.document["provider"], found.document["adapter"]) == ours
    assert found.wrong == []


@pytest.mark.parametrize("adapter", ["bedrock", "vertex", "azure-openai", "telepathy"])
def test_an_adapter_that_is_not_here_is_refused_by_name(adapter: str | None) -> None:
    [one] = moved("provider_keys", provider="deepseek", adapter=adapter).wrong
    assert one.path == "adapter" and "openai, anthropic" in one.text


@pytest.mark.parametrize(
    ("adapter", "base", "ours"),
    [
        ("openai", "https://api.openai.com", "https://api.openai.com"),
        ("openai", "https://api.openai.com/", "https://api.openai.com"),
        ("openai", "https://api.deepseek.com", "https://api.deepseek.com/."),
        ("openai", "https://api.deepseek.com/v1/", "https://api.deepseek.com/v1"),
        ("openai", "https://h/v1/chat/completions", "https://h/v1"),
        ("openai", "https://h/chat/completions", "https://h/."),
        ("openai", "https://h/x/embeddings?a=b", "https://h/x?a=b"),
        ("anthropic", "https://h/v1/messages", "https://h/v1/messages"),
        ("openai", "", None),
    ],
)
def test_what_stands_in_an_address_stays(adapter: str, base: str, ours: str | None) -> None:
    found = moved("provider_keys", provider="x", adapter=adapter, api_base=base)
    assert found.document.get("api_base") == ours


def test_fields_for_one_adapter_are_passed_over_with_another() -> None:
    name = "request.param_renames"
    found = moved("provider_keys", **{"provider": "anthropic", name: {"a": "b"}})
    assert found.wrong == [] and found.ignored == (name,)


def test_a_key_that_names_no_adapter_is_kept_and_told() -> None:
    found = moved("provider_keys", provider="OpenAI", adapter=None)
    assert found.wrong == [] and found.ignored == ("adapter", "provider")
    assert found.document["adapter"] == "none"  # not that of the company's name in small letters


def test_what_is_added_to_each_request_comes_to_our_names() -> None:
    headers = {"x-a": "${request.id}", "x-b": "b"}
    bounds = {"temperature_min": 0, "temperature_max": 0.5}
    request = {"default_headers": headers, "param_constraints": bounds}
    found = moved("provider_keys", request=request)
    assert found.document["default_headers"] == headers
    assert found.document["param_constraints"] == {"temperature": {"min": 0, "max": 0.5}}
    assert found.ignored == () and found.unknown == []


@pytest.mark.parametrize(
    ("listed", "kept", "told"),
    [
        (["10.0.0.0/8", "::1/128"], ["10.0.0.0/8", "::1/128"], False),
        (["10.0.0.0/8", "10.0.0.1", "nowhere"], ["10.0.0.0/8"], True),
        (["10.0.0.1"], ["10.0.0.1"], True),
        ([], [], False),
    ],
)
def test_where_callers_must_come_from(listed: list[str], kept: list[str], told: bool) -> None:
    found = moved("models", allowed_cidrs=listed)
    assert found.wrong == [] and found.document["allowed_cidrs"] == kept
    assert (found.ignored == ("allowed_cidrs",)) is told


def test_a_list_of_no_network_lets_nobody_in() -> None:
    document = moved("models", allowed_cidrs=["10.0.0.1"]).document
    complaints, kept, told = fitting("models", document, None)
    assert complaints == [] and told == ("~allowed_cidrs",)
    model = KINDS["models"].build("m", kept, None, 0)
    assert isinstance(model, Model) and model.allowed_cidrs == ()


def test_an_unfit_secret_and_address_are_kept_and_told() -> None:
    document = moved("provider_keys", api_key=None, api_base="no url").document
    complaints, kept, told = fitting("provider_keys", document, "sk-\n1")
    assert complaints == [] and kept["api_base"] == "no url"
    assert told == ("~secret", "~api_base")


def test_a_company_of_that_name_has_its_own_dialect_there() -> None:
    assert moved("models", provider="anthropic").document["adapters"] == {
        "anthropic-messages": "anthropic"
    }
    assert "adapters" not in moved("models").document


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({}, None),
        ({"timeout": 5}, {"status_first": True}),
        ({"timeout": 0, "stream_timeout": 0}, None),
        ({"auto_prompt_caching": {"enabled": False, "ttl": "1h"}}, None),
        ({"auto_prompt_caching": {"enabled": True}}, {"cache_breakpoints": "5m"}),
        ({"auto_prompt_caching": {"enabled": True, "ttl": "1h"}}, {"cache_breakpoints": "1h"}),
        (
            {"timeout": 5, "options": {"status_first": False}},
            {"status_first": False},
        ),
    ],
)
def test_what_becomes_an_option(fields: dict[str, Any], options: dict[str, Any] | None) -> None:
    assert moved("models", **fields).document.get("options") == options


@pytest.mark.parametrize(
    ("fields", "ours"),
    [
        ({"timeout": 500}, (500, 500)),
        ({"timeout": 500, "stream_timeout": 20}, (500, 20)),
        ({"timeout": 500, "stream_timeout": 0}, (500, 500)),
        ({"timeout": 0}, (0, 0)),
        ({"stream_timeout": 0}, (None, None)),
        ({}, (None, None)),
    ],
)
def test_how_long_a_stream_may_be_silent(
    fields: dict[str, int], ours: tuple[int | None, int | None]
) -> None:
    document = moved("models", **fields).document
    assert (document.get("timeout"), document.get("stream_timeout")) == ours


def test_a_model_is_one_thing() -> None:
    found = moved("models", semantic={"routes": []})
    assert any("is one of" in one.text for one in found.wrong)


def test_a_group_and_what_does_nothing_in_it() -> None:
    group = {"strategy": "weighted", "targets": [{"model": "a"}]}
    dead = {"retries": 2, "cost": {"input_per_1k": 1, "output_per_1k": 1}}
    found = moved_document("models", {"display_name": "g", "routing": group, "timeout": 9, **dead})
    assert found.wrong == []
    assert found.unknown == ["inapplicable:cost", "inapplicable:retries"]
    assert found.document["routing"] == {"strategy": "round_robin", "targets": [{"model": "a"}]}
    assert found.document["stream_timeout"] == 9 and found.ignored == ("routing",)
    assert fitting("models", found.document, None)[0] == []
    missing = moved_document("models", {"display_name": "g", "routing": {"strategy": "sticky"}})
    assert len(fitting("models", missing.document, None)[0]) == 2


def test_a_routing_of_ours_stays_as_it_is() -> None:
    targets = [{"model_name": "a", "provider_key_id": "k"}]
    document = {"display_name": "m", "provider": "p", "routing": "failover", "targets": targets}
    found = moved_document("models", document)
    assert found.document == document and found.wrong == found.unknown == []


def test_a_field_that_neither_has_is_unknown_with_its_path() -> None:
    found = moved("models", **{"colour": 1, "cooldown.colour": 2})
    assert found.unknown == ["colour", "cooldown.colour"]
    assert "colour" not in found.document and "cooldown" not in found.document


def test_names_of_aliases_with_two_stars_match_nothing() -> None:
    found = moved("api_keys", allowed_models=["a*", "*b*"])
    assert found.document["allowed_models"] == ["a*"] and found.ignored == ("allowed_models",)


def test_two_names_of_one_field() -> None:
    found = moved("provider_keys", secret="sk-2")
    assert [one.path for one in found.wrong] == ["secret"]
    assert "sk-" not in str(found.wrong)


def test_retries_of_a_group_have_an_end() -> None:
    group = {"targets": [{"model": "a"}], "retries": 99}
    moved = moved_document("models", {"display_name": "g", "routing": group})
    assert moved.document["routing"]["retries"] == 10
    assert [one.why for one in moved.said if one.name == "routing"] == [
        "retries: above 10 counts as 10"
    ]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"auto_prompt_caching": True}, "auto_prompt_caching"),
        ({"auto_prompt_caching": {"enabled": "yes"}}, "auto_prompt_caching"),
        ({"auto_prompt_caching": {"enabled": True, "ttl": "10m"}}, "auto_prompt_caching"),
        ({"auto_prompt_caching": {"enabled": True, "ttl": ["5m"]}}, "auto_prompt_caching"),
        ({"auto_prompt_caching": {"ttl": "5m"}}, "auto_prompt_caching"),
        ({"cost": {"input_per_1k": 1}}, "cost"),
        ({"cost": {"input_per_1k": 1, "output_per_1k": None}}, "cost"),
    ],
)
def test_half_of_what_belongs_together_is_refused(fields: dict[str, Any], path: str) -> None:
    found = moved("models", **fields)
    assert [one.path for one in found.wrong] == [path]
