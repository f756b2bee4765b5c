"""What an upstream's words may not carry goes; what helps a caller stays."""

from __future__ import annotations

import pytest

from aisix.mapping.dialect.masking import masked

GOES = [
    ("see http://10.0.0.5:8000/x", "see [address]"),
    ("see http://[::1]:8000/v1 now", "see [address] now"),
    ("http://vllm:8000/v1 is down", "[address] is down"),
    ("vllm-0.vllm.svc.cluster.local:8000 refused", "[address] refused"),
    ("localhost:11434 refused", "[address] refused"),
    ("https://user:pw@host.example.com/x", "[address]"),
    ("from fe80::1:2:3:4 to 192.168.1.1", "from [address] to [address]"),
    ("Incorrect API key provided: sk-proj-abcdEF12", "Incorrect API key provided: ***"),
    ("key AIzaSyA1234567890abc", "key ***"),
    ("Authorization: Bearer abcdefgh12", "Authorization: Bearer ***"),
    ("in organization org-AbC123x9 on tokens", "in organization *** on tokens"),
    ("api_key=abcd1234 is wrong", "*** is wrong"),
    ("the key hunter22-x", "the key ***"),
]
STAYS = [
    "see https://platform.openai.com/docs/guides/rate-limits.",
    "tools[0].function.name: 'user_2' and key_1 do not match '^[a-z]+$'",
    "max_tokens: 8192, at 3:30:20:10, version 1.2.3",
    "messages.0.content: expected a string at 2026-11-28T10:20:30",
    "claude-3-5-sonnet-20241022 has no such key",
]


@pytest.mark.parametrize(("text", "wanted"), GOES)
def test_keys_and_inner_addresses_go(text: str, wanted: str) -> None:
    assert masked(text, ["hunter22-x", "x"]) == wanted


@pytest.mark.parametrize("text", STAYS)
def test_what_helps_stays(text: str) -> None:
    assert masked(text) == text
