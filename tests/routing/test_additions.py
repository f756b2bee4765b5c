"""What a provider key adds to a request."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tornado.httputil import HTTPHeaders

from aisix.routing.additions import Additions, Asker, additions
from aisix.store.resources import ApiKey, Model, ParamConstraint, ProviderKey

OWN = ("user-agent: aisix/1", "authorization: Bearer sk-1", "content-type: application/json")
MODEL = Model("m1", "small", "gpt", "acme", "k1")


ASKER = Asker("r-1", ApiKey("a1", "00", display_name="ci", team_id="t-7"))


def made(**given: Any) -> Additions:
    key = ProviderKey("k1", "prod", "acme", "acme", "sk-1", **given)
    found = additions(key, MODEL, True)
    assert found is not None
    return found


def sent(found: Additions, asker: Asker | None = None, **caller: str) -> dict[str, str]:
    headers = HTTPHeaders({name.replace("_", "-"): text for name, text in caller.items()})
    lines = found.lines(OWN, headers, asker or ASKER)
    pairs = [line.split(": ", 1) for line in lines]
    assert len({name for name, _ in pairs}) == len(pairs)
    return {name: value for name, value in pairs if f"{name}: {value}" not in OWN}


def test_most_keys_add_nothing() -> None:
    assert additions(ProviderKey("k1", "prod", "acme", "acme", "sk-1"), MODEL, True) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("${request.id}", "r-1"),
        ("<${request.api_key.id}/${request.api_key.name}>", "<a1/ci>"),
        ("${request.api_key.team_id}", "t-7"),
        ("${model.id}/${model.name}/${provider_key.id}/${provider_key.name}", "m1/small/k1/prod"),
        ("$request.id $$", "$request.id $$"),
        # one part that is empty, unknown or unclosed: no header
        ("a ${request.api_key.user_id}", None),
        ("${request.secret}", None),
        ("${}", None),
        ("${request.id", None),
        ("${model.id} ${", None),
    ],
)
def test_a_template(text: str, value: str | None) -> None:
    headers = (("x-a", text), ("x-b", "b"))
    assert sent(made(default_headers=headers)).get("x-a") == value


def test_without_an_asker_what_it_would_say_is_left_out() -> None:
    found = made(default_headers=(("x-a", "${request.id}"), ("x-b", "${model.name}")))
    lines = found.lines(OWN, HTTPHeaders(), None)
    assert [line for line in lines if line not in OWN] == ["x-b: small"]


def test_no_line_break_comes_in_by_a_part() -> None:
    odd = Asker("r-1", ApiKey("a1", "00", display_name="a\r\nx-evil: 1"))
    found = made(default_headers=(("x-a", "${request.api_key.name}"), ("x-b", "b")))
    assert sent(found, odd) == {"x-b": "b"}


def test_the_gateway_goes_before_the_operator_and_the_operator_before_the_caller() -> None:
    found = made(
        default_headers=(("content-type", "text/plain"), ("x-both", "ours"), ("user-agent", "own")),
        forward_client_headers=("x-*", "content-type", "user-agent"),
    )
    caller = {"x_both": "theirs", "x_more": "1", "content_type": "a", "user_agent": "curl"}
    assert sent(found, **caller) == {"user-agent": "own", "x-both": "ours", "x-more": "1"}


@pytest.mark.parametrize(
    ("globs", "taken"),
    [
        (("x-trace-*",), {"x-trace-id"}),
        (("*-id",), {"x-trace-id", "cf-id"}),
        (("anthropic-beta",), {"anthropic-beta"}),
        (("X-TRACE-ID",), set()),  # stored in small letters
        (("*",), {"x-trace-id", "cf-id", "anthropic-beta", "user-agent"}),
        ((), set()),
    ],
)
def test_which_headers_of_a_caller_are_sent_on(globs: tuple[str, ...], taken: set[str]) -> None:
    found = made(forward_client_headers=globs, default_body_fields={"a": 1})
    never = {
        "authorization": "Bearer caller", "x_api_key": "caller", "cookie": "a=b", "host": "h",
        "x_aisix_request_id": "forged", "x_stainless_lang": "js", "connection": "close",
        "content_length": "5", "traceparent": "00", "te": "trailers", "accept": "*/*",
        "x_goog_api_key": "caller", "api_key": "caller", "proxy_authorization": "caller",
    }  # fmt: skip
    caller = {"X_Trace_Id": "t", "cf_id": "c", "anthropic_beta": "b", "user_agent": "curl"}
    assert sent(found, **never, **caller).keys() == taken


def test_of_a_header_given_twice_the_first_counts() -> None:
    headers = HTTPHeaders()
    headers.add("X-A", "one")
    headers.add("X-A", "two")
    lines = made(forward_client_headers=("x-a",)).lines(OWN, headers, ASKER)
    assert lines[-1] == "x-a: one"


def test_what_only_somebody_else_can_have_stored_is_never_sent() -> None:
    """Not by our own checks: those of etcd may hold what theirs let pass."""
    found = made(
        default_headers=(("authorization", "Bearer x"), ("te", "x"), ("x-a", "a\nb"), ("x-b", "b"))
    )
    assert sent(found) == {"x-b": "b"}


def test_a_body_is_changed_in_the_keys_own_dialect_alone() -> None:
    given: dict[str, Any] = {
        "default_body_fields": {"safe": True},
        "param_renames": (("a", "b"),),
        "param_constraints": (ParamConstraint("t", None, 1),),
    }
    body = b'{"a":1,"t":2}'
    assert json.loads(made(**given).changed(body)) == {"b": 1, "t": 1, "safe": True}
    key = ProviderKey("k1", "prod", "acme", "acme", "sk-1", **given)
    assert additions(key, MODEL, False) is None
    assert made(default_headers=(("x-a", "a"),)).changed(body) is body


def test_a_header_that_the_gateway_says_twice_is_sent_twice() -> None:
    own = (*OWN, "x-beta: one", "x-beta: two")
    found = made(default_headers=(("x-beta", "mine"), ("user-agent", "own")))
    lines = found.lines(own, HTTPHeaders(), ASKER)
    assert lines == (*own[1:], "user-agent: own")
