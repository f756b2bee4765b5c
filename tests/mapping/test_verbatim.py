"""One member of a JSON object gets another value; every other byte stays as it was sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisix.mapping.verbatim import read

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12
)
NAMES = st.sampled_from(["model", "Model", "models", 'mo"del', "x", "\\model", "modèl"]) | st.text()
SPACE = st.text(" \t\r\n", max_size=3)


def escaped(text: str) -> str:
    return '"' + "".join(f"\\u{ord(c):04x}" if ord(c) < 65536 else c for c in text) + '"'


@st.composite
def spelled(draw: st.DrawFn) -> tuple[list[tuple[str, Any, str]], str, str]:
    """Members as (name, value, its text), the object's text, and the same with another model."""
    members, texts, wanted = [], [], []
    for _ in range(draw(st.integers(0, 5))):
        name = draw(NAMES)
        value = draw(VALUES)
        raw = json.dumps(
            value, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1]))
        )
        key = draw(st.sampled_from([json.dumps(name), escaped(name)]))
        gaps = [draw(SPACE) for _ in range(4)]
        members.append((name, value, raw))
        texts.append(f"{gaps[0]}{key}{gaps[1]}:{gaps[2]}{raw}{gaps[3]}")
        raw = '"NEW"' if name == "model" else raw
        wanted.append(f"{gaps[0]}{key}{gaps[1]}:{gaps[2]}{raw}{gaps[3]}")
    around = draw(SPACE), draw(SPACE)
    whole, other = (around[0] + "{" + ",".join(t) + "}" + around[1] for t in (texts, wanted))
    return members, whole, other


@given(spelled())
def test_only_the_value_of_the_member_changes_however_it_is_spelled(
    given: tuple[list[tuple[str, Any, str]], str, str],
) -> None:
    members, text, other = given
    try:
        raw, wanted = text.encode(), other.encode()
    except UnicodeEncodeError:
        return
    body = read(raw, "model")
    models = [value for name, value, _ in members if name == "model"]
    if models:
        assert body.value == models[-1]
        assert body.replaced("NEW") == wanted
    else:
        assert body.value is None
        assert json.loads(body.replaced("NEW")) == {"model": "NEW", **json.loads(raw)}
        assert body.replaced("NEW").replace(b'"model":"NEW"', b"").lstrip(b" \t\r\n")[:1] == b"{"


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        (b'{"model":"a","model":"b"}', b'{"model":"N","model":"N"}'),
        (b'{"mod\\u0065l" : "a"}', b'{"mod\\u0065l" : "N"}'),
        (
            b'{"x":{"model":"a"},"y":["model"],"model":"b"}',
            b'{"x":{"model":"a"},"y":["model"],"model":"N"}',
        ),
        (
            b'{"input":"\\"model\\":\\"a\\"","model":"\\u0061"}',
            b'{"input":"\\"model\\":\\"a\\"","model":"N"}',
        ),
        (b'{"model":null}', b'{"model":"N"}'),
        (b'{"n":1.0e+2,"model":"a","m":1E2}', b'{"n":1.0e+2,"model":"N","m":1E2}'),
        (b'{"half":"\\ud83d","model":"a"}', b'{"half":"\\ud83d","model":"N"}'),
        (b"{}", b'{"model":"N"}'),
        (b' { "x" : 1 } ', b' { "model":"N","x" : 1 } '),
    ],
)
def test_by_example(raw: bytes, wanted: bytes) -> None:
    assert read(raw, "model").replaced("N") == wanted


def test_a_model_of_odd_letters_is_written_as_json() -> None:
    assert read(b'{"model":"a"}', "model").replaced('q"\\ü') == '{"model":"q\\"\\\\ü"}'.encode()


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"{", b"[]", b'"x"', b"null", b"{'model':1}", b'{"model":"a",}', b'{"a":01}'),
        *(b'{"model":NaN}', b'{"model":"a"} x', b"\xef\xbb\xbf{}", b'{"a":"\xff"}', b'{"a":"\n"}'),
        *(b'{"a":1/**/}', b'{"a":"\\x41"}', b'{"\\ud800', b'{model:"a"}', b'{"a":1}{"model":"b"}'),
    ],
)
def test_what_is_no_json_object_is_told(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read(raw, "model")


def test_too_many_levels_are_no_crash() -> None:
    with pytest.raises(RecursionError):
        read(b'{"a":' + b"[" * 100_000, "model")


def test_other_members_are_read_one_by_one() -> None:
    body = read(b'{"stream":true,"list":[1],"model":"a","text":"t"}', "model")
    assert [body.member(name) for name in ("stream", "list", "text", "none")] == [
        True,
        None,
        "t",
        None,
    ]


def test_values_that_nothing_can_say_are_read_as_others() -> None:
    """Half a character, which no UTF-8 holds; numbers without end."""
    body = read(rb'{"model":"a\ud800","stream":1e999,"x":"\udc00"}', "model")
    assert body.value == "a\ufffd"
    assert body.member("stream") == float("inf")
    assert body.member("x") == "\ufffd"
    assert read(rb'{"model":"\ud83d\ude00"}', "model").value == "😀"
    assert read(b'{"model":' + b"9" * 5000 + b"}", "model").value == 0


def test_levels_that_are_just_let_pass_are_read_from_anywhere() -> None:
    for levels in range(900, 1000):
        try:
            body = read(b'{"model":' + b"[" * levels + b"]" * levels + b"}", "model")
        except RecursionError:
            continue
        assert type(body.value) is list
