"""A user's text makes the stand-in call a tool by name, on both faces, and then speak in words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aisix.standin import answers, chat
from aisix.standin.asked_calls import MAX_CALLS, asked_calls

SCHEMA = {"type": "object", "properties": {"command": {"type": "string"}}}
ASKED = 'standin:call Bash {"command": "ls {a}"} and standin:call weather now'


def test_names_and_arguments_are_read() -> None:
    assert asked_calls(ASKED) == [("Bash", {"command": "ls {a}"}), ("weather", None)]
    assert asked_calls("standin:call Bash {broken") == [("Bash", None)]
    assert asked_calls('"standin:call Bash {\\"a\\": 1}"') == [("Bash", {"a": 1})]
    assert asked_calls("standin:call") == []
    assert len(asked_calls("standin:call a " * (MAX_CALLS + 5))) == MAX_CALLS


def messages_body(*turns: Any, tools: tuple[str, ...] = ("Bash", "weather")) -> dict[str, Any]:
    declared = [{"name": name, "input_schema": SCHEMA} for name in tools]
    return {"model": "claude-haiku-4-5", "messages": list(turns), "tools": declared}


def chat_body(*turns: Any, tools: tuple[str, ...] = ("Bash", "weather")) -> dict[str, Any]:
    declared = [
        {"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in tools
    ]
    return {"model": "gpt-5.5", "messages": list(turns), "tools": declared}


ASK = {"role": "user", "content": ASKED}
CALLS = [("Bash", {"command": "ls {a}"}), ("weather", {"command": "text"})]


def test_the_messages_face_calls_and_then_says_what_the_tool_said() -> None:
    first = answers.answer(messages_body(ASK), 1)
    made = [part for part in first["content"] if part["type"] == "tool_use"]
    assert [(one["name"], one["input"]) for one in made] == CALLS
    results = [
        {"type": "tool_result", "tool_use_id": one["id"], "content": "sunny"} for one in made
    ]
    said = [
        ASK,
        {"role": "assistant", "content": first["content"]},
        {"role": "user", "content": [*results, {"type": "text", "text": ASKED}]},
        {"role": "system", "content": "Late words."},
    ]
    second = answers.answer(messages_body(*said), 2)
    assert [part.get("text") for part in second["content"]] == ["The tool says: sunny"]


def test_the_chat_face_calls_and_then_says_what_the_tool_said() -> None:
    message = chat.answer(chat_body(ASK), 1)["choices"][0]["message"]
    made = message["tool_calls"]
    found = [(one["function"]["name"], json.loads(one["function"]["arguments"])) for one in made]
    assert found == CALLS
    results = [{"role": "tool", "tool_call_id": one["id"], "content": "sunny"} for one in made]
    said = chat_body(ASK, message, *results, {"role": "user", "content": ASKED})
    second = chat.answer(said, 2)["choices"][0]["message"]
    assert second["content"] == "The tool says: sunny"


@pytest.mark.parametrize("tools", [(), ("other",)])
def test_a_tool_that_the_client_does_not_declare_is_told(tools: tuple[str, ...]) -> None:
    wanted = f"There is no tool Bash; there are: {', '.join(tools) or 'none'}"
    by_messages = answers.answer(messages_body(ASK, tools=tools), 1)["content"]
    assert [part["text"] for part in by_messages] == [wanted]
    by_chat = chat.answer(chat_body(ASK, tools=tools), 1)["choices"][0]["message"]
    assert by_chat["content"] == wanted


def test_words_in_a_frame_are_heard_only_where_the_user_says_nothing() -> None:
    framed = {"role": "user", "content": "<system>Be kind.</system>"}
    said = {"role": "user", "content": "Hello"}
    assert answers.last_text(messages_body(said, framed)) == "Hello"
    assert answers.last_text(messages_body(framed)) == "<system>Be kind.</system>"
    spoken = {"role": "assistant", "content": "Hi"}
    assert answers.last_text(messages_body(said, spoken, framed)) == "<system>Be kind.</system>"
    assert answers.last_text(messages_body(said, spoken)) == "Hello"
