"""Where a provider key's requests go, and that no key goes to a vendor it does not belong to."""

from __future__ import annotations

import pytest

from aisix.config.settings import load_settings
from aisix.errors import OperatorError
from aisix.mapping.mappings import load_mappings
from aisix.routing.resource_checks import faults
from aisix.routing.target import url_of
from aisix.store.kinds.checks import api_base
from aisix.store.resources import ProviderKey
from aisix.store.snapshot import Snapshot
from tests.running import ROOT

MAPPINGS = load_mappings([ROOT / "mappings"])
SETTINGS = load_settings(None, {})
CALLERS = ("openai-chat", "anthropic-messages")


def url(caller: str, adapter: str, base: str | None, provider: str = "") -> str:
    mapping = MAPPINGS.find(caller, adapter)
    given = None if base is None else api_base(base)
    key = ProviderKey("k", "mine", provider or adapter, adapter, "secret", given)
    return url_of(mapping.effective(mapping.example()), key)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("end", ["", "/", "/chat/completions", "/chat/completions/"])
@pytest.mark.parametrize(
    ("base", "right"),
    [
        ("https://h/v1", "https://h/v1"),
        ("https://h/api/paas/v4", "https://h/api/paas/v4"),
        ("https://h/openai/v1beta", "https://h/openai/v1beta"),
        ("https://h/v1beta/openai", "https://h/v1beta/openai"),
        ("https://h/team/a", "https://h/team/a"),
        ("https://h/v1/v1", "https://h/v1/v1"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
        ("http://127.0.0.1:11434/v1", "http://127.0.0.1:11434/v1"),
    ],
)
def test_a_path_is_where_the_api_is(caller: str, end: str, base: str, right: str) -> None:
    assert url(caller, "openai", base + end) == f"{right}/chat/completions"


@pytest.mark.parametrize("caller", CALLERS)
def test_only_a_host_without_a_path_gets_the_usual_one(caller: str) -> None:
    for base in ("https://h", "https://h/", "HTTPS://H"):
        assert url(caller, "openai", base) == "https://h/v1/chat/completions"
    assert url(caller, "openai", "http://[::1]:80") == "http://[::1]:80/v1/chat/completions"
    assert url(caller, "openai", "https://h/chat/completions") == "https://h/chat/completions"


@pytest.mark.parametrize("caller", CALLERS)
def test_a_query_stays_behind_the_path(caller: str) -> None:
    deployment = "https://h/openai/deployments/d/chat/completions?api-version=2024-10-21"
    assert url(caller, "openai", deployment) == deployment
    assert url(caller, "openai", "https://h?a=b") == "https://h/v1/chat/completions?a=b"
    assert url(caller, "anthropic", "https://h/x?a=b") == "https://h/x/v1/messages?a=b"


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/", "/v1/messages"])
@pytest.mark.parametrize("base", ["https://h", "https://h/anthropic", "https://h/api/anthropic"])
def test_anthropic_s_is_what_its_sdks_take(caller: str, end: str, base: str) -> None:
    assert url(caller, "anthropic", base + end) == f"{base}/v1/messages"


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("adapter", ["openai", "anthropic"])
def test_the_mapping_s_own_address_is_one_vendor_s(caller: str, adapter: str) -> None:
    assert url(caller, adapter, None).startswith(f"https://api.{adapter}.com/v1/")
    for provider in ("groq", "openai", "anthropic", "p"):
        if provider != adapter:
            with pytest.raises(OperatorError, match="mine: api_base: required"):
                url(caller, adapter, None, provider)
            assert url(caller, adapter, "https://h", provider).startswith("https://h/v1/")


def test_a_key_that_has_no_address_is_refused_when_it_is_written() -> None:
    def told(**document: str | None) -> list[str]:
        return [
            c.path for c in faults(MAPPINGS, SETTINGS, "provider_keys", document, Snapshot((), 0))
        ]

    assert told(provider="groq", adapter="openai") == ["api_base"]
    assert told(provider="groq", adapter="openai", api_base=None) == ["api_base"]
    assert told(provider="groq", adapter="openai", api_base="https://h/openai/v1") == []
    assert told(provider="openai") == told(provider="anthropic", adapter="anthropic") == []
