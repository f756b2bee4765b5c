"""openai-python through the running gateway: create, stream helper, parse, tools, async."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import openai
import pydantic
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from tests.running import CALLER_KEY, Running

WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}


class Person(pydantic.BaseModel):
    name: str
    age: int


@pytest.fixture
def client(gateway: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=gateway.base_url, api_key=CALLER_KEY, max_retries=0) as sdk:
        yield sdk


def asked(text: str) -> list[ChatCompletionMessageParam]:
    return [{"role": "user", "content": text}]


def test_create(client: openai.OpenAI) -> None:
    done = client.chat.completions.create(model="claude-prod", messages=asked("Hello"))
    assert done.object == "chat.completion"
    assert done.model == "claude-prod"
    assert done.choices[0].message.content == "You said: Hello"
    assert done.usage is not None
    assert done.usage.total_tokens == done.usage.prompt_tokens + done.usage.completion_tokens


def test_stream(client: openai.OpenAI) -> None:
    text, finish, usage = "", None, None
    for chunk in client.chat.completions.create(
        model="claude-prod",
        messages=asked("standin:unicode"),
        stream=True,
        stream_options={"include_usage": True},
    ):
        if chunk.choices:
            text += chunk.choices[0].delta.content or ""
            finish = chunk.choices[0].finish_reason or finish
        usage = chunk.usage or usage
    assert "世界" in text
    assert "\u2028" in text
    assert finish == "stop"
    assert usage is not None and usage.total_tokens > 0


def test_stream_helper_gives_the_same_message_as_the_plain_answer(client: openai.OpenAI) -> None:
    ask = asked("standin:two-tools")
    tools = [WEATHER]
    with client.chat.completions.stream(model="claude-46", messages=ask, tools=tools) as stream:
        streamed = stream.get_final_completion().choices[0]
    plain = client.chat.completions.create(model="claude-46", messages=ask, tools=tools)
    calls = [json.loads(c.function.arguments) for c in streamed.message.tool_calls or ()]
    assert calls == [
        json.loads(c.function.arguments)
        for c in plain.choices[0].message.tool_calls or ()
        if c.type == "function"
    ]
    assert calls == [{"city": "text"}] * 2
    assert streamed.finish_reason == plain.choices[0].finish_reason == "tool_calls"


def test_a_tool_loop(client: openai.OpenAI) -> None:
    messages = asked("standin:tool what is the weather?")
    first = client.chat.completions.create(model="claude-new", messages=messages, tools=[WEATHER])
    call = (first.choices[0].message.tool_calls or [])[0]
    assert call.type == "function"
    assert json.loads(call.function.arguments) == {"city": "text"}
    messages += [
        first.choices[0].message.model_dump(exclude_none=True),  # type: ignore[list-item]
        {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
    ]
    second = client.chat.completions.create(model="claude-new", messages=messages, tools=[WEATHER])
    assert second.choices[0].message.content == "The tool says: sunny"


def test_thinking_is_handed_back_unharmed(client: openai.OpenAI) -> None:
    """The stand-in signs thinking for the conversation before it, as bound models do."""
    messages = asked("standin:thinking standin:tool weather?")
    first = client.chat.completions.create(model="claude-new", messages=messages, tools=[WEATHER])
    message = first.choices[0].message.model_dump(exclude_none=True)
    assert message["reasoning_content"]
    messages += [
        message,  # type: ignore[list-item]
        {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "sunny"},
    ]
    second = client.chat.completions.create(model="claude-new", messages=messages, tools=[WEATHER])
    assert second.choices[0].message.content == "The tool says: sunny"


@pytest.mark.parametrize("alias", ["claude-prod", "claude-45", "claude-46", "claude-new"])
def test_parse(client: openai.OpenAI, alias: str) -> None:
    done = client.chat.completions.parse(
        model=alias, messages=asked("Who?"), response_format=Person
    )
    assert done.choices[0].message.parsed == Person(name="text", age=1)


@pytest.mark.parametrize(
    ("word", "error"),
    [
        ("status-429", openai.RateLimitError),
        ("status-401", openai.InternalServerError),
        ("overloaded", openai.InternalServerError),
        ("status-400", openai.BadRequestError),
    ],
)
def test_errors_have_their_class(client: openai.OpenAI, word: str, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        client.chat.completions.create(model="claude-prod", messages=asked(f"standin:{word}"))
    assert getattr(caught.value, "request_id", "")


def test_an_error_inside_a_stream_is_raised(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="claude-prod", messages=asked("standin:stream-error"), stream=True
    )
    with pytest.raises(openai.APIError, match="Overloaded"):
        for _ in stream:
            pass


def test_a_refusal(client: openai.OpenAI) -> None:
    done = client.chat.completions.create(
        model="claude-prod", messages=asked("standin:refusal")
    ).choices[0]
    assert done.finish_reason == "content_filter"
    assert done.message.refusal == "The stand-in was asked to refuse."


def test_many_at_once_and_none_gets_another_ones_answer(gateway: Running) -> None:
    async def run() -> list[str]:
        async with openai.AsyncOpenAI(
            base_url=gateway.base_url, api_key=CALLER_KEY, max_retries=0
        ) as client:

            async def one(number: int) -> str:
                stream = await client.chat.completions.create(
                    model="claude-prod", messages=asked(f"number {number}"), stream=True
                )
                parts = [c.choices[0].delta.content or "" async for c in stream if c.choices]
                return "".join(parts)

            return await asyncio.gather(*(one(n) for n in range(40)))

    assert asyncio.run(run()) == [f"You said: number {n}" for n in range(40)]


def test_models(client: openai.OpenAI) -> None:
    assert "claude-prod" in [model.id for model in client.models.list()]
    assert client.models.retrieve("claude-prod").owned_by == "anthropic"
