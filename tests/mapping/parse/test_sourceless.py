"""A rule's own words without a source beside them are told, and never sent to anybody."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisix.mapping.grammar.rule import RULE, SOURCES
from aisix.mapping.parse.sourceless import sourceless
from aisix.mapping.parse.structure import in_toml
from tests.mapping.laid import laid, said

OTHER = "anthropic-messages/openai-chat"


@pytest.mark.parametrize("name", [name for name in RULE.names if name not in SOURCES])
def test_whatever_stands_alone_is_told(name: str) -> None:
    key = RULE.by_name[name]
    [(at, why)] = sourceless({name: key.example}, "x", [])
    assert at == name
    assert f"value = {in_toml({name: key.example})} where that is meant" in why


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"type": "fast"},  # no type of a rule's
        {"type": "integer", "unit": "ms"},  # an object that has a field of this name
        {"max": [4]},
        {"policy": "mine"},
    ],
)
def test_an_object_is_none(data: dict[str, object]) -> None:
    assert not list(sourceless(data, "x", []))


# file, what a site writes, where it is told and what is told
PLACES = {
    "a field": ("request.toml", "[field.x]\nmax = 4\n", ":2: field.x.max: no source"),
    "below a field": ("request.toml", "[field.x.y]\ndefault = 4\n", ":2: field.x.y.default: no"),
    "nearly one that is there": (
        "request.toml",
        "[field.max_token]\nmax = 4\n",
        '(did you mean "max_tokens"?): write from',
    ),
    "a let": ("request.toml", "[let.x]\nas = 'list'\n", ":2: let.x.as: no source"),
    "an object under a condition": (
        "request.toml",
        "[field.x]\na = 1\nwhen = { stream = true }\n",
        ":3: field.x.when: no source stands beside it, so { a = 1, when = { stream = true } } itself"
        " would be sent: write the other keys below `object`, or value",
    ),
    "a header": (
        "request.toml",
        "[header.x-own]\nfrom = 'user'\n",
        ":2: header.x-own.from: here stand named rules, and this would be one of the name `from`:"
        ' write NAME = { from = "user" }',
    ),
    "a rule of a header": ("request.toml", "[header.x]\na.max = 4\n", ":2: header.x.a.max: no"),
    "a chain": ("request.toml", "[field.x.first]\nwhen = { a = 1 }\n", ":2: field.x.first.when: h"),
    "a shape": ("request.toml", "[shape.tool_call]\nx.min = 1\n", ":2: shape.tool_call.x.min: no"),
    "the answer": ("answer.toml", "[usage.mine]\ndefault = 3\n", ":2: usage.mine.default: no sou"),
    "a chunk": ("answer.toml", "[message.mine]\ntable = 'stop'\n", ":2: message.mine.table: no"),
}


@pytest.mark.parametrize("place", PLACES)
def test_in_every_place(place: str, tmp_path: Path) -> None:
    file, text, told = PLACES[place]
    assert [one for one in said(laid(tmp_path, {file: text})) if told in one]


def test_of_the_other_callers_too(tmp_path: Path) -> None:
    folder = laid(tmp_path, {"request.toml": "[field.x]\nmax = 4\n"}, OTHER)
    assert "field.x.max: no source stands beside it" in said(folder, OTHER)[0]


@pytest.mark.parametrize(
    "text",
    [
        "[field.max_tokens]\nmax = 4\n",  # the source is in the table below
        "[field.x]\nvalue = { max = 4 }\n",
        "[field.x.object]\nmax = 4\n",
        "[header.x-own]\nfirst = '$header.a'\ndefault = 'b'\n",
    ],
)
def test_what_is_meant_is_no_slip(text: str, tmp_path: Path) -> None:
    assert said(laid(tmp_path, {"request.toml": text})) == []


def test_a_section_in_another_file_is_sent_there(tmp_path: Path) -> None:
    text = "[header.x]\na = { from = 'user' }\n"
    told = said(laid(tmp_path, {"mapping.toml": text}))[0]
    assert "mapping.toml:1: header: means nothing here: [header] stands in request.toml" in told
