"""Heads: header pairs in, bytes out."""

from __future__ import annotations

from urllib.parse import unquote

import pytest

from aisix.listener.heads import Headers, header_text, request_headers, response_head


def test_a_header_is_found_in_any_spelling_and_lines_of_one_name_are_one() -> None:
    headers = request_headers([(b"x-one", b" 1\t"), (b"Two", b"a"), (b"TWO", b"b")])
    assert headers["X-ONE"] == headers["x-one"] == "1"
    assert headers["two"] == "a,b"
    assert headers.get_list("Two") == ["a", "b"]
    assert "three" not in headers and headers.get("three") is None
    with pytest.raises(KeyError):
        headers["three"]


def test_a_head_is_its_status_its_headers_and_what_is_added() -> None:
    headers = Headers()
    headers["x-one"] = "1"
    head = response_head(201, "Created", headers, "Date: now\r\n")
    assert head == b"HTTP/1.1 201 Created\r\nX-One: 1\r\nDate: now\r\n\r\n"


@pytest.mark.parametrize("value", ["a\r\nset-cookie: b", "a\nb", "a\rb"])
def test_a_header_that_would_be_two_is_refused(value: str) -> None:
    headers = Headers()
    headers["x-one"] = value
    with pytest.raises(ValueError, match="line break"):
        response_head(200, "OK", headers)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("qwen/qwen3-max:free 100%", "qwen/qwen3-max:free 100%"),
        ("通义", "%E9%80%9A%E4%B9%89"),
        ("é 100%", "%C3%A9 100%25"),
        ("r\x01q\r\nset-cookie: a", "r%01q%0D%0Aset-cookie: a"),
        ("\x7f\t", "%7F%09"),
        ("\ud800", "?"),
        ("", ""),
    ],
)
def test_any_text_can_be_the_value_of_a_header(text: str, value: str) -> None:
    headers = Headers()
    headers["x-one"] = header_text(text)
    assert response_head(200, "OK", headers).endswith(f"X-One: {value}\r\n\r\n".encode())


@pytest.mark.parametrize("text", ["a" * 300, "é" * 300, "通" * 300, "😀" * 300, "a" + "通" * 90])
def test_long_text_of_a_header_is_cut_between_two_characters(text: str) -> None:
    value = header_text(text, 256)
    assert 256 - 12 < len(value) <= 256
    assert text.startswith(unquote(value, errors="strict"))
