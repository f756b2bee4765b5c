"""What a request says of where a group sends it."""

from __future__ import annotations

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from aisix.proxy.route_hints import hints_of


def request(**headers: str) -> HTTPServerRequest:
    named = HTTPHeaders({name.replace("_", "-"): text for name, text in headers.items()})
    named["host"] = "localhost"
    line = RequestStartLine("POST", "/", "HTTP/1.1")
    made = HTTPServerRequest(headers=named, start_line=line)
    made.remote_ip = "10.0.0.1"
    return made


def test_tags_by_commas() -> None:
    assert hints_of(request(x_aisix_routing_tags=" eu, us,,"), "k").tags == ("eu", "us")
    assert hints_of(request(), "k").tags == ()


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        ("header", "x-session", "s"),
        ("header", "x-gone", ""),
        ("cookie", "sid", "c"),
        ("cookie", "gone", ""),
        ("api_key", "", "k"),
        ("client_ip", "", "10.0.0.1"),
    ],
)
def test_where_the_text_is(kind: str, name: str, text: str) -> None:
    given = request(x_session="s", cookie="sid=c; other=d")
    assert hints_of(given, "k").key(kind, name) == text


def test_cookies_that_are_none() -> None:
    assert hints_of(request(cookie="\x00;;="), "k").key("cookie", "a") == ""
    odd = request(cookie="bad[]=x; flag; sid = a=b ;sid=c")
    assert hints_of(odd, "k").key("cookie", "sid") == "a=b"


def test_a_repeated_header_and_one_that_is_no_text() -> None:
    given = request()
    given.headers.add("X-Session", "first")
    given.headers.add("X-Session", "second")
    given.headers.add("X-Odd", "\xc3\xa9")
    hints = hints_of(given, "k")
    assert hints.key("header", "x-session") == "first"
    assert hints.key("header", "x-odd") == ""
