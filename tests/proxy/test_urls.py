"""Whose a URL is, however it is spelt."""

from __future__ import annotations

import pytest

from aisix.config.shipped import shipped_mappings
from aisix.mapping.mappings import Mappings, load_mappings
from aisix.proxy.urls import default_dialect, dialect_of, routes


@pytest.fixture(scope="module")
def mappings() -> Mappings:
    return load_mappings([shipped_mappings()])


def test_the_route_it_stands_below_counts_then_the_header_then_the_default(
    mappings: Mappings,
) -> None:
    for path, headers, dialect in (
        ("/v1/messages", (), "anthropic-messages"),
        ("//v1/%6Dessages/x", (), "anthropic-messages"),
        ("/v1/chat/completions/", ("anthropic-version",), "openai-chat"),
        ("/v1/messagesque", (), "openai-chat"),
        ("/v1/files", ("anthropic-version",), "anthropic-messages"),
        ("", (), "openai-chat"),
    ):
        assert dialect_of(mappings, path, headers) == dialect, path
    assert default_dialect(mappings) == "openai-chat"


def test_what_is_answered_is_told_without_what_is_stored(mappings: Mappings) -> None:
    told = routes(mappings).split(", ")
    assert "POST /v1/messages" in told and told.count("GET /v1/models") == 1
    assert len(routes(mappings)) < 200  # or it would be cut in a message


def test_every_dialect_has_words_for_every_refusal(mappings: Mappings) -> None:
    from aisix.listener.refusals import STATUS

    for caller in mappings.callers.values():
        rows = caller.data["fault"]
        assert {kind: rows[kind]["status"] for kind in STATUS} == STATUS
        assert rows["stopping"]["status"] == 503
