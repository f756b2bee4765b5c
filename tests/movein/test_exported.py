"""A resources file made of documents: what stands in it, what does not, what is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aisix.movein.exported import OURS, SEALED, exported
from aisix.movein.resources import moved_resources
from aisix.store.etcd import layout

KEY = {"display_name": "prod", "provider": "openai", "api_key": "sk-LEAK"}
MODEL = {
    "display_name": "small",
    "provider": "openai",
    "model_name": "m-1",
    "provider_key_id": "k1",
}
CALLER = {"key_hash": "ab" * 32, "allowed_models": ["small", "x-*"]}
ALL = [
    ("models", "m1", MODEL),
    ("provider_keys", "k1", {**KEY, "_meta": {"created_at": 1}}),
    ("api_keys", "a1", CALLER),
]


def test_what_it_makes_is_a_file_that_is_read() -> None:
    found = exported(ALL)
    assert not found.blocking and not found.notes
    assert list(found.data) == ["_format_version", "provider_keys", "models", "api_keys"]
    [model], [caller] = found.data["models"], found.data["api_keys"]
    assert model == {
        **{k: v for k, v in MODEL.items() if k != "provider_key_id"},
        "provider_key": "prod",
    }
    assert caller["display_name"] == "apikey-" + "ab" * 8
    [secret] = found.secrets
    assert secret.variable == "AISIXSECRET_PROVIDER_KEY_PROD_API_KEY"
    moved = moved_resources(found.data, {secret.variable: "sk-LEAK"})
    assert not moved.wrong
    documents = {kind: document for kind, _, document, _ in moved.items}
    assert documents["provider_keys"]["secret"] == "sk-LEAK"


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        ("provider_keys", {"request": {"default_headers": {"x-tenant": "LEAK"}}}),
        ("provider_keys", {"request": {"default_body_fields": {"a": {"b": "LEAK"}, "n": 1}}}),
        ("provider_keys", {"secret": "LEAK"}),
        ("provider_keys", {"api_base": "https://me:LEAK@host/v1"}),
        ("guardrails", {"aws": {"secret_access_key": "LEAK", "access_key_id": "AKIA"}}),
        ("guardrails", {"api_key": "LEAK"}),
        ("mcp_servers", {"secret": "LEAK", "auth_type": "bearer"}),
        ("oidc_providers", {"hmac_secret": "LEAK"}),
        ("observability_exporters", {"headers": {"x-team": "LEAK"}, "access_key_secret": "LEAK"}),
        ("observability_exporters", {"endpoint": "https://token-LEAK@collector/v1"}),
        ("a2a_agents", {"bearer_token": "LEAK", "passwords": ["LEAK"]}),
    ],
)
def test_no_secret_of_any_kind_is_in_it(kind: str, document: dict[str, Any]) -> None:
    named = {"name": "one", "display_name": "one"}
    found = exported([(kind, "id", {**named, **document})])
    assert "LEAK" not in json.dumps(found.data) + repr(found.secrets)
    assert found.secrets and all(one.name == "one" for one in found.secrets)
    assert all(one.variable in json.dumps(found.data) for one in found.secrets)
    assert "AKIA" in json.dumps(found.data) or "access_key_id" not in json.dumps(document)
    assert "LEAK" in json.dumps(exported([(kind, "id", {**named, **document})], True).data)


def test_what_a_sealed_text_was_nobody_can_reveal() -> None:
    found = exported([("provider_keys", "k", {**KEY, "api_key": "sealed:AAAA"})], reveal=True)
    assert "sealed" not in json.dumps(found.data) and len(found.secrets) == 1


def test_a_dollar_stays_one() -> None:
    found = exported([("provider_keys", "k", {**KEY, "display_name": "a${b}"})])
    moved = moved_resources(found.data, {found.secrets[0].variable: "x"})
    assert not moved.wrong and moved.items[0][2]["display_name"] == "a${b}"


def test_what_could_not_be_loaded_is_told() -> None:
    twice = exported([*ALL, ("models", "m2", MODEL)])
    assert twice.blocking == ["models: 'small' is the name of m1 and of m2"]
    gone = exported([("models", "m1", MODEL)])
    assert gone.blocking == ["models: 'small': provider_key_id names nothing that is there"]
    assert gone.data["models"][0]["provider_key_id"] == "k1"
    group = {"display_name": "g", "routing": {"targets": [{"model": "no"}, {"model": "small"}]}}
    assert exported([*ALL, ("models", "g", group)]).blocking == [
        "models: 'g': 'no' is no model that is there"
    ]
    alike = [("provider_keys", id, {**KEY, "display_name": id}) for id in ("a.b", "a-b")]
    [told] = exported(alike).blocking
    assert "'a-b' and 'a.b' have the same variable" in told


def test_a_kind_nobody_knows_is_left_out_and_told() -> None:
    found = exported([("what_is_this", "x", {"a": "b"})])
    assert found.notes == ["what_is_this: 1 of a kind that no file has: left out"]
    assert list(found.data) == ["_format_version"]


def test_what_only_etcd_has_is_left_out_and_told() -> None:
    scoped = {"guardrail_id": "g1", "scope_type": "env"}
    guardrail = {"name": "words", "kind": "keyword"}
    found = exported([("guardrails", "g1", guardrail), ("guardrail_attachments", "1", scoped)])
    assert found.notes == ["guardrail_attachments: 1 of a kind that no file has: left out"]
    assert found.blocking == [] and set(found.data) == {"_format_version", "guardrails"}
    moved = moved_resources(found.data, {})
    assert moved.wrong == []


def test_what_our_gateway_writes_is_known_by_its_own_words() -> None:
    assert (OURS, SEALED) == (layout.META, layout.SEALED)
