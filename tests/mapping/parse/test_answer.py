"""answer.toml and errors.toml against their declarations: what cannot act is told, at its key."""

from __future__ import annotations

from typing import Any

import pytest

from aisix.errors import Complaint
from aisix.mapping.dialect.upstream_errors import ErrorTables
from aisix.mapping.parse import overlays, toml_tree
from aisix.mapping.parse.answer import AnswerParser
from aisix.mapping.parse.registers import told_of
from aisix.mapping.syntax.answer import AnswerTables

BASE = """
by = "kind"
[event.part]
emit = "text"
set = { "state.why" = { from = "why" } }
[event.end]
end = true
[event."*"]
ignore = true
[chunk.text]
content = { from = "say" }
[end]
finish = "$state.why"
[plain]
check = { kind = "reply" }
[plain.start]
kind = "part"
say = "say"
"""


def told(base: str, more: str = "") -> list[str]:
    """What is said of such an answer.toml, and of one laid over it."""
    tree = toml_tree.parse(base.encode(), "base")
    if more:
        tree = overlays.lay_over(tree, toml_tree.parse(more.encode(), "mine"))
    parser = AnswerParser(
        {"answer": tree.data}, lambda keys: tree.where(keys[1:]), {"ranks": tree.ranks}
    )
    parser.answer()
    return [str(complaint) for complaint in parser.complaints]


def test_good_tables_are_quiet() -> None:
    assert told(BASE) == []


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ("[event.part]\nemti = 'text'", 'event.part.emti: unknown key (did you mean "emit"?)'),
        (
            "[event.part]\nguard.when = { a = 1 }",
            "event.part.guard: means nothing here: only a row",
        ),
        ("[event.part]\nunknown = true", 'event.part.unknown: means nothing here: only a "*" row'),
        ("[event.part]\nignore = true", "event.part.ignore: never acts: `set` beside it wins"),
        ("[event.part]\nwhich = 'a'", "event.part.which: means nothing without `into` beside it"),
        ("[event.part]\nend = 'yes'", "event.part.end: expected true or false, found text 'yes'"),
        (
            "[event.part.first.x]\nemit = 'text'",
            "mine:1: event.part.first: with it `set`, `emit` of this row (base:5) never acts",
        ),
        (
            "[event.end]\nby = 'x'\n[event.end.is.'*']\nend = true",
            "mine:2: event.end.by: with it `end` of this row (base:7) never acts",
        ),
        ("[envelope.whol]\na = 1", 'envelope.whol: unknown key (did you mean "whole"?)'),
        ("[meter]\nimput = 1", 'meter.imput: unknown key (did you mean "input"?)'),
        ("[end]\ncomplet.when = { a = 1 }", 'end.complet: unknown key (did you mean "complete"?)'),
        ("[end.complete]\nwenn = { a = 1 }", 'wenn: unknown key (did you mean "when"?)'),
        ("[rest.x]\nof = 'a'\nknwn = ['b']", 'rest.x.knwn: unknown key (did you mean "known"?)'),
        ("[calls.x]\nlist = 'a'\nname = 'b'", "calls.x: needs text = "),
        ("[mend.choices]\nlst = 'a'", 'mend.choices.lst: unknown key (did you mean "list"?)'),
        ("[estimate]\nbytes = 0", "estimate.bytes: expected a whole number from 1, found number 0"),
        ("[plain.check]\n'a.b' = '> 7'", 'never holds: "> 7" would be compared letter by letter'),
        ("[plain.check]\n'a.b' = '$absent'", 'never holds: "$absent" would be compared'),
        ("[plain.check]\n'a[].b' = 'x'", "never holds: expected a path of the answer"),
        ("[plain.check]\n'$state.a' = 'x'", "never holds: expected a path of the answer"),
        ("[plain.check]\na = ['x', 'y']", 'expected a value, or "$present", found list'),
        ("[plain.start]\n'a.b' = '.'", "an event made here has its fields side by side"),
        ("[plain.start]\nkind = 'prat'", 'no [event] row for "prat" (did you mean "part"?)'),
        ("[plain.stop]\na = 'b'", "plain.stop: needs kind: the word of its [event] row"),
        ("[mend.choices]\nlist = 'a.b'", '"a.b" finds nothing: expected the name of a field'),
        (
            "[chunk.text]\nn = 'one'\n[accumulate]\nlist = 'a'\nbegin = 'b'\nnumber = 'n'\nby = 'c'",
            "chunk.text.n: no item of [accumulate] has the number text 'one'",
        ),
        ("[plain.blocks]\nform = 'a'", 'plain.blocks.form: unknown key (did you mean "from"?)'),
    ],
)
def test_what_cannot_act_is_told(more: str, text: str) -> None:
    complaints = told(BASE, more)
    assert any(text in complaint for complaint in complaints), complaints
    assert all("mine:" in complaint for complaint in complaints)


def test_who_takes_away_what_a_row_did_may_make_it_choose() -> None:
    assert told(BASE, "[event.end]\nend = false\n[event.end.first.x]\nend = true") == []


def test_a_check_of_a_nested_place_holds() -> None:
    tree = toml_tree.parse(b"[plain]\ncheck = { 'usage.total' = 7, 'b[0].c' = '$present' }", "x")
    parser = AnswerParser({"answer": tree.data}, lambda keys: "")
    plain = parser.answer().plain
    assert plain is not None
    assert plain.knows({"usage": {"total": 7}, "b": [{"c": 1}]})
    assert not plain.knows({"usage": {"total": 8}, "b": [{"c": 1}]})
    assert not plain.knows({"usage": {"total": 7}, "b": []})


def test_registers_that_nothing_reads_are_known() -> None:
    tree = toml_tree.parse(BASE.replace("why =", "odd =").encode(), "base")
    tree.data["event"]["part"]["count"] = "block.parts"
    parser = AnswerParser({"answer": tree.data}, lambda keys: tree.where(keys[1:]))
    parser.answer()
    told = told_of(parser.registers(), tree)
    assert set(told) - parser.registers().read == {"answer.block.parts"}
    assert 'nothing reads "block.parts"' in str(told["answer.block.parts"])


ERRORS: list[tuple[dict[str, Any], str]] = [
    ({"upstream": {"x": {"status": 700}}}, "status: expected a number from 400 to 599"),
    ({"upstream": {"x": {"stauts": 500}}}, 'stauts: unknown key (did you mean "status"?)'),
    ({"upstream": {"x": {"status": 500, "retry": "her"}}}, 'unknown word "her" (did you mean'),
    (
        {"upstream": {"x": {"status": 500, "message": "{mesage}"}}},
        'nothing is called "mesage" here (did you mean "message"?)',
    ),
    (
        {"upstream": {"x": {"status": 500, "code": "$cod"}}, "body": {"code": "a.code"}},
        'no place in [body] for "$cod" (did you mean "$code"?)',
    ),
    ({"body": {"mesage": "a"}}, 'no row asks for "$mesage" (did you mean "message"?)'),
    ({"param": {"x": {"match": "^a", "param": "{1}"}}}, "`match` has no group 1"),
    ({"param": {"x": {"match": "^(a)", "param": "$orign"}}}, 'did you mean "$origin"?'),
    ({"param": {"x": {"match": "^(a)"}, "y": {}}}, "param.y: needs match = "),
    ({"status": {"busy": "429"}}, "status.busy: expected a number from 400 to 599"),
    ({"guess": {"x": {"match": "a"}}}, "guess.x: needs status = 503"),
    ({"headers": {"x": {"from": "y", "as": "wiat"}}}, 'unknown word "wiat" (did you mean "wait"?)'),
    ({"rename": {"a": 1}}, "rename: expected table of texts"),
    ({"mark": {"x": {"wehn": {}}}}, 'wehn: unknown key (did you mean "when"?)'),
]


@pytest.mark.parametrize(("data", "text"), ERRORS, ids=[text for _, text in ERRORS])
def test_what_is_wrong_with_errors_is_told(data: dict[str, Any], text: str) -> None:
    complaints: list[Complaint] = []
    ErrorTables.parse({"errors": data}, lambda keys: "errors.toml:1", complaints, {})
    assert any(text in str(complaint) for complaint in complaints), [*map(str, complaints)]


def parsed(text: str) -> AnswerTables:
    tree = toml_tree.parse(text.encode(), "base")
    parser = AnswerParser({"answer": tree.data}, lambda keys: tree.where(keys[1:]))
    tables = parser.answer()
    assert parser.complaints == []
    return tables


def test_a_chunk_comes_with_those_ahead_of_it_wherever_it_is_sent() -> None:
    more = "[chunk.mark]\nx = 1\n[chunk.text]\nahead = 'mark'\n[end]\nemit = ['mark', 'text']\n"
    tables = parsed(BASE.replace("[chunk.text]\n", more.partition("[end]")[0]).replace(
        "[end]\n", "[end]\nemit = ['mark', 'text']\n"
    ))  # fmt: skip
    assert tables.events["part"].emit == ("mark", "text")
    assert tables.end_emit == ("mark", "mark", "text")
    assert told(BASE, "[chunk.text]\nahead = 'marc'\n[chunk.mark]\nx = 1\n") == [
        'mine:2: chunk.text.ahead: no chunk "marc" (did you mean "mark"?)'
    ]


def test_a_kind_of_block_that_no_row_writes_into_is_not_there() -> None:
    kinds = "[block_kind.a]\nbegin = 'text'\n[block_kind.b]\n"
    assert parsed(BASE + kinds).block_kinds == {}
    into = BASE.replace('emit = "text"', 'emit = "text"\ninto = "a"')
    assert [*parsed(into + kinds).block_kinds] == ["a"]


def test_what_a_base_leaves_to_others_need_not_be_read() -> None:
    text = "takes = ['state.noted']\n" + BASE.replace(
        '"state.why" =', '"state.noted" = 1, "state.why" ='
    )
    tree = toml_tree.parse(text.encode(), "base")
    parser = AnswerParser({"answer": tree.data}, lambda keys: tree.where(keys[1:]))
    parser.answer()
    assert {"state.noted", "state.why"} <= {name for name, _ in parser.registers_read}


def test_a_chunk_whose_row_gives_it_nothing_is_told_at_the_row() -> None:
    text = BASE.replace('{ from = "say" }', '"$given.text"')
    (found,) = told(text)
    assert found == (
        'base:4: event.part.emit: "text" is made of what its row gives it: give.text = { from = ... } here'
    )
    assert told(text, "[event.part]\ngive.text = { from = 'say' }\n") == []
