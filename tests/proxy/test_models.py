"""The list of models and one of them, in either shape, in pages, for who may use them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import anthropic
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisix.standin.server import Standin
from tests.running import CALLER_KEY, Answer, Running, send

MODELS = {
    "claude-*": {"model_name": "claude-*"},
    "claude-prod": {"model_name": "claude-opus-5-5"},
    "org/team/prod": {"model_name": "claude-opus-5-5"},
    "ends/": {"model_name": "claude-opus-5-5"},
    "ümlaut %2F": {"model_name": "claude-opus-5-5"},
}
ANTHROPIC = {"anthropic-version": "2023-06-01"}
KEY = {"Authorization": f"Bearer {CALLER_KEY}"}
FEW = "sk-of-a-few-models-only"


@pytest.fixture(scope="module")
def lists(standin: Standin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("lists")) as running:
        running.set_up(standin.url, MODELS)
        running.allow("*")
        running.allow("claude-opus-*", "org/*", "claude-my-own", key=FEW)
        yield running
        assert not running.bugs


def asked(gateway: Running, query: str = "", key: str = CALLER_KEY, **headers: str) -> Answer:
    named = {"Authorization": f"Bearer {key}", **ANTHROPIC, **headers}
    return send(gateway.proxy_port, "GET", f"/v1/models{query}", headers=named)


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [one["id"] for one in answer.json["data"]]


def test_patterns_list_the_names_they_are_known_to_serve(lists: Running) -> None:
    answer = send(lists.proxy_port, "GET", "/v1/models", headers=KEY)
    whole = ids(answer)
    assert whole == sorted(whole) and len(whole) == len({*whole})
    assert {*MODELS} - {"claude-*"} <= {*whole} and not [one for one in whole if "*" in one]
    assert {"claude-opus-5-5", "claude-sonnet-4-6", "claude-haiku-4-5"} <= {*whole}
    assert {one["owned_by"] for one in answer.json["data"]} == {"anthropic"}
    assert ids(asked(lists)) == whole
    for name in whole:
        path = f"/v1/models/{quote(name, safe='')}"
        assert send(lists.proxy_port, "GET", path, headers=KEY).json["id"] == name


def test_a_key_sees_what_it_may_use_and_no_more(lists: Running) -> None:
    mine = ids(asked(lists, key=FEW))
    assert {"claude-opus-5-5", "org/team/prod", "claude-my-own"} <= {*mine}
    allowed = ("claude-opus-", "org/", "claude-my-own")
    assert not [name for name in mine if not name.startswith(allowed)]


def test_pages_in_both_directions(lists: Running) -> None:
    whole = ids(asked(lists))
    answer = asked(lists)
    assert not answer.json["has_more"]
    assert (answer.json["first_id"], answer.json["last_id"]) == (whole[0], whole[-1])
    found: list[str] = []
    query = "?limit=4"
    while True:
        page = asked(lists, query)
        found += ids(page)
        assert (page.json["first_id"], page.json["last_id"]) == (ids(page)[0], ids(page)[-1])
        if not page.json["has_more"]:
            break
        query = f"?limit=4&after_id={quote(page.json['last_id'], safe='')}"
    assert found == whole
    page = asked(lists, f"?limit=2&before_id={whole[5]}")
    assert (ids(page), page.json["has_more"]) == (whole[3:5], True)
    page = asked(lists, f"?limit=5&before_id={whole[5]}")
    assert (ids(page), page.json["has_more"]) == (whole[:5], False)
    page = asked(lists, f"?limit=2&after_id={whole[1]}&before_id={whole[5]}")
    assert (ids(page), page.json["has_more"]) == (whole[2:4], True)
    last = quote(whole[-1], safe="")
    nothing = asked(lists, f"?after_id={last}").json
    assert (nothing["data"], nothing["first_id"], nothing["last_id"]) == ([], None, None)
    assert ids(asked(lists, f"?after_id={whole[3]}x&limit=1")) == [whole[4]], "one that has gone"


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("0", "greater than or equal to 1"),
        ("-3", "greater than or equal to 1"),
        ("1001", "less than or equal to 1000"),
        ("abc", "a whole number from 1 to 1000, found 'abc'"),
        ("1.5", "a whole number"),
        ("9" * 5000, "a whole number"),
        ("%F0%9F%92%A9", "a whole number"),
        ("\u0663", "a whole number"),
    ],
)
def test_a_limit_that_is_none_is_refused_by_name(lists: Running, limit: str, words: str) -> None:
    answer = asked(lists, f"?limit={quote(limit, safe='%')}")
    assert (answer.status, answer.error["type"]) == (400, "invalid_request_error")
    assert answer.error["message"].startswith("limit: ") and words in answer.error["message"]


def test_where_a_dialect_has_no_pages_its_query_is_passed_over(lists: Running) -> None:
    answer = send(lists.proxy_port, "GET", "/v1/models?limit=abc&after_id=x", headers=KEY)
    assert ids(answer) == ids(asked(lists))
    assert {*answer.json} == {"object", "data"}


def test_names_with_slashes_and_odd_letters_are_found(lists: Running) -> None:
    for path, name in (
        ("org/team/prod", "org/team/prod"),
        ("org%2Fteam%2Fprod", "org/team/prod"),
        ("org/team%2fprod", "org/team/prod"),
        ("org/team/prod/", "org/team/prod"),
        ("ends/", "ends/"),
        ("ends%2F", "ends/"),
        (quote("ümlaut %2F"), "ümlaut %2F"),
        ("claude-anything-at-all", "claude-anything-at-all"),
    ):
        for headers in (KEY, KEY | ANTHROPIC):
            answer = send(lists.proxy_port, "GET", f"/v1/models/{path}", headers=headers)
            assert (answer.status, answer.json["id"]) == (200, name)
            assert send(lists.proxy_port, "HEAD", f"/v1/models/{path}", headers=headers).body == b""
    for path in ("nothing", "org", "org/team", "org//team/prod", "..%2F..", "%00", "%ff", "%2F"):
        answer = send(lists.proxy_port, "GET", f"/v1/models/{path}", headers=KEY)
        assert (answer.status, answer.error["code"]) == (404, "model_not_found")
    path = "/v1/models/claude-prod"
    answer = send(lists.proxy_port, "GET", path, headers={"Authorization": f"Bearer {FEW}"})
    assert answer.status == 403


def test_the_sdks_read_them(lists: Running) -> None:
    theirs: Any = anthropic.Anthropic(base_url=lists.base_url[:-3], api_key=CALLER_KEY)
    ours = openai.OpenAI(base_url=lists.base_url, api_key=CALLER_KEY)
    whole = [model.id for model in ours.models.list()]
    assert [model.id for model in theirs.models.list(limit=3)] == whole
    assert ours.models.retrieve("org/team/prod").id == "org/team/prod"
    assert theirs.models.retrieve("org/team/prod").id == "org/team/prod"
    for client in (ours, theirs):
        client.close()


def test_no_query_makes_it_fail(lists: Running) -> None:
    @given(st.text("limt=&afer_idbo0129-%;+", max_size=40))
    def ask(query: str) -> None:
        assert asked(lists, f"?{query}").status in (200, 400)

    ask()
