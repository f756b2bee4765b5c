"""What is stored all the same, and told."""

from __future__ import annotations

from typing import Any

import pytest

from aisix.routing.doubts import doubts, open_addresses


def told(kind: str, **document: Any) -> list[str]:
    return [one.path for one in doubts(kind, document)]


@pytest.mark.parametrize(
    ("base", "paths"),
    [
        ("http://api.example.com/v1", ["api_base"]),
        ("http://8.8.8.8", ["api_base"]),
        ("http://[2606:4700::1]", ["api_base"]),
        ("https://h.example/v1/v1", ["api_base"]),
        ("https://api.example.com", []),
        ("https://h.example/v1/openai/v1", []),
        ("http://127.0.0.1:8000", []),
        ("http://[::1]:8000", []),
        ("http://10.0.0.1", []),
        ("http://vllm:8000", []),
        ("http://vllm.models.svc.cluster.local", []),
        (None, []),
    ],
)
def test_an_address(base: str | None, paths: list[str]) -> None:
    assert told("provider_keys", api_base=base) == paths


def test_the_rest() -> None:
    assert told("provider_keys", tls={"verify": False}) == ["tls.verify"]
    assert told("models", display_name="*") == ["display_name"]
    assert told("models", display_name="a*") == []
    assert told("models", targets=[{"weight": 0}, {"weight": 0}]) == ["targets"]
    assert told("models", targets=[{"weight": 0}, {}]) == []
    for kind in ("models", "apikeys"):
        assert told(kind, rate_limit={"rpm": 0, "tpm": 5}) == ["rate_limit.rpm"]
    assert told("teams", display_name="*") == []


def test_listeners_beyond_loopback_without_tls() -> None:
    found = open_addresses(
        {"a": ("127.0.0.1:1", False), "b": ("[::1]:1", False), "c": ("localhost:1", False),
         "d": ("0.0.0.0:1", True), "e": ("0.0.0.0:1", False), "f": ("[::]:1", False),
         "g": ("10.0.0.1:1", False), "h": ("gw.example:1", False)}
    )  # fmt: skip
    assert [name for name, _ in found] == ["e", "f", "g", "h"]
