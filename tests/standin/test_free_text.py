"""Tools of free text: who takes them, and how they are called."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aisix.standin import chat
from tests.strict.openai_wire import openai_completion_errors, openai_stream_errors

GRAMMAR = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: x"}}


def request(model: str = "gpt-5.2", text: str = "standin:tool", **more: Any) -> dict[str, Any]:
    tool = {
        "type": "custom",
        "custom": {"name": "apply_patch", "format": more.pop("form", GRAMMAR)},
    }
    asked = {"role": "user", "content": text}
    return {"model": model, "messages": [asked], "tools": [tool], **more}


def test_a_call_of_free_text_is_no_json() -> None:
    body = request()
    chat.check(body)
    whole = chat.answer(body, 1)
    call = whole["choices"][0]["message"]["tool_calls"][0]
    assert call["custom"] == {"name": "apply_patch", "input": "*** Begin"}
    assert openai_completion_errors(whole) == []
    sent = b"".join(frame or b"" for frame in chat.frames(whole, {**body, "stream": True}))
    assert openai_stream_errors(sent, False, "done") == []
    said = [
        json.loads(line[6:]) for line in sent.decode().split("\n") if line.startswith("data: {")
    ]
    pieces = [one["choices"][0]["delta"].get("tool_calls", [{}])[0] for one in said]
    text = "".join(piece.get("custom", {}).get("input", "") for piece in pieces)
    assert text == "*** Begin"
    history = [
        *body["messages"],
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": "done"},
    ]
    chat.check({**body, "messages": history})


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (request("gpt-4.1"), "tools[0].type"),
        (request("served-model"), "tools[0].type"),
        (request(form={"type": "grammar"}), "tools[0].custom.format"),
        (
            request(form={"type": "grammar", "grammar": {"syntax": "ebnf", "definition": "x"}}),
            "tools[0].custom.format.grammar.syntax",
        ),
        (
            request(form={"type": "grammar", "grammar": {"syntax": "lark"}}),
            "tools[0].custom.format.grammar.definition",
        ),
    ],
)
def test_what_is_refused(body: dict[str, Any], param: str) -> None:
    with pytest.raises(chat.Wrong) as refused:
        chat.check(body)
    assert refused.value.args[1] == param


@pytest.mark.parametrize(
    ("choice", "calls"),
    [
        ({"type": "custom", "custom": {"name": "apply_patch"}}, 1),
        ("required", 1),
        ("auto", 0),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "custom", "custom": {"name": "apply_patch"}}],
                },
            },
            1,
        ),
    ],
)
def test_it_is_called_where_a_choice_says_so(choice: Any, calls: int) -> None:
    body = request(text="hello", tool_choice=choice)
    chat.check(body)
    message = chat.answer(body, 1)["choices"][0]["message"]
    assert len(message.get("tool_calls", ())) == calls
