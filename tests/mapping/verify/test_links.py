"""Links between a result and its source: every field has one, and what it says is so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from aisix.mapping.mappings import Mapping, Mappings, load_mappings
from aisix.mapping.verify import cases
from aisix.mapping.verify.document import document
from aisix.mapping.verify.explain import explain_answer, explain_request, explain_stream
from aisix.mapping.verify.links import leaves, pointer_of
from tests.running import ROOT

HOW = {"found", "default", "constant", "looked up", "table", "clamped", "rewritten", "dropped"}
HOW |= {"inserted", "refused"}
EACH = 12  # one case in so many is looked at
MISSING = object()
Document = dict[str, Any]


@pytest.fixture(scope="module")
def mappings() -> Mappings:
    return load_mappings([ROOT / "mappings"])


def at(node: Any, pointer: str) -> Any:
    """What an RFC 6901 pointer leads to."""
    for word in pointer.split("/")[1:]:
        key = word.replace("~1", "/").replace("~0", "~")
        if isinstance(node, list) and key.isdigit() and int(key) < len(node):
            node = node[int(key)]
        elif isinstance(node, dict) and key in node:
            node = node[key]
        else:
            return MISSING
    return node


def numbered(items: list[Any], pointer: str) -> Any:
    number, mark, rest = pointer[1:].partition("/")
    return at(items[int(number) - 1]["data"], mark + rest)


def source(pointer: str, told: Document, body: Any, answer: Any) -> Any:
    if pointer.startswith("header:"):
        return ""
    if pointer.startswith("request:"):
        return at(body, pointer.removeprefix("request:"))
    if pointer.startswith("#"):
        return numbered(told["events"], pointer)
    return at(answer, pointer)


def result(pointer: str, told: Document) -> Any:
    if pointer.startswith("header:"):
        return told["headers"].get(pointer.removeprefix("header:"), MISSING)
    if pointer.startswith("#"):
        return numbered(told["chunks"], pointer)
    return at(told["result"] if told["error"] is None else told["error"], pointer)


def wrong(told: Document, body: Any, answer: Any) -> Iterator[str]:
    """What of a document is not so."""
    outs = set()
    for link in told["links"]:
        rule = told["rules"].get(link["rule"])
        if link["how"] not in HOW or (rule is None) != (link["rule"] is None):
            yield f"how or rule: {link}"
        if rule is not None and not (rule["line"] and rule["layer"] and rule["lines"]):
            yield f"a rule without its place: {link['rule']}"
        for one in link["in"]:
            if source(one["at"], told, body, answer) is MISSING:
                yield f"no such source: {one['at']} of {link}"
        if link["out"] is not None:
            outs.add(link["out"])
            if result(link["out"], told) is MISSING:
                yield f"no such result: {link}"
    if "chunks" in told:
        data = [(f"#{one['number']}", one["data"]) for one in told["chunks"]]
        fields = [
            o for n, d in data if type(d) is dict and "error" not in d for o, _ in leaves(d, n)
        ]
    else:
        fields = [out for out, _ in leaves(told["error"] or told["result"])]
    fields += [f"header:{name}" for name in told["headers"]]
    for field in fields:
        above = field
        while above and above not in outs:
            above = above.rpartition("/")[0]
        if above not in outs:
            yield f"without a link: {field}"


def documents(case: cases.Case, mapping: Mapping, all_: Mappings) -> Iterator[tuple[Any, Any, Any]]:
    """(document, the caller's request, what was explained) of all a case holds."""
    case = replace(case, compiled=False)
    headers = dict(case.about.get("caller_headers", {}))
    dialect = mapping.caller.name
    if "caller-request.json" in case.files:
        body = case.request(mapping.caller)
        report = explain_request(cases.exchange(case, mapping), body, headers)
        yield document(report, all_, dialect), body, body
    for name, streamed in (("upstream-response.json", False), ("upstream-stream.sse", True)):
        if name not in case.files or "caller-error.json" in case.files:
            continue
        talk, body = cases.exchange(case, mapping), case.request(mapping.caller, streamed)
        talk.request(body, headers)
        if streamed:
            report, answer = explain_stream(talk, case.files[name]), None
        else:
            status = case.about.get("upstream_status", 200)
            given = case.about.get("upstream_headers", {})
            report = explain_answer(talk, status, given, case.files[name])
            try:
                answer = msgspec.json.decode(case.files[name])
            except msgspec.DecodeError:  # half a character, which we repair
                continue
        yield document(report, all_, dialect), body, answer


def test_every_field_of_every_case_leads_to_its_source_and_its_rule(mappings: Mappings) -> None:
    looked = 0
    for name, mapping in mappings.mappings.items():
        for number, case in enumerate(cases.find(mapping.folders, name)):
            if number % EACH == 0:
                for told, body, answer in documents(case, mapping, mappings):
                    looked += 1
                    assert [*wrong(told, body, answer)] == [], f"{name}/{case.name}"
    assert looked > 60


def explained(mappings: Mappings, mapping: str, name: str) -> list[Document]:
    found = mappings.mappings[mapping]
    case = next(c for c in cases.find(found.folders, mapping) if c.name == name)
    return [told for told, _, _ in documents(case, found, mappings)]


def link(told: Document, out: str) -> Document:
    return next(dict(one) for one in told["links"] if one["out"] == out)


def test_a_stream_names_rows_with_their_variant_and_registers(mappings: Mappings) -> None:
    told = explained(mappings, "openai-chat/anthropic-messages", "stream-two-calls")[-1]
    rows = [rule for event in told["events"] for rule in event["rules"]]
    assert "event.content_block_delta.is.input_json_delta.is.tool" in rows
    assert told["rules"][rows[1]]["variant"] == "is.text"
    kept = link(told, "#3/id")  # entered with the first event
    assert kept["in"][0] == {"at": "#1/message/id", "part": "value"}
    assert kept["via"] == "state.id"
    call = link(told, "#3/choices/0/delta/tool_calls/0/function/name")
    assert call["in"][0] == {"at": "#5/content_block/name", "part": "value"}
    assert {"at": "#5/content_block/type", "part": "choice"} in call["in"]
    assert told["state"][0] == {"state.tool_index": [None, -1]}
    assert told["state"][5]["state.tool_index"] == [-1, 0]
    assert told["chunks"][0]["event"] == 1
    assert [event["chunks"] for event in told["events"]][:3] == [[1], [], [2]]


def test_a_word_of_a_value_table_is_told_with_what_it_was(mappings: Mappings) -> None:
    told = explained(mappings, "openai-chat/anthropic-messages", "answer-call")[-1]
    finish = link(told, "/choices/0/finish_reason")
    assert (finish["how"], finish["was"]) == ("table", "tool_use")
    assert finish["rule"] == "values.stop_reason.tool_use"
    assert finish["in"] == [{"at": "/stop_reason", "part": "value"}]


def test_an_error_has_a_source_for_each_of_its_fields(mappings: Mappings) -> None:
    told = explained(mappings, "openai-chat/anthropic-messages", "error-rate-limit")[-1]
    outs = {one["out"]: one for one in told["links"]}
    fields = {f"/error/{name}" for name in ("message", "type", "param", "code")}
    assert set(outs) == {*fields, "header:retry-after"}
    assert outs["header:retry-after"]["in"][0]["at"] == "header:retry-after"
    assert outs["header:retry-after"]["rule"] == "headers.retry-after"
    assert outs["/error/code"]["rule"] == "upstream.rate-limit.code"


@pytest.mark.parametrize(
    ("dotted", "pointer"),
    [
        ("a.b.c", "/a.b/c"),  # keys may hold dots
        ("list[1].x~y/z", "/list/1/x~0y~1z"),
        ("list[1].gone", "/list/1"),
        ("gone", None),
        ("", None),
    ],
)
def test_a_dotted_path_becomes_a_pointer(dotted: str, pointer: str | None) -> None:
    document_ = {"a.b": {"c": 1}, "a": {"q": 2}, "list": [0, {"x~y/z": 1}]}
    assert pointer_of(document_, dotted) == pointer
