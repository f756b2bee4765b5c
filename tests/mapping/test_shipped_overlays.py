"""Overlays that come with the program: the words of another gateway, laid between the shipped
tables and a site's own."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from aisix.config.shipped import shipped_overlays, table_folders
from aisix.errors import Fault, OperatorError
from aisix.mapping.dialect.caller import CallerDialect
from aisix.mapping.mappings import Mappings, load_mappings
from aisix.mapping.parse.files import OVERLAYS, marks, read_folders, shipped_of
from tests.mapping.laid import SHIPPED

OPENAI = ("openai-chat", "openai-responses")
LIMIT = {"limit": 5, "holder": "key", "retry_after": 7}


@pytest.fixture(scope="module")
def theirs() -> Mappings:
    return load_mappings(table_folders("aisix", ()))


@pytest.fixture(scope="module")
def ours() -> Mappings:
    return load_mappings(table_folders("ours", ()))


def told(caller: CallerDialect, kind: str, **values: Any) -> tuple[int, str, str, str]:
    """Status, type, code ("": left out) and words."""
    answer = caller.fault(Fault(kind, **values), alias="fast")
    error = json.loads(answer.body)["error"]
    assert None not in error.values()
    return answer.status, error["type"], error.get("code", ""), error["message"]


WORDS: list[tuple[str, dict[str, Any], tuple[int, str, str], str]] = [
    ("no_key", {}, (401, "invalid_api_key", ""), "API key"),
    ("bad_key", {}, (401, "invalid_api_key", ""), "Incorrect API key"),
    ("expired_key", {}, (401, "invalid_api_key", "api_key_expired"), "expired"),
    ("disabled_key", {}, (401, "invalid_api_key", "api_key_disabled"), "disabled"),
    ("not_allowed", {}, (403, "permission_denied", ""), "`fast`"),
    ("no_such_model", {}, (404, "model_not_found", ""), "`fast`"),
    ("bad_json", {"why": "x"}, (400, "invalid_request_error", ""), "parse"),
    (
        "too_large",
        {"limit": 99},
        (413, "invalid_request_error", ""),
        "request body exceeds 99-byte limit",
    ),
    ("no_tag", {}, (400, "invalid_request_error", ""), "no routing target matches request tags"),
    ("no_candidate", {"retry_after": 30}, (503, "all_candidates_unavailable", ""), "unavailable"),
    ("no_adapter", {}, (503, "provider_unavailable", ""), "adapter"),
    ("bad_address", {}, (400, "invalid_request_error", ""), "invalid upstream configuration: "),
    ("bad_credential", {}, (401, "authentication_error", ""), "invalid upstream credentials: "),
    ("timeout", {"ms": 250}, (504, "timeout", ""), "upstream request timed out after 250 ms"),
    ("unreachable", {"why": "connect"}, (502, "transport_error", ""), "could not be reached"),
    ("unreachable", {"why": "tls"}, (502, "transport_error", ""), "certificate"),
    ("bad_response", {}, (502, "upstream_decode_error", ""), "could not be read"),
    (
        "rate_limited",
        {**LIMIT, "counts": "requests", "unit": "requests per minute"},
        (429, "rate_limit_exceeded", ""),
        "request limit exceeded (requests): 5 requests per minute",
    ),
    (
        "rate_limited",
        {**LIMIT, "counts": "tokens", "unit": "tokens per day"},
        (429, "rate_limit_exceeded", ""),
        "token limit exceeded (tokens): 5 tokens per day",
    ),
    (
        "rate_limited",
        {**LIMIT, "counts": "concurrency", "unit": "requests at one time"},
        (429, "rate_limit_exceeded", ""),
        "concurrency limit exceeded: 5 requests at one time",
    ),
]


@pytest.mark.parametrize("dialect", OPENAI)
@pytest.mark.parametrize(("kind", "values", "wanted", "words"), WORDS)
def test_the_gateways_own_errors_are_said_in_their_words(
    theirs: Mappings, dialect: str, kind: str, values: Any, wanted: Any, words: str
) -> None:
    *shown, message = told(theirs.caller(dialect), kind, **values)
    assert (tuple(shown), words in message) == (wanted, True)


def test_a_refused_address_is_told_the_same_in_both_forms(theirs: Mappings, ours: Mappings) -> None:
    words = "Access denied: your client IP is not allowed to access this model"
    for mappings, type_ in ((theirs, "permission_denied"), (ours, "invalid_request_error")):
        for dialect in OPENAI:
            error = json.loads(mappings.caller(dialect).fault(Fault("ip_not_allowed")).body)[
                "error"
            ]
            assert (error["type"], error["code"], error["message"]) == (
                type_,
                "ip_restricted",
                words,
            )


@pytest.mark.parametrize("dialect", [*OPENAI, "anthropic-messages"])
def test_how_long_to_wait_is_told_but_for_a_place(theirs: Mappings, dialect: str) -> None:
    caller = theirs.caller(dialect)
    waits = {
        counts: caller.fault(Fault("rate_limited", **LIMIT, counts=counts, unit="u")).headers
        for counts in ("requests", "tokens", "concurrency")
    }
    assert waits == {
        "requests": {"retry-after": "7"},
        "tokens": {"retry-after": "7"},
        "concurrency": {},
    }


@pytest.mark.parametrize("dialect", OPENAI)
def test_limits_are_told_in_whole_seconds_and_places_too(theirs: Mappings, dialect: str) -> None:
    limits = theirs.caller(dialect).limits
    assert limits["requests"].filled(5, 4, 11.2, 0.0) == ["5", "4", "12s"]
    assert limits["tokens"].filled(9, 0, 60.0, 0.0) == ["9", "0", "60s"]
    told = limits["concurrency"]
    assert dict(zip(told.names, told.filled(3, 1, 0.0, 0.0), strict=True)) == {
        "x-ratelimit-limit-concurrent": "3",
        "x-ratelimit-remaining-concurrent": "1",
    }


def test_without_the_name_nothing_of_it_is_there(theirs: Mappings, ours: Mappings) -> None:
    plain = load_mappings([SHIPPED])
    assert (ours.digest, theirs.digest == plain.digest) == (plain.digest, False)
    caller = ours.caller("openai-chat")
    error = json.loads(caller.fault(Fault("bad_key")).body)["error"]
    assert (error["code"], error["param"]) == ("invalid_api_key", None)
    assert set(caller.limits) == {"requests", "tokens"}


def test_callers_of_the_other_dialect_keep_their_words(theirs: Mappings, ours: Mappings) -> None:
    name = "anthropic-messages"
    kinds = ("bad_key", "not_allowed", "rate_limited", "timeout", "bad_response", "too_large")
    for kind in kinds:
        shown = [one.caller(name).fault(Fault(kind, limit=1)) for one in (theirs, ours)]
        assert shown[0] == shown[1]
    statuses = {
        kind: theirs.caller(name).fault(Fault(kind, retry_after=1)).status
        for kind in ("no_adapter", "no_candidate", "bad_address", "bad_credential")
    }
    assert statuses == {
        "no_adapter": 503,
        "no_candidate": 503,
        "bad_address": 400,
        "bad_credential": 401,
    }


def test_a_sites_own_tables_lie_over_it(tmp_path: Path) -> None:
    own = tmp_path / "mine/openai-chat"
    own.mkdir(parents=True)
    (own / "caller.toml").write_text('[fault.bad_key]\nmessage = "Ask the desk for a key."\n')
    mappings = load_mappings(table_folders("aisix", [tmp_path / "mine"]))
    shown = told(mappings.caller("openai-chat"), "bad_key")
    assert shown == (401, "invalid_api_key", "", "Ask the desk for a key.")
    assert [folder.name for folder in mappings.table_folders] == [
        "mappings",
        f"{OVERLAYS}/aisix",
        "mine",
    ]


def test_overlays_are_no_tables_of_the_folder_they_lie_in(tmp_path: Path) -> None:
    (shipped,) = read_folders([SHIPPED])
    assert not [path for path in shipped.files if path.startswith(OVERLAYS)]
    assert not [path for path in marks([SHIPPED]) if f"/{OVERLAYS}/" in path]
    place = tmp_path / "site" / OVERLAYS / "aisix/openai-chat"
    place.mkdir(parents=True)
    (place / "caller.toml").write_text("format = 1")
    with pytest.raises(OperatorError, match="site/overlays/aisix/openai-chat"):
        load_mappings([SHIPPED, tmp_path / "site"])


def test_both_came_with_the_program() -> None:
    (overlay,) = shipped_overlays()
    found = read_folders([SHIPPED, overlay, SHIPPED / "openai-chat/openai-chat/cases"])
    assert [one.folder for one in shipped_of(found[:2])] == [SHIPPED, overlay]


def test_what_has_to_be_said_in_several_files_is_said_alike() -> None:
    """An upstream's error is told the same by all that speak to OpenAI's callers, and by both that
    speak to Anthropic's; our own too but for what only a chat has."""
    (overlay,) = shipped_overlays()
    for spoken in ("openai-*", "anthropic-*"):
        told = [file.read_bytes() for file in overlay.glob(f"{spoken}/*/errors.toml")]
        assert len(told) > 1 and len(set(told)) == 1
    chat, responses = (tomllib.loads((overlay / one / "caller.toml").read_text()) for one in OPENAI)
    assert {name: chat[name] for name in chat if name not in ("headers", "stream")} == responses
