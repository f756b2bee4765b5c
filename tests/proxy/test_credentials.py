"""In which header a caller's key may come."""

from __future__ import annotations

import pytest

from tests.running import CALLER_KEY, Running, send

BODY = {"model": "claude-prod", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
PLACES = ("api-key", "x-api-key", "authorization")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_every_place_of_a_key_opens_in_every_dialect(gateway: Running, path: str) -> None:
    for name in PLACES:
        word = "Bearer " if name == "authorization" else ""
        for key, status in ((CALLER_KEY, 200), ("sk-nobody-knows-this", 401), ("", 401)):
            answer = send(gateway.proxy_port, "POST", path, BODY, {name: word + key})
            assert answer.status == status, (name, key)
            assert b"nobody" not in answer.body


def test_one_good_key_among_several_is_enough(gateway: Running) -> None:
    headers = {"api-key": CALLER_KEY, "x-api-key": "sk-x", "authorization": "Bearer sk-y"}
    assert send(gateway.proxy_port, "POST", "/v1/messages", BODY, headers).status == 200
