"""What a document may be: any JSON is taken or refused, and what was taken is taken again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aisix.store import schema
from aisix.store.kinds.declare import Kind
from aisix.store.kinds.registry import KINDS
from tests.long import times

NAMES = sorted({field.name for kind in KINDS for field in kind.fields})
WORDS = st.sampled_from(
    ["anthropic", "a*", "**", "", " x", "http://h/v1", "https://h:99999", "2999-01-01T00:00:00Z", "0" * 64, "****abcd"]
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | WORDS
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["rpm", "verify", "x-a", "input_per_1k", "a"]), inner)
    ),
    max_leaves=8,
)
BODY = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=70), JSON, max_size=12)
GOOD: dict[str, dict[str, Any]] = {
    "provider_keys": {"display_name": "a", "provider": "p", "secret": "s" * 20},
    "models": {"display_name": "a", "provider": "p", "model_name": "m", "provider_key_id": "k"},
    "apikeys": {"key_hash": "0" * 64, "allowed_models": ["a"]},
}


@pytest.mark.parametrize("kind", tuple(KINDS), ids=lambda kind: kind.name)
@given(BODY)
@settings(max_examples=times(150), deadline=None)
def test_any_body_is_taken_or_refused_with_paths(kind: Kind, body: dict[str, Any]) -> None:
    for given_ in (body, GOOD[kind.name] | body):
        complaints, good = schema.faults(kind, given_)
        assert all(c.path and c.text for c in complaints)
        assert set(good) <= set(kind.stored)
        if not complaints:
            again = schema.check(kind, good)
            assert again == good
            secret = good.pop("secret", None)
            kind.build("id", good, secret, 0)
            shown = kind.view(good, secret)
            # A view is a body again; of the adapter it shows the default, of the secret a hint.
            more = {"secret": secret, "adapter": good.get("adapter")} if secret else {}
            written = schema.check(kind, {**shown, **more})
            assert written == {**good, **{k: v for k, v in more.items() if v is not None}}


LIMITS = ("rps", "rpm", "rph", "rpd", "tpm", "tpd", "concurrency")


@pytest.mark.parametrize("kind", ["models", "apikeys"])
def test_rate_limits_are_whole_numbers_from_zero(kind: str) -> None:
    limits = dict.fromkeys(LIMITS, 0)
    assert schema.check(KINDS[kind], {**GOOD[kind], "rate_limit": limits})["rate_limit"] == limits
    for name in LIMITS:
        for wrong in (-1, 1.5, "1", True, 10**16):
            complaints, _ = schema.faults(KINDS[kind], {**GOOD[kind], "rate_limit": {name: wrong}})
            assert [c.path for c in complaints] == [f"rate_limit.{name}"], (name, wrong)
    complaints, _ = schema.faults(KINDS[kind], {**GOOD[kind], "rate_limit": {"rmp": 1}})
    assert complaints[0].path == "rate_limit.rmp"
    assert 'did you mean "rpm"' in complaints[0].text


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ("https://API.example.com/v1/messages", "https://api.example.com"),
        ("https://H/v1/chat/completions/", "https://h"),
        ("https://h/team/v1/", "https://h/team/v1"),
        ("https://h/api/paas/v4/chat/completions", "https://h/api/paas/v4/chat/completions"),
        ("https://h/v1?api-version=1", "https://h?api-version=1"),
        ("http://[::1]:8080/v1", "http://[::1]:8080"),
    ],
)
def test_an_address_is_kept_without_what_was_pasted_along(given_: str, kept: str) -> None:
    assert (
        schema.check(KINDS["provider_keys"], {**GOOD["provider_keys"], "api_base": given_})[
            "api_base"
        ]
        == kept
    )


@pytest.mark.parametrize(
    "wrong",
    ["ftp://h", "h", "//h", "http://", "http://u:p@h", "http://h?api-key=1", "http://h#x", "http://h:0", "http://h:x",
     "javascript:alert(1)", "file:///etc/passwd", "http://h\\@evil", "http://é", "http://h h", 7, None],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(wrong: Any) -> None:
    body = {**GOOD["provider_keys"], "api_base": wrong}
    complaints, _ = schema.faults(KINDS["provider_keys"], body)
    assert [c.path for c in complaints] == ([] if wrong is None else ["api_base"])


def test_extra_headers_are_by_an_allow_list() -> None:
    fine = {"X-Team": "a", "some-beta": "b", "User-Agent": "me"}
    kept = schema.check(KINDS["provider_keys"], {**GOOD["provider_keys"], "headers": fine})[
        "headers"
    ]
    assert kept == {"some-beta": "b", "user-agent": "me", "x-team": "a"}
    for name in ("Authorization", "api-key", "Cookie", "Host", "Content-Length", "Transfer-Encoding",
                 "x-forwarded-for", "Connection", "x token", "", "proxy-authorization"):  # fmt: skip
        body = {**GOOD["provider_keys"], "headers": {name: "v"}}
        complaints, _ = schema.faults(KINDS["provider_keys"], body)
        assert len(complaints) == 1, name
        assert complaints[0].path == f"headers.{name}"
    for value in ("a\r\nb", "é", 7, "x" * 5000):
        body = {**GOOD["provider_keys"], "headers": {"x-a": value}}
        assert schema.faults(KINDS["provider_keys"], body)[0][0].path == "headers.x-a"


@pytest.mark.parametrize(
    ("kind", "wrong", "paths"),
    [
        ("apikeys", {"allowed_models": ["a*b*", "fine", 5]},
         ["allowed_models[0]", "allowed_models[2]"]),
        ("apikeys", {"previous": {"key_hash": "x", "expires_at": "never"}},
         ["previous.expires_at", "previous.key_hash"]),
        ("provider_keys", {"headers": {"Authorization": "v", "a b": "v", "x-a": "\n", "x-b": "v"}},
         ["headers.Authorization", "headers.a b", "headers.x-a"]),
        ("models", {"options": {"A": 1, "b": {}, "c": 2**64, "d": 1}},
         ["options.A", "options.b", "options.c"]),
        ("models", {"traits": ["", "fine", "B"]}, ["traits[0]", "traits[2]"]),
    ],
)  # fmt: skip
def test_all_that_is_wrong_below_one_field_is_told(
    kind: str, wrong: dict[str, Any], paths: list[str]
) -> None:
    complaints, _ = schema.faults(KINDS[kind], {**GOOD[kind], **wrong})
    assert [c.path for c in complaints] == paths


def test_all_that_is_wrong_in_a_target_is_told() -> None:
    target = {"provider_key_id": "k", "model_name": "", "traits": ["", "B"], "options": {"A": 1}}
    model = {"display_name": "a", "provider": "p", "targets": [target]}
    complaints, _ = schema.faults(KINDS["models"], model)
    assert [c.path for c in complaints] == [
        "targets[0].model_name",
        "targets[0].options.A",
        "targets[0].traits[0]",
        "targets[0].traits[1]",
    ]
