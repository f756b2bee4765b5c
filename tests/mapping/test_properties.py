"""What must hold for every request and every stream, tried on random ones."""

from __future__ import annotations

import json
import re
import string
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aisix.errors import CallerError
from aisix.mapping.exchange import Exchange, ResolvedModel
from aisix.mapping.mappings import Mapping, load_mappings
from aisix.mapping.verify import cases
from aisix.standin.rules import complaints
from tests.long import times
from tests.running import ROOT
from tests.strict import openai_wire
from tests.strict.paths import leads

NAME = "openai-chat/anthropic-messages"
MAPPING: Mapping = load_mappings([ROOT / "mappings"]).mappings[NAME]
CASES = {case.name: case for case in cases.find((ROOT / "mappings",), NAME)}
MODELS = (
    "claude-opus-4-8",
    "claude-opus-5-5",
    "claude-sonnet-4-6",
    "claude-haiku-4-5",
    "claude-3-5-haiku",
)
some = settings(max_examples=times(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])


def exchange(model: str = MODELS[0], strict: bool = False) -> Exchange:
    target = ResolvedModel("claude-prod", model, strict)
    tables = MAPPING.effective(model)
    return Exchange(tables, MAPPING.caller, target, now=1795000000, new_id=lambda: "1")


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


# ---------------------------------------------------------------- requests
scalars = st.none() | st.booleans() | st.integers(-5, 300) | st.floats(-3, 3) | st.text(max_size=8)
anything = st.recursive(
    scalars,
    lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=6), x, max_size=3),
    max_leaves=8,
)
FIELDS = sorted(
    {
        key
        for case in CASES.values()
        if "caller-request.json" in case.files
        for key in case.json("caller-request.json")
    }
)
REAL = [
    case.json("caller-request.json")
    for case in CASES.values()
    if "caller-request.json" in case.files
]


def names_a_place(param: str, body: Any) -> bool:
    """Whether it leads somewhere; a schema of an older draft is rewritten before it is refused.
    Two names may be missing: an item without its `function` has no `function.name`."""
    return leads(re.sub(r"(\.parameters|\.\w*schema)\..*", r"\1", param), body, 2)


def translated(body: dict[str, Any], model: str) -> dict[str, Any] | None:
    """The upstream's body, checked; None for a refusal that names a real path."""
    before = json.dumps(body)
    talk = exchange(model)
    try:
        sent = talk.request(body)
    except CallerError as error:
        answer = talk.fault(error)
        assert answer.status == 400
        told = msgspec.json.decode(answer.body)["error"]
        assert told["param"] is None or names_a_place(told["param"], body), told
        return None
    finally:
        assert json.dumps(body) == before
    return dict(msgspec.json.decode(sent.body))


@some
@given(st.sampled_from(REAL), st.sampled_from(FIELDS), anything, st.sampled_from(MODELS))
def test_a_fuzzed_request_is_valid_upstream_or_refused_by_a_real_path(
    body: dict[str, Any], name: str, value: Any, model: str
) -> None:
    out = translated({**body, name: value}, model)
    if out is not None and name not in EXTRAS and not EXTRAS & body.keys():
        assert complaints(out) == [], out


# Handed on as they are: what is in them is between the caller and the provider.
EXTRAS = {
    "thinking",
    "cache_control",
    "anthropic",
    "tools",
    "functions",
    "response_format",
    "messages",
    "top_k",
    "reasoning_effort",
    "output_config",
}


@some
@given(st.data(), st.sampled_from(MODELS))
def test_a_fuzzed_message_is_refused_by_a_real_path_or_sent(
    data: st.DataObject, model: str
) -> None:
    body = json.loads(json.dumps(data.draw(st.sampled_from(REAL))))
    spots = []

    def walk(node: Any) -> None:
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            spots.append((node, key))
            if isinstance(value, dict | list):
                walk(value)

    walk(body)
    node, key = data.draw(st.sampled_from(spots))
    node[key] = data.draw(anything)
    translated(body, model)


@some
@given(
    st.dictionaries(
        st.text(string.ascii_lowercase, min_size=9, max_size=12).map("zz".__add__),
        anything,
        max_size=4,
    )
)
def test_unknown_keys_never_fail_and_are_told(extra: dict[str, Any]) -> None:
    talk = exchange()
    talk.request({"model": "a", "messages": [user("q")], **extra})
    told = talk.warnings
    for name, value in extra.items():
        assert (f"{name}=unknown" in told) == (value is not None)


@some
@given(st.sampled_from(REAL), st.sampled_from(MODELS))
def test_the_same_request_gives_the_same_bytes(body: dict[str, Any], model: str) -> None:
    def once() -> bytes | str:
        try:
            return exchange(model).request(json.loads(json.dumps(body))).body
        except CallerError as error:
            return str(error)

    assert once() == once()


# ---------------------------------------------------------------- conversations
texts = st.text(string.ascii_letters + " ", max_size=6)


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Whole turns, as a caller's history grows: each ends where the model may answer."""
    out: list[dict[str, Any]] = [{"role": "system", "content": "S"}] * draw(st.integers(0, 2))
    for turn in range(draw(st.integers(1, 5))):
        out = [*out, *[user(draw(texts)) for _ in range(draw(st.integers(1, 2)))]]
        kind = draw(st.sampled_from(["text", "calls", "both"]))
        said: dict[str, Any] = {
            "role": "assistant",
            # One that says nothing is left out, and its neighbours grow together.
            "content": draw(texts.filter(str.strip)) if kind != "calls" else None,
        }
        if kind != "text":
            ids = [f"call:{turn}.{n}" for n in range(draw(st.integers(1, 3)))]
            said["tool_calls"] = [
                {"id": i, "type": "function", "function": {"name": "f", "arguments": "{}"}}
                for i in ids
            ]
            answers = [{"role": "tool", "tool_call_id": i, "content": draw(texts)} for i in ids]
            out = [*out, said, *draw(st.permutations(answers))]
        else:
            out = [*out, said]
    return [*out, user("end")]


TOOLS = [
    {
        "type": "function",
        "function": {"name": "f", "parameters": {"type": "object", "properties": {}}},
    }
]


@some
@given(conversations(), st.sampled_from(MODELS))
def test_a_conversation_is_valid_upstream(messages: list[dict[str, Any]], model: str) -> None:
    out = translated({"model": "a", "messages": messages, "tools": TOOLS}, model)
    assert out is not None
    assert complaints(out) == []


@some
@given(conversations(), st.sampled_from(MODELS), st.data())
def test_a_longer_conversation_begins_with_the_shorter_one(
    messages: list[dict[str, Any]], model: str, data: st.DataObject
) -> None:
    """Cut where a turn of the user ends; prompt caches and bound thinking depend on it."""
    ends = [n for n, m in enumerate(messages) if m["role"] == "user" and m["content"].strip()]
    ends = [n for n in ends if n + 1 == len(messages) or messages[n + 1]["role"] == "assistant"]
    if not ends:
        return
    cut = data.draw(st.sampled_from(ends)) + 1
    short = translated({"model": "a", "messages": messages[:cut], "tools": TOOLS}, model)
    long = translated({"model": "a", "messages": messages, "tools": TOOLS}, model)
    assert short is not None
    assert long is not None
    assert long["messages"][: len(short["messages"])] == short["messages"]
    assert long.get("system") == short.get("system")


# ---------------------------------------------------------------- streams
STREAMS = [case for case in CASES.values() if "upstream-stream.sse" in case.files]


@some
@given(st.sampled_from(STREAMS), st.data())
def test_a_stream_may_be_cut_anywhere(case: cases.Case, data: st.DataObject) -> None:
    raw = case.files["upstream-stream.sse"]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=12)))
    pieces = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    assert cases.stream(case, MAPPING, pieces) == cases.stream(case, MAPPING, [raw])


blocks = st.one_of(
    st.builds(lambda x: {"type": "text", "text": x}, st.text(max_size=9)),
    st.builds(lambda x: {"type": "thinking", "thinking": x, "signature": "S=="}, texts),
    st.just({"type": "redacted_thinking", "data": "RU5D"}),
    st.builds(
        lambda n, v: {"type": "tool_use", "id": f"toolu_{n}", "name": "f", "input": v},
        st.integers(0, 10**6),
        st.dictionaries(
            st.text(max_size=3), scalars.filter(lambda x: not isinstance(x, float)), max_size=3
        ),
    ),
    st.builds(lambda x: {"type": f"future_{x}", "x": x}, st.integers(0, 9)),
    st.just(
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"q": "x"}}
    ),
)
reasons = st.sampled_from(
    ["end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal", "new_reason"]
)


@some
@given(
    st.lists(blocks, max_size=6, unique_by=lambda b: b.get("id") or json.dumps(b)),
    reasons,
    st.booleans(),
)
def test_a_plain_answer_is_its_stream_folded(
    content: list[dict[str, Any]], reason: str, usage: bool
) -> None:
    from aisix.standin import stream as standin

    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content,
        "stop_reason": reason, "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 4, "cache_read_input_tokens": 2},
    }  # fmt: skip
    body = {"model": "a", "messages": [user("q")], "tools": TOOLS}
    talk = exchange()
    talk.request(body)
    plain = msgspec.json.decode(talk.response(200, {}, msgspec.json.encode(message)).body)
    assert openai_wire.openai_completion_errors(plain) == []

    talk = exchange()
    asked = {**body, "stream": True, "stream_options": {"include_usage": usage}}
    talk.request(asked)
    raw = b"".join(standin.events(message))
    out = talk.receive(raw) + talk.end()
    assert openai_wire.openai_stream_errors(out, usage, "done") == []
    chunks = [
        json.loads(f.removeprefix("data: "))
        for f in out.decode().split("\n\n")
        if f.startswith("data: {")
    ]
    said = {"content": "", "reasoning_content": "", "refusal": ""}
    calls: dict[int, list[str]] = {}
    for chunk in chunks:
        for choice in chunk["choices"]:
            for key in said:
                said[key] += choice["delta"].get(key) or ""
            for call in choice["delta"].get("tool_calls", ()):
                parts = calls.setdefault(call["index"], ["", "", ""])
                parts[0] += call.get("id", "")
                parts[1] += call["function"].get("name", "")
                parts[2] += call["function"]["arguments"]
    whole = plain["choices"][0]
    for key, text in said.items():
        assert text == (whole["message"].get(key) or "")
    assert [[i, n, json.loads(a)] for i, n, a in calls.values()] == [
        [c["id"], c["function"]["name"], json.loads(c["function"]["arguments"])]
        for c in whole["message"].get("tool_calls", ())
    ]
    finishes = [c["choices"][0]["finish_reason"] for c in chunks if c["choices"]]
    assert [f for f in finishes if f] == [whole["finish_reason"]]
    if usage:
        assert chunks[-1]["usage"] == plain["usage"]


@some
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(
                ["type", "index", "delta", "content_block", "message", "usage", "error"]
            ),
            anything,
            max_size=4,
        ),
        max_size=6,
    ),
    st.booleans(),
)
def test_random_events_never_fail(events: list[dict[str, Any]], stop: bool) -> None:
    talk = exchange()
    talk.request({"model": "a", "messages": [user("q")], "stream": True})
    raw = b"".join(b"data: " + json.dumps(e).encode() + b"\n\n" for e in events)
    if stop:
        raw += b'data: {"type":"message_stop"}\n\n'
    out = talk.receive(raw) + talk.end()
    assert (b"[DONE]" in out) != (talk.error is not None)


@some
@given(st.binary(max_size=200))
def test_random_bytes_end_in_an_error_and_never_in_done(raw: bytes) -> None:
    talk = exchange()
    talk.request({"model": "a", "messages": [user("q")], "stream": True})
    out = talk.receive(raw) + talk.end()
    assert talk.error is not None
    assert b"[DONE]" not in out
    plain = exchange()
    plain.request({"model": "a", "messages": [user("q")]})
    assert plain.response(200, {}, raw).status == 502
