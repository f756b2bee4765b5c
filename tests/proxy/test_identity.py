"""Ids of requests, in either form."""

from __future__ import annotations

import re

from tornado.httputil import HTTPHeaders

from aisix.listener.heads import Headers
from aisix.proxy.identity import GIVEN_THERE, Identity, uuid

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def headers(*rows: tuple[str, str]) -> HTTPHeaders:
    made = Headers()
    for name, value in rows:
        made.add(name, value)
    return made


def test_in_our_form_an_id_is_a_sane_one_of_the_caller_or_ours() -> None:
    ours = Identity(("x-request-id",), original=False)
    assert ours.request_id(headers(("X-Request-Id", "trace-42"))) == "trace-42"
    for given in ("a b", "x" * 129, 'a"b', ""):
        made = ours.request_id(headers(("X-Request-Id", given)))
        assert re.fullmatch(r"req_[0-9a-f]{32}", made)
    assert ours.request_id(headers(("X-Aisix-Request-Id", "mine"))).startswith("req_")
    assert ours.told("r") == (("X-Request-Id",), ("r",))
    assert ours.upstream_lines("r") == ()


def test_in_theirs_the_first_header_with_one_that_fits_counts() -> None:
    theirs = Identity(("x-aisix-request-id", "x-ticket"), original=True)
    both = ("X-Aisix-Request-Id", "a b"), ("X-Ticket", 'T{"1"}')
    assert theirs.request_id(headers(*both)) == 'T{"1"}'
    twice = ("X-Ticket", "one"), ("X-Ticket", "two")
    assert theirs.request_id(headers(*twice)) == "one"
    assert theirs.request_id(headers(("X-Ticket", "a,b"))) == "a,b"
    assert UUID.fullmatch(theirs.request_id(headers(("X-Request-Id", "stamped"))))
    assert dict(zip(*theirs.told("r"), strict=True)).keys() == {
        "X-Request-Id",
        "X-Aisix-Request-Id",
        "Server",
    }
    assert theirs.upstream_lines("r") == ("x-aisix-request-id: r",)


def test_no_header_may_be_listed_and_then_every_id_is_ours() -> None:
    nobody = Identity((), original=True)
    assert UUID.fullmatch(nobody.request_id(headers(("X-Aisix-Request-Id", "mine"))))


def test_what_fits_there_is_visible_ascii_of_256_bytes() -> None:
    assert GIVEN_THERE.fullmatch("!" + "~" * 255)
    assert not any(map(GIVEN_THERE.fullmatch, ("", " ", "é", "a\x7f", "a\n", "~" * 257)))


def test_ids_of_ours_are_random_uuids_of_version_4() -> None:
    made = {uuid() for _ in range(500)}
    assert len(made) == 500
    assert {one[14] for one in made} == {"4"}
    assert {one[19] for one in made} == set("89ab")
