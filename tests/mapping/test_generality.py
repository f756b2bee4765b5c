"""The mappings beside the first one: both wire sides of their cases, by checks that know no table."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aisix.cli.main import main
from aisix.mapping.interpret.blocks import Pieces
from aisix.mapping.mappings import load_mappings
from aisix.mapping.parse.files import PARTS as REQUEST_PARTS
from aisix.mapping.verbs.schema.closed import every_property_required
from aisix.mapping.verify import cases
from aisix.mapping.verify.cases import Case
from tests.running import ROOT
from tests.strict import anthropic_wire, openai_wire
from tests.strict.sdk import anthropic_client

MAPPINGS = load_mappings([ROOT / "mappings"])
SAME, REVERSE, THROUGH = (
    "openai-chat/openai-chat",
    "anthropic-messages/openai-chat",
    "anthropic-messages/anthropic-messages",
)


def having(mapping: str, file: str) -> list[Any]:
    found = cases.find((ROOT / "mappings",), mapping)
    return [pytest.param(case, id=case.name) for case in found if file in case.files]


# ---------------------------------------------------------------- what goes upstream
# Fields of other servers, asked for by the case's model or options.
EXTRAS = {"top_k"}


def without_extensions(body: dict[str, Any]) -> dict[str, Any]:
    """Past reasoning is no field of OpenAI's, but of servers that know it."""
    messages = [
        {key: value for key, value in message.items() if key != "reasoning_content"}
        for message in body["messages"]
    ]
    return {**body, "messages": messages}


@pytest.mark.parametrize("case", having(REVERSE, "upstream-request.json"))
def test_an_openai_server_accepts_what_it_is_sent(case: Case) -> None:
    body = without_extensions(case.json("upstream-request.json"))
    assert openai_wire.openai_request_errors(body, EXTRAS) == []


@pytest.mark.parametrize("case", having(SAME, "upstream-request.json"))
def test_what_is_passed_on_is_what_was_sent(case: Case) -> None:
    if "options" in case.about:
        return  # options are there to change it
    sent, asked = case.json("upstream-request.json"), case.request(MAPPINGS.caller("openai-chat"))
    changed = {"model", "stream_options"}
    kept = {k: v for k, v in asked.items() if v is not None and k not in changed}
    assert {k: v for k, v in sent.items() if k not in changed} == kept


# ---------------------------------------------------------------- what the caller gets
@pytest.mark.parametrize(
    "case", having(REVERSE, "caller-response.json") + having(THROUGH, "caller-response.json")
)
def test_an_anthropic_client_can_read_the_answer(case: Case) -> None:
    body = case.json("caller-response.json")
    if body["type"] == "error":
        status = case.about.get("status", 400)
        headers = {"content-type": "application/json", "request-id": "req_0"}
        raw = case.files["caller-response.json"]
        assert anthropic_wire.anthropic_error_errors(status, headers, raw) == []
    elif case.name != "answer-new-things":
        assert anthropic_wire.anthropic_message_errors(body) == []


@pytest.mark.parametrize(
    "case", having(REVERSE, "caller-error.json") + having(THROUGH, "caller-error.json")
)
def test_a_refusal_has_the_callers_envelope(case: Case) -> None:
    raw = msgspec.json.encode(case.json("caller-error.json"))
    headers = {"content-type": "application/json", "request-id": "req_0"}
    status = case.about.get("status", 400)
    assert anthropic_wire.anthropic_error_errors(status, headers, raw) == []


# Arguments that stay broken reach the caller as the model wrote them; the SDK cannot read them.
BROKEN = {"answer-calls-never-whole"}


@pytest.mark.parametrize(
    "case", having(REVERSE, "caller-stream.sse") + having(THROUGH, "caller-stream.sse")
)
def test_an_anthropic_client_can_read_the_stream(case: Case) -> None:
    data = case.files["caller-stream.sse"]
    if data.startswith(b"event: error"):
        return  # nothing was said: the gateway makes a plain error of it
    complete = b"event: error" not in data and case.name not in BROKEN
    invented = {"event_of_tomorrow", "hologram"}
    assert anthropic_wire.anthropic_stream_errors(data, complete, invented) == []


@pytest.mark.parametrize("case", having(SAME, "caller-stream.sse"))
def test_an_openai_client_can_read_the_stream(case: Case) -> None:
    if case.name in ("answer-extras", "answer-usage-hit"):  # with words of the upstream
        return
    data = case.files["caller-stream.sse"]
    asked = case.request(MAPPINGS.caller("openai-chat"))
    usage = (asked.get("stream_options") or {}).get("include_usage", False)
    ends = "done" if b"[DONE]" in data else "error"
    assert openai_wire.openai_stream_errors(data, usage, ends) == []


# Whose two answers are not the same one: what each shows can be sent in one of the forms only.
APART = ("answer-calls-on-one-number", "answer-calls-without-ids", "answer-character-cut")
BOTH = [
    p
    for p in having(REVERSE, "upstream-response.json")
    if "caller-stream.sse" in p.values[0].files and p.values[0].name not in APART
]


@pytest.mark.parametrize("case", BOTH)
def test_the_stream_put_together_is_the_plain_answer(case: Case) -> None:
    plain = case.json("caller-response.json")
    client = anthropic_client(
        case.files["caller-stream.sse"], headers={"content-type": "text/event-stream"}
    )
    with client.messages.stream(
        model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]
    ) as stream:
        whole = stream.get_final_message().model_dump(exclude_none=True)
    for key in ("id", "model", "content", "stop_reason"):
        found = whole[key]
        if key == "content":
            found = [{k: v for k, v in block.items() if k != "parsed_output"} for block in found]
        assert found == plain[key]
    assert whole["usage"]["output_tokens"] == plain["usage"]["output_tokens"]
    assert whole["usage"]["input_tokens"] == plain["usage"]["input_tokens"]


# ---------------------------------------------------------------- the parts
def test_an_event_is_taken_apart_in_the_order_of_the_table() -> None:
    tables = MAPPINGS.mappings[REVERSE].effective("gpt-5.5").answer
    delta = {"tool_calls": [{"index": 3}, None, {"index": 4}], "content": "a", "refusal": ""}
    event = {"choices": [{"delta": delta, "finish_reason": "stop"}], "usage": None}
    pieces = Pieces(tables)
    found = pieces.taken(event, pieces.part(event))
    word = str(tables.by.steps[0])
    assert [(p[word], p["number"]) for p in found] == [
        ("start", 0),
        ("text", 0),
        ("call", 0),
        ("call", 2),
        ("finish", 0),
    ]
    assert all(piece["whole"] is event for piece in found)


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ({"type": "object", "properties": {}, "additionalProperties": False}, True),
        ({"type": "object", "properties": {}}, False),
        ({"type": "string"}, True),
        (
            {
                "type": "object",
                "properties": {"properties": {"type": "string"}, "type": {"enum": [{}]}},
                "required": ["properties", "type"],
                "additionalProperties": False,
            },
            True,
        ),
        ({"type": "array", "items": {"type": "object", "properties": {"a": {}}}}, False),
        ({"anyOf": [{"type": "object", "additionalProperties": {"type": "string"}}]}, False),
        ({"$defs": {"a": {"type": "object", "properties": {"b": {}}}}}, False),
    ],
)
def test_which_schemas_require_every_property(schema: dict[str, Any], wanted: bool) -> None:
    assert every_property_required(schema) is wanted


def kinds_raised() -> dict[str, str]:
    """Every kind of fault the code itself raises -> where."""
    found: dict[str, str] = {}
    for file in sorted((ROOT / "aisix").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id in ("Fault", "CallerError", "UpstreamError") and node.args:
                kind = node.args[0]
                if isinstance(kind, ast.Constant) and isinstance(kind.value, str):
                    found[kind.value] = f"{file.name}:{node.lineno}"
    return found


@pytest.mark.parametrize("dialect", MAPPINGS.callers)
def test_every_dialect_has_words_for_every_fault(dialect: str) -> None:
    rows = MAPPINGS.callers[dialect].data["fault"]
    kinds = kinds_raised()
    assert len(kinds) > 15
    missing = {kind: at for kind, at in kinds.items() if kind not in rows}
    assert missing == {}, f"mappings/{dialect}/caller.toml has no [fault.*] row for these"


@pytest.mark.parametrize("mapping", [SAME, REVERSE, THROUGH])
@pytest.mark.parametrize("file", ["caller-request.json", "upstream-response.json", "upstream.sse"])
def test_explain_says_why(
    mapping: str, file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = file.replace("upstream.sse", "upstream-stream.sse")
    folder = ROOT / "mappings" / mapping / "cases"
    case = {"caller-request.json": "minimal"}.get(name, "answer-text")
    data = msgspec.json.encode(MAPPINGS.caller(mapping.split("/")[0]).sample)
    if name.startswith("upstream"):
        data = (folder / case / name).read_bytes()
    (tmp_path / file).write_bytes(data)
    assert main(["mappings", "explain", "--mapping", mapping, str(tmp_path / file)]) == 0
    told = capsys.readouterr().out
    files = ["request", *REQUEST_PARTS["request"]] if name.startswith("caller") else ["answer"]
    assert re.search(rf"\b({'|'.join(files)})\.toml:\d", told)


def test_explain_names_the_row_of_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    case = ROOT / "mappings" / REVERSE / "cases" / "error-quota" / "upstream-response.json"
    asked = ["mappings", "explain", "--mapping", REVERSE, "--status", "429", str(case)]
    assert main(asked) == 1
    rows = (ROOT / "mappings" / REVERSE / "errors.toml").read_text().split("\n")
    assert f"errors.toml:{rows.index('[upstream.quota]') + 1}" in capsys.readouterr().out
