"""Tables inside an alias are read as a file of traits/ is, with the path inside the resource."""

from __future__ import annotations

import json

import pytest

from aisix.errors import Complaint, OperatorError
from aisix.mapping.parse.inline import MOST_DEPTH, in_resource, read_inline

TEXT = 'for = "a/b"\n[request.field.x]\nmax = 4\n'


def refused(*given: str, listed: bool = False) -> list[str]:
    with pytest.raises(OperatorError) as caught:
        read_inline(given, listed=listed)
    return [str(in_resource(one, "overlay")) for one in caught.value.complaints]


def test_a_text_and_an_object_say_the_same() -> None:
    [text] = read_inline([TEXT])
    [thing] = read_inline([json.dumps({"for": "a/b", "request": {"field": {"x": {"max": 4}}}})])
    assert text.tree.data == thing.tree.data == {"request": {"field": {"x": {"max": 4}}}}
    assert text.wanted == thing.wanted == ("a/b",)
    keys = ("request", "field", "x", "max")
    assert text.tree.where(keys) == "overlay:3"
    assert thing.tree.where(keys) == "overlay.request.field.x.max"
    for one in (text, thing):
        told = one.own(Complaint(one.tree.where(keys), "field.x.max", "wrong"))
        assert told is not None
        assert told.path == "overlay.request.field.x.max"
        assert one.own(Complaint("request.toml:3", "field.x.max", "wrong")) is None


def test_whom_it_is_meant_for() -> None:
    [one] = read_inline(['for = ["a", "c/d"]\n[values.t]\nx = "y"\n'])
    assert [one.meant_for(name) for name in ("a/b", "a/d", "c/d", "c/b")] == [
        True,
        True,
        True,
        False,
    ]
    [all_] = read_inline(['[values.t]\nx = "y"\n'])
    assert all_.meant_for("c/b")


def test_several_are_told_apart_and_differ_in_digest() -> None:
    one, other = read_inline([TEXT, TEXT + "min = 1\n"])
    assert (one.name, other.name) == ("overlay[0]", "overlay[1]")
    assert one.digest != other.digest
    assert read_inline([TEXT])[0].digest == one.digest
    assert refused(TEXT, "[request\n", listed=True)[0].startswith("overlay[1]: line 1: not valid")
    assert refused("[request\n", listed=True)[0].startswith("overlay[0]: line 1")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("[field.x]\nmax = 4\n", 'overlay.field: line 1: unknown section (did you mean "request.field"?)'),
        ("[requst.field.x]\nmax = 4\n", 'overlay.requst: line 1: unknown section (did you mean "request"?)'),
        ('{"request.field": {"x": 1}}', "overlay.request.field: a table in a table, not one key"),
        ('{"models": {"model": {}}}', "overlay.models: an alias's overlay has no `models`: what one"),
        ("[mapping.upstream]\npath = '/'\n", "overlay.mapping: line 1: an alias's overlay has no"),
        ('request = "x"\n', "overlay.request: line 1: expected table, found text 'x'"),
        ('for = "a/b"\n', "overlay: holds no table: write one of request"),
        ("for = 3\n[request.field]\nx = 1\n", "overlay.for: line 1: expected a mapping or a caller"),
        ('{"request": {"field": {"x": null}}}', "overlay.request.field.x: null is no value of a table"),
        ('{"request": {"field": {"x": [1, [null]]}}}', "overlay.request.field.x: null is no value"),
        ('{"request": {"field": {"x": [{"a": null}]}}}', "overlay.request.field.x: null is no value"),
        ('{"request": {"field": {"x": 1e999}}}', "overlay.request.field.x: is no number that JSON has"),
        (f'{{"request": {{"field": {{"x": {2**70}}}}}}}', "overlay.request.field.x: is too large"),
        ("{", "overlay: is no JSON"),
        ('{"request": ' * 3000 + "1" + "}" * 3000, "overlay"),
        ("[request.shape.s.when.a]\nx = 1\n", "overlay.request.shape.s.when"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_where_it_stands(given: str, told: str) -> None:
    assert refused(given)[0].startswith(told)


def test_how_deep_an_object_may_be() -> None:
    deep: dict[str, object] = {"x": 1}
    for _ in range(MOST_DEPTH):
        deep = {"a": deep}
    assert f"at most {MOST_DEPTH}" in refused(json.dumps({"request": deep}))[0]
