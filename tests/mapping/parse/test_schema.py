"""mapping.toml, models.toml, caller.toml and traits against their declarations."""

from __future__ import annotations

from typing import Any

import pytest

from aisix.errors import Complaint
from aisix.mapping.parse.schema import check_caller, check_faults, check_mapping
from aisix.mapping.parse.toml_tree import Tree

UPSTREAM = {"path": "/v2/chat"}
MAPPING = {"format": 1, "title": "a", "adapter": "acme", "upstream": UPSTREAM}
CALLER: dict[str, Any] = {
    "format": 1,
    "route": "/v1/chat",
    "request": {"alias": "model"},
    "stream": {
        "content_type": "a",
        "done": "",
        "ping": ":",
        "told": "{warnings}",
        "frame": "{data}",
        "error_frame": "{data}",
    },
    "error": {"body": {"text": "$message", "wait": "$header.retry-after"}},
}


def said(complaints: list[Complaint]) -> list[str]:
    return [str(complaint) for complaint in complaints]


def of_mapping(
    mapping: dict[str, Any], models: dict[str, Any] | None = None, **traits: dict[str, Any]
) -> list[str]:
    complaints: list[Complaint] = []
    data = {"mapping": {**MAPPING, **mapping}, "models": models or {}, "values": {"why": {}}}
    trees = {name: Tree(trait) for name, trait in traits.items()}
    check_mapping(Tree(data), trees, complaints)
    return said(complaints)


def test_good_tables_are_quiet() -> None:
    assert of_mapping({"upstream": {**UPSTREAM, "auth": {"x-key": "Key {secret}"}}}) == []
    complaints: list[Complaint] = []
    check_caller(Tree({**CALLER}), complaints)
    assert said(complaints) == []


@pytest.mark.parametrize(
    ("mapping", "text"),
    [
        ({"adaptor": "x"}, 'adaptor: unknown key (did you mean "adapter"?)'),
        ({"format": 2}, "format: expected 1, found number 2"),
        ({"adapter": ""}, "adapter: expected text, not empty"),
        ({"upstream": {"path": "/{modell}"}}, 'nothing is put in here: "{modell}" would be sent'),
        ({"upstream": {"pth": "/"}}, 'upstream.pth: unknown key (did you mean "path"?)'),
        ({"upstream": {}}, "upstream: needs path = "),
        (
            {"upstream": {**UPSTREAM, "auth": {"x-key": "{secrt}"}}},
            'upstream.auth.x-key: nothing is called "secrt" here (did you mean "secret"?)',
        ),
        ({"option": {"a": {"type": "strng"}}}, 'unknown word "strng" (did you mean "string"?)'),
        ({"option": {"a": {"type": "string", "defalt": 1}}}, 'did you mean "default"?'),
        ({"versions": {"defualt": "a"}}, 'versions.defualt: unknown key (did you mean "default"?)'),
    ],
)
def test_what_is_wrong_with_a_mapping_is_told(mapping: dict[str, Any], text: str) -> None:
    told = of_mapping(mapping)
    assert any(text in one for one in told), told


def test_facts_that_nothing_reads_are_told_but_one_for_people() -> None:
    models = {"unknown": "a", "defaults": {"context": 5, "most": 1}, "model": {"a": {"odd": 1}}}
    told = of_mapping({"option": {"x": {"type": "integer", "default": "$model.most"}}}, models)
    assert [one for one in told if "most" in one.partition(":")[0] or "context" in one[:20]] == []
    assert any(one.startswith("model.a.odd: no rule reads this fact") for one in told)
    models = {"unknown": "a", "defaults": {"mots": 1}, "model": {"a": {}}}
    assert any("defaults.mots: no rule reads" in one for one in of_mapping({}, models))


@pytest.mark.parametrize(
    ("trait", "text"),
    [
        ({"field": {"top": {}}}, "field: unknown key: a trait's tables begin with the name of a"),
        ({"field": {"top": {}}}, '(did you mean "request.field"?)'),
        ({"feild": {"zzz": {}}}, '(did you mean "request.field"?)'),
        ({"event": {"x": {}}}, '(did you mean "answer.event"?)'),
        ({"why": {"x": "y"}}, '(did you mean "values.why"?)'),
        ({"reqest": {"field": {}}}, '(did you mean "request"?)'),
        ({"models": {"defaults": {}}}, "models: means nothing here: options, versions and rows"),
    ],
)
def test_a_trait_begins_with_the_name_of_a_file(trait: dict[str, Any], text: str) -> None:
    told = of_mapping({}, None, mine=trait)
    assert len(told) == 1
    assert text in told[0]


@pytest.mark.parametrize(
    ("section", "data", "text"),
    [
        ("error", {"body": {"a": {"b": "$mesage"}}}, 'error.body.a.b: nothing is called "mesage"'),
        ("error", {"body": {}, "requestid": "x"}, 'did you mean "request_id"?'),
        ("limits", {"requests": {"x": "{lft}"}}, 'limits.requests.x: nothing is called "lft"'),
        ("limits", {"request": {}}, 'limits.request: unknown key (did you mean "requests"?)'),
        ("stream", {**CALLER["stream"], "frame": "x"}, "expected text with {data} in it, found"),
        ("stream", {**CALLER["stream"], "told": "{wrnings}"}, 'nothing is called "wrnings"'),
        ("count", {"route": "/a", "header": "b"}, "count: needs answer = "),
        ("fault", {"bug": {"status": 200}}, "expected a number from 400 to 599, found number 200"),
        ("sectoin", {}, "sectoin: unknown key"),
    ],
)
def test_what_is_wrong_with_a_dialect_is_told(section: str, data: Any, text: str) -> None:
    complaints: list[Complaint] = []
    check_caller(Tree({**CALLER, section: data}), complaints)
    assert any(text in one for one in said(complaints)), said(complaints)


def test_a_fault_may_ask_for_what_the_gateway_or_a_check_says() -> None:
    complaints: list[Complaint] = []
    caller = Tree({"fault": {"a": {"message": "{param} {most}"}, "b": {"message": "{alais}"}}})
    asked = Tree({"request": {"check": {"x": {"values": {"most": 4}}}}})
    check_faults(caller, [asked], complaints)
    assert said(complaints) == [
        'fault.b.message: nothing is called "alais" here (did you mean "alias"?)'
    ]
