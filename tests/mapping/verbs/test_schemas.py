"""Schemas through a whole exchange: what is sent, what comes back, what is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aisix.errors import CallerError
from aisix.mapping.exchange import Exchange, ResolvedModel
from aisix.mapping.mappings import load_mappings
from tests.long import times
from tests.running import ROOT

MAPPINGS = load_mappings([ROOT / "mappings"]).mappings
TO, BACK = "openai-chat/anthropic-messages", "anthropic-messages/openai-chat"
NEW, OLD = "claude-sonnet-4-6", "claude-opus-4-1"
META = jsonschema.Draft202012Validator(jsonschema.Draft202012Validator.META_SCHEMA)
ODD = {"filter[name]": {"a b": 1}, "$top": [{"$top": 2}], "ok": 'x"{,', "é": None}
SCHEMA = {"type": "object", "properties": {key: {} for key in ODD}, "required": ["$top"]}
some = settings(max_examples=times(80), deadline=None, suppress_health_check=[HealthCheck.too_slow])


def exchange(name: str = TO, model: str = NEW, compiled: bool = True) -> Exchange:
    mapping, target = MAPPINGS[name], ResolvedModel("alias", model)
    tables = mapping.effective(model)
    return Exchange(tables, mapping.caller, target, now=1, new_id=lambda: "0", compiled=compiled)


def asked(**more: Any) -> dict[str, Any]:
    return {"model": "alias", "messages": [{"role": "user", "content": "q"}], **more}


def with_tool(schema: Any, name: str = "f", **more: Any) -> dict[str, Any]:
    function = {"name": name, "parameters": schema, **more}
    return asked(tools=[{"type": "function", "function": function}])


def sent(talk: Exchange, body: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(talk.request(body).body)
    return made


def call(name: str, given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": "t1", "name": name, "input": given}


def plain(talk: Exchange, *content: Any) -> dict[str, Any]:
    answer = {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "model": "m",
        "content": [*content],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    made: dict[str, Any] = json.loads(talk.response(200, {}, json.dumps(answer).encode()).body)
    return made["choices"][0]["message"]  # type: ignore[no-any-return]


def streamed(talk: Exchange, name: str, text: str, size: int) -> Iterator[dict[str, Any]]:
    """The deltas of an answer with one call, its arguments in pieces of `size`."""
    usage = {"input_tokens": 1, "output_tokens": 1}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"id": "msg_1", "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": call(name, {})},
    ]
    for at in range(0, len(text), size):
        delta = {"type": "input_json_delta", "partial_json": text[at : at + size]}
        events.append({"type": "content_block_delta", "index": 0, "delta": delta})
    events += [
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": usage},
        {"type": "message_stop"},
    ]
    talk.begin(200, {"content-type": "text/event-stream"})
    out = b"".join(
        talk.receive(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode()) for e in events
    )
    for line in (out + talk.end()).decode().splitlines():
        if line.startswith("data: {"):
            for choice in json.loads(line[6:])["choices"]:
                yield choice["delta"]


def keys_of(made: dict[str, Any]) -> dict[str, str]:
    """Each of ODD's keys -> its name in the schema that was sent."""
    names = made["tools"][0]["input_schema"]["properties"].keys()
    return dict(zip(ODD, names, strict=True))


def renamed(name_of: dict[str, str]) -> dict[str, Any]:
    return {name_of[key]: value for key, value in ODD.items()}


@pytest.mark.parametrize("compiled", [True, False])
def test_refused_keys_are_renamed_and_come_back_in_a_plain_call(compiled: bool) -> None:
    talk = exchange(compiled=compiled)
    name_of = keys_of(sent(talk, with_tool(SCHEMA)))
    assert name_of["ok"] == "ok"
    assert talk.warnings == "tools.f=rewritten"
    message = plain(talk, call("f", renamed(name_of)), call("g", {name_of["$top"]: 1}))
    first, other = (json.loads(c["function"]["arguments"]) for c in message["tool_calls"])
    assert first == ODD
    assert other == {name_of["$top"]: 1}  # no tool of that name had a key renamed
    assert talk.take_fallbacks() == ()


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_and_in_a_streamed_one_wherever_its_text_is_cut(size: int, compiled: bool) -> None:
    talk = exchange(compiled=compiled)
    name_of = keys_of(sent(talk, {**with_tool(SCHEMA), "stream": True}))
    text = json.dumps(renamed(name_of))
    deltas = [d["tool_calls"][0] for d in streamed(talk, "f", text, size) if "tool_calls" in d]
    assert deltas[0]["function"]["name"] == "f"
    assert json.loads("".join(d["function"]["arguments"] for d in deltas)) == ODD
    assert talk.take_fallbacks() == ()


def test_and_in_the_calls_of_2023() -> None:
    body = asked(functions=[{"name": "f", "parameters": SCHEMA}])
    talk = exchange()
    name_of = keys_of(sent(talk, body))
    assert talk.warnings == "functions.f=rewritten"
    made = plain(talk, call("f", renamed(name_of)))["function_call"]
    assert json.loads(made["arguments"]) == ODD
    talk = exchange()
    sent(talk, {**body, "stream": True})
    deltas = streamed(talk, "f", json.dumps(renamed(name_of)), 3)
    texts = [d["function_call"]["arguments"] for d in deltas if "function_call" in d]
    assert json.loads("".join(texts)) == ODD


def test_and_in_the_answer_a_tool_carries() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    talk = exchange(model=OLD)
    name_of = keys_of(sent(talk, asked(response_format=form)))
    assert json.loads(plain(talk, call("json_output", renamed(name_of)))["content"]) == ODD
    talk = exchange(model=OLD)
    sent(talk, asked(response_format=form, stream=True))
    deltas = streamed(talk, "json_output", json.dumps(renamed(name_of)), 2)
    assert json.loads("".join(d.get("content") or "" for d in deltas)) == ODD


@pytest.mark.parametrize("compiled", [True, False])
def test_past_calls_are_sent_with_the_names(compiled: bool) -> None:
    text = json.dumps(ODD)
    past = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": text}}
    other = {"id": "c2", "type": "function", "function": {"name": "g", "arguments": text}}
    body = with_tool(SCHEMA)
    body["messages"] += [
        {"role": "assistant", "tool_calls": [past, other]},
        {"role": "tool", "tool_call_id": "c1", "content": "r"},
        {"role": "tool", "tool_call_id": "c2", "content": "r"},
    ]
    made = sent(exchange(compiled=compiled), body)
    first, second = (block["input"] for block in made["messages"][1]["content"])
    assert first == renamed(keys_of(made))
    assert second == ODD
    legacy = asked(functions=[{"name": "f", "parameters": SCHEMA}])
    legacy["messages"] += [
        {"role": "assistant", "function_call": {"name": "f", "arguments": text}},
        {"role": "function", "name": "f", "content": "r"},
    ]
    made = sent(exchange(compiled=compiled), legacy)
    assert made["messages"][1]["content"][0]["input"] == renamed(keys_of(made))


@pytest.mark.parametrize(
    ("name", "body", "at", "word"),
    [
        (TO, with_tool({"properties": {"a": {"minimum": "x"}}}),
         "tools[0].function.parameters.properties.a.minimum", "'f'"),
        (TO, asked(functions=[{"name": "f", "parameters": {"required": [1]}}]),
         "functions[0].parameters.required", "'f'"),
        (TO, with_tool({"anyOf": [{"type": "string"}]}, strict=True),
         "tools[0].function.parameters", "'f'"),
        (TO, asked(response_format={"type": "json_schema", "json_schema": {
            "schema": {"properties": {"a": {"type": 1}}}}}),
         "response_format.json_schema.schema.properties.a.type", "type"),
        (BACK, asked(max_tokens=9, tools=[{"name": "f", "input_schema": {"enum": {}}}]),
         "tools[0].input_schema.enum", "'f'"),
        (BACK, asked(max_tokens=9, output_config={"format": {
            "type": "json_schema", "schema": {"allOf": 5}}}),
         "output_config.format.schema.allOf", "list of schemas"),
    ],
)  # fmt: skip
def test_what_is_no_schema_is_refused_where_it_stands(
    name: str, body: dict[str, Any], at: str, word: str
) -> None:
    talk = exchange(name, NEW if name == TO else "gpt-5.2")
    with pytest.raises(CallerError) as refused:
        talk.request(body)
    assert refused.value.param == at
    assert word in json.loads(talk.fault(refused.value).body)["error"]["message"]


# ---------------------------------------------------------------- any schema
NAMES = st.sampled_from(["a", "b c", "enum", "default", "properties", "$ref", "type"])
VALUES: st.SearchStrategy[Any] = st.sampled_from([None, True, 0, 1, 2.5, "x", "", [], ["x"], {}])
LEAVES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "integer", "null", ["string", "null"], "any", "bool"]),
        "enum": st.lists(VALUES, min_size=1, max_size=3) | st.none(),
        "minimum": st.sampled_from([0, "1", None]),
        "exclusiveMinimum": st.booleans() | st.just(0),
        "nullable": st.booleans() | st.none(),
        "description": st.sampled_from([None, "d", 5]),
        "required": st.booleans() | st.none(),
    },
)


def objects(below: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {"type": st.just("object"), "properties": st.dictionaries(NAMES, below, max_size=3)},
        optional={
            "required": st.lists(NAMES, max_size=3) | st.none(),
            "additionalProperties": st.just(False) | st.none(),
            "anyOf": st.lists(below, min_size=1, max_size=2),
            "allOf": st.lists(below, min_size=1, max_size=2),
            "items": st.lists(below, max_size=2) | st.none(),
            "dependencies": st.dictionaries(NAMES, st.lists(NAMES), max_size=1),
        },
    )


SCHEMAS = objects(st.recursive(LEAVES, objects, max_leaves=6))


@some
@given(SCHEMAS)
def test_whatever_comes_is_refused_or_sent_as_a_schema_of_one_object(schema: Any) -> None:
    before = json.dumps(schema)
    for strict in (False, True):
        made: list[Any] = []
        for compiled in (True, False):
            talk = exchange(compiled=compiled)
            try:
                made.append((sent(talk, with_tool(schema, strict=strict)), talk.warnings))
            except CallerError as refused:
                made.append((refused.kind, refused.param))
        assert made[0] == made[1]
        if type(made[0][0]) is dict:
            tool = made[0][0]["tools"][0]
            assert not list(META.iter_errors(tool["input_schema"]))
            assert tool["input_schema"]["type"] == "object"
            assert tool["input_schema"].keys().isdisjoint({"anyOf", "oneOf", "allOf", "$ref"})
    assert json.dumps(schema) == before


PLAIN: st.SearchStrategy[Any] = st.sampled_from(
    [{"type": "string"}, {"type": "integer"}, {"enum": ["x", 1]}, {"type": ["string", "null"]}]
)
CLOSED = st.builds(
    lambda properties, wanted: {
        "type": "object",
        "properties": properties,
        "required": [name for name in wanted if name in properties],
        "additionalProperties": False,
    },
    st.dictionaries(NAMES, PLAIN, max_size=3),
    st.lists(NAMES, max_size=2, unique=True),
)
INSTANCES = st.dictionaries(NAMES, VALUES, max_size=3)


@some
@given(
    st.sampled_from(["anyOf", "oneOf", "allOf"]),
    st.lists(CLOSED, min_size=1, max_size=3),
    st.lists(INSTANCES, min_size=5, max_size=10),
)
def test_what_a_choice_at_the_root_accepted_is_accepted(
    word: str, branches: list[Any], instances: list[Any]
) -> None:
    schema = {word: branches}
    judge = jsonschema.Draft202012Validator(schema)
    made = sent(exchange(), with_tool(schema))["tools"][0]["input_schema"]
    sent_judge = jsonschema.Draft202012Validator(made)
    talk = exchange()
    sent(talk, with_tool(schema))
    for instance in instances:
        if judge.is_valid(instance):
            text = json.dumps(instance)
            past = {"id": "c", "type": "function", "function": {"name": "f", "arguments": text}}
            body = with_tool(schema)
            body["messages"] += [
                {"role": "assistant", "tool_calls": [past]},
                {"role": "tool", "tool_call_id": "c", "content": "r"},
            ]
            given_ = sent(exchange(), body)["messages"][1]["content"][0]["input"]
            assert sent_judge.is_valid(given_)
            back = plain(talk, call("f", given_))["tool_calls"][0]["function"]["arguments"]
            assert json.loads(back) == instance
