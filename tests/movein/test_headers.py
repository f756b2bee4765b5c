"""Whose a header is."""

from __future__ import annotations

import pytest

from aisix.movein.headers import credential, default, forwarded


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("x-team", (False, True, True)),
        ("anthropic-beta", (False, True, True)),
        ("user-agent", (False, True, True)),
        ("Authorization", (True, False, False)),
        ("x-goog-api-key", (True, False, False)),
        ("HOST", (True, False, False)),
        ("content-type", (False, True, False)),
        ("transfer-encoding", (False, False, False)),
        ("X-Aisix-Anything", (False, True, False)),
        ("x-stainless-os", (False, True, False)),
        ("traceparent", (False, True, False)),
    ],
)
def test_a_header(name: str, found: tuple[bool, bool, bool]) -> None:
    """(a credential, an operator's default, a caller's that is sent on)"""
    assert (credential(name), default(name), forwarded(name)) == found
