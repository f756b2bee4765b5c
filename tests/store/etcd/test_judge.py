"""Which documents of etcd serve, without an etcd: each case is one or a few changes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aisix.store.etcd.judge import Judge
from aisix.store.etcd.layout import Layout, Stored, decode, encode
from aisix.store.etcd.wire import KeyValue
from tests.store.contract import CALLER, KEY, MODEL
from tests.store.etcd.following import keyring

PK, SMALL, CI = (one[:2] for one in (KEY, MODEL, CALLER))


def kv(body: Any, revision: int, created: int = 0) -> KeyValue:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return KeyValue(b"", raw, str(created or revision), str(revision))


def judge_of(*items: Any) -> Judge:
    judge = Judge(keyring())
    judge.settle({item[:2]: kv(item[2], n + 1) for n, item in enumerate(items)})
    return judge


def test_a_model_waits_for_its_provider_key_and_goes_with_it() -> None:
    judge = judge_of(MODEL)
    [why] = judge.refused[SMALL].complaints
    assert why == "provider_key_id: there is no provider key with this id that serves"
    judge.settle({PK: kv(KEY[2], 5)})
    assert not judge.refused and judge.good[SMALL].mod == 1
    judge.settle({PK: None})
    assert SMALL in judge.refused and not judge.good
    judge.settle({PK: kv(KEY[2], 9)})
    assert judge.good[SMALL].document["model_name"] == "m-1"


def test_the_last_good_document_serves_until_it_is_good_again_or_deleted() -> None:
    judge = judge_of(KEY, MODEL)
    for bad, why in (
        (b"{", "it is not JSON"),
        (b"[1]", "it is no object"),
        ({**MODEL[2], "timeout": "SECRET"}, "timeout: must be"),
        ({"display_name": "small"}, "model_name: "),
        ({**MODEL[2], "provider_key_id": "nobody"}, "provider_key_id: there is no"),
        ({**MODEL[2], "guardrails": ["x"]}, "guardrails: is not known here"),
    ):
        judge.settle({SMALL: kv(bad, 7, 2)})
        told = "; ".join(judge.refused[SMALL].complaints)
        assert why in told and "SECRET" not in told
        assert judge.good[SMALL].mod == 2
    judge.settle({SMALL: kv({**MODEL[2], "model_name": "m-2"}, 8, 2)})
    assert not judge.refused and judge.good[SMALL].document["model_name"] == "m-2"
    judge.settle({SMALL: kv(b"{", 9, 2)})
    judge.settle({SMALL: None})
    assert not judge.refused and SMALL not in judge.good


def test_an_unknown_field_is_served_and_noted() -> None:
    body = {**KEY[2], "colour": "red", "tls": {"verify": True, "pinned": ["x"]}}
    judge = judge_of(("provider_keys", "pk", body))
    assert not judge.refused
    assert judge.partial[PK] == ("colour", "tls.pinned")
    assert judge.good[PK].document["tls"] == {"verify": True}


def test_of_two_with_one_name_the_older_serves_whichever_is_seen_first() -> None:
    older, newer = ("models", "a"), ("models", "z")
    for order in ((3, 4), (4, 3)):
        judge = judge_of(KEY)
        for created in order:
            judge.settle({older if created == 3 else newer: kv(MODEL[2], created)})
        assert older in judge.good and newer not in judge.good
        assert judge.refused[newer].complaints == ("display_name: is that of a too",)
        judge.settle({older: None})
        assert newer in judge.good and not judge.refused


def test_two_api_keys_of_one_label_both_serve_and_of_one_hash_the_older() -> None:
    """There a key is its hash alone: a label that two share must shut nobody out."""
    one = {**CALLER[2], "display_name": "ci"}
    other = {**one, "key_hash": "f" * 64}
    judge = judge_of(KEY, MODEL, (*CI, one), ("apikeys", "other", other))
    assert not judge.refused and {CI, ("apikeys", "other")} <= judge.good.keys()
    judge.settle({("apikeys", "third"): kv(other, 9)})
    assert judge.refused["apikeys", "third"].complaints == ("key_hash: is that of other too",)
    judge.settle({("apikeys", "fourth"): kv({**one, "key_hash": "e" * 64, "display_name": ""}, 10)})
    assert "display_name" not in judge.good["apikeys", "fourth"].document


def test_a_field_that_would_only_let_fewer_models_be_asked_is_not_passed_over() -> None:
    judge = judge_of(KEY, MODEL, (*CI, {**CALLER[2], "allowed_model_ids": []}))
    [why] = judge.refused[CI].complaints
    assert why.startswith("allowed_model_ids: is not known here")


@pytest.mark.parametrize("name", ["provider", "model_name", "routing", "cost", "timeout"])
def test_a_value_of_any_form_costs_its_document_alone(name: str) -> None:
    for value in ([], ["a"], {}, {"a": []}, 5, True, "", [[]]):
        judge = judge_of(KEY, MODEL, ("models", "odd", {**MODEL[2], name: value}))
        assert SMALL in judge.good


def test_a_seed_in_clear_is_served_and_counted_and_ours_is_sealed() -> None:
    body = {**KEY[2]}
    body["api_key"] = body.pop("secret")
    judge = judge_of(("provider_keys", "pk", body))
    stored = judge.good[PK]
    assert stored.in_clear and stored.secret == "sk-the-secret-of-a-provider"
    assert stored.created_at == 0, "whoever wrote it told no time"
    sealed = encode(stored, keyring())
    assert b"sk-the" not in sealed and b'"api_key":"sealed:' in sealed
    again = decode(PK, sealed, 1, 2, keyring())
    assert (again.secret, again.document, again.in_clear) == (stored.secret, stored.document, False)
    judge.settle({PK: kv(sealed.replace(b"sealed:", b"sealed:AA"), 3)})
    assert (
        "secret" in judge.refused[PK].complaints[0] or "base64" in judge.refused[PK].complaints[0]
    )


def test_a_sealed_secret_opens_under_its_own_name_only() -> None:
    stored = Stored(*PK, 1, 1, dict(KEY[2]), "sk-the-secret", 5, 6)
    stored.document.pop("secret")
    value = encode(stored, keyring())
    judge = Judge(keyring())
    judge.settle({("provider_keys", "other"): kv(value, 2)})
    assert "tampered" in judge.refused["provider_keys", "other"].complaints[0]


def test_keys_are_those_of_the_original() -> None:
    layout = Layout("/aisix/", None)
    assert layout.key("apikeys", "ci") == b"/aisix/api_keys/ci"
    assert layout.name_of(b"/aisix/api_keys/ci") == CI
    assert layout.name_of(b"/aisix/models/a/b") == ("models", "a/b")
    for none in (b"/aisix/models", b"/aisix/models/", b"/aisix//a", b"/aisix/models/\xff"):
        assert layout.name_of(none) is None
    assert layout.name_of(b"/aisix/guardrails/x") == ("guardrails", "x")
    env = Layout("/aisix", "prod")
    assert env.key("models", "m") == b"/aisix/prod/models/m"
    assert (env.guard, env.documents_end) == (b"/x/aisix/prod/guard", b"/aisix/prod0")


def test_a_group_serves_while_every_alias_it_names_does() -> None:
    group = {
        "display_name": "g",
        "routing": {"targets": [{"model": "small"}, {"model": "small-too"}]},
    }
    both = ("models", "a-group"), ("models", "too")
    judge = judge_of((*both[0], group), KEY, MODEL)
    [why] = judge.refused[both[0]].complaints
    assert why == "routing.targets[1].model: there is no model of this name that serves"
    judge.settle({both[1]: kv({**MODEL[2], "display_name": "small-too"}, 5)})
    assert not judge.refused and both[0] in judge.good
    judge.settle({PK: None})  # takes its models along, and they the group
    assert {SMALL, *both} <= judge.refused.keys() and not judge.good
    judge.settle({PK: kv(KEY[2], 9)})
    assert not judge.refused
    wild = {**MODEL[2], "display_name": "small-*", "model_name": "m-*"}
    judge.settle({both[1]: kv(wild, 10, 5)})  # a pattern is no alias that a target can name
    assert "targets[1]" in judge.refused[both[0]].complaints[0]
