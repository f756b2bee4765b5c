"""What one setting may hold, from the file or as a text of the environment."""

from __future__ import annotations

from typing import Any

import pytest
import voluptuous as v

from aisix.config import checks


def refused(check: Any, value: Any) -> bool:
    try:
        check(value)
    except v.Invalid:
        return True
    return False


def test_an_address_has_a_host_and_a_port() -> None:
    for good in ("127.0.0.1:3000", "[::1]:80", "localhost:0"):
        assert checks.address(good) == good
    for bad in (":80", "host", "host:", "host:x", "host:65536", 80, None):
        assert refused(checks.address, bad), bad
    assert checks.maybe_address("") is checks.maybe_address(None) is None


def test_an_integer_may_come_as_text_and_true_is_none() -> None:
    check = checks.integer(1, 9)
    assert check(9) == check("9") == 9
    for bad in (0, 10, "0", "x", 1.0, True, None):
        assert refused(check, bad), bad


def test_yes_and_no() -> None:
    assert [checks.yes_no(x) for x in (True, "TRUE", "yes", "1")] == [True] * 4
    assert [checks.yes_no(x) for x in (False, "false", "no", "0")] == [False] * 4
    for bad in ("maybe", 1, None):
        assert refused(checks.yes_no, bad), bad


def test_a_list_of_texts_may_come_with_commas() -> None:
    assert checks.words("a, b,,c") == checks.words(["a", "b", "c"]) == ("a", "b", "c")
    assert checks.words(None) == ()
    for bad in ([1], [""], 3):
        assert refused(checks.words, bad), bad


@pytest.mark.parametrize(
    "key", ["short", "a" * 40, "please-change-me-0123456789", "abababababababababab"]
)
def test_a_key_anybody_would_guess_is_weak(key: str) -> None:
    assert checks.weak(key)
    assert not checks.weak("9f8e7d6c5b4a39281706")


def test_what_only_this_machine_can_reach() -> None:
    assert all(map(checks.is_loopback, ("localhost", "127.0.0.1", "127.9.9.9", "::1")))
    assert not any(map(checks.is_loopback, ("0.0.0.0", "::", "10.0.0.1", "example.com", "")))


def test_an_id_stands_in_no_header_of_a_credential_or_a_trace() -> None:
    assert checks.id_headers([" X-Aisix-Request-Id ", "x-ticket", "X-Ticket"]) == (
        "x-aisix-request-id",
        "x-ticket",
    )
    assert checks.id_headers([]) == checks.id_headers("") == ()
    for bad in (
        *("Authorization", "x-api-key", "Cookie", "host", "proxy-authorization", "traceparent"),
        *("tracestate", "a b", "a:", "é", "x-goog-api-key"),
    ):
        assert refused(checks.id_headers, [bad]), bad


def test_an_origin_is_as_browsers_send_it_or_a_pattern_of_such() -> None:
    for good in (
        *("https://app.example.com", "http://localhost:5173", "http://127.0.0.1:8080", "*"),
        *("https://*.example.com", "http://localhost:*", "http://[::1]:3000", "app://obsidian.md"),
        *(
            "chrome-extension://abcdefghijklmnop",
            "tauri://localhost",
            "https://xn--bcher-kva.example",
        ),
    ):
        assert checks.origins(good) == checks.origins([good]) == (good,)
    for bad in (
        *("https://app.example.com/", "https://a.example/x", "app.example.com", "null", "", 3),
        *(
            "https://*",
            "https://a.*.example",
            "*.example.com",
            "https://bücher.example",
            "https://a b",
        ),
        *("https://a.example?x", "https://a@b.example", "https://a.example:port", "https://"),
    ):
        assert refused(checks.origins, [bad]), bad
    with pytest.raises(v.Invalid, match="no slash at its end"):
        checks.origins("https://a.example/")
    with pytest.raises(v.Invalid, match="with http:// or https:// before it"):
        checks.origins("a.example")
