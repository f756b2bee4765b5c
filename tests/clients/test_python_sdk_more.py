"""openai-python through the running gateway: async, parsing streams, raw answers, retries, extras."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any

import openai
import pydantic
import pytest
from openai.types.chat import ChatCompletion

from aisix.standin.server import Standin
from tests.clients.test_python_sdk import WEATHER, Person, asked
from tests.running import CALLER_KEY, Running

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 16).decode()
ALIASES = ["claude-prod", "claude-45", "claude-46", "claude-new"]


@pytest.fixture
def client(gateway: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=gateway.base_url, api_key=CALLER_KEY, max_retries=0) as sdk:
        yield sdk


def test_the_async_client_creates_streams_and_parses(gateway: Running) -> None:
    async def run() -> None:
        async with openai.AsyncOpenAI(
            base_url=gateway.base_url, api_key=CALLER_KEY, max_retries=0
        ) as client:
            chat = client.chat.completions
            done = await chat.create(model="claude-new", messages=asked("Hello"))
            assert done.choices[0].message.content == "You said: Hello"
            async with chat.stream(model="claude-new", messages=asked("Hello")) as stream:
                deltas = [e.delta async for e in stream if e.type == "content.delta"]
                final = await stream.get_final_completion()
            assert "".join(deltas) == final.choices[0].message.content == "You said: Hello"
            parsed = await chat.parse(
                model="claude-46", messages=asked("Who?"), response_format=Person
            )
            assert parsed.choices[0].message.parsed == Person(name="text", age=1)

    asyncio.run(run())


@pytest.mark.parametrize("alias", ALIASES)
def test_a_parsed_stream_is_the_parsed_plain_answer(client: openai.OpenAI, alias: str) -> None:
    chat = client.chat.completions
    with chat.stream(model=alias, messages=asked("Who?"), response_format=Person) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()
    plain = chat.parse(model=alias, messages=asked("Who?"), response_format=Person)
    assert final.choices[0].message.parsed == plain.choices[0].message.parsed
    assert final.choices[0].finish_reason == plain.choices[0].finish_reason == "stop"


def test_a_streamed_strict_tool_call_is_parsed_by_the_helper(client: openai.OpenAI) -> None:
    class Weather(pydantic.BaseModel):
        city: str

    tool = openai.pydantic_function_tool(Weather, name="weather")
    with client.chat.completions.stream(
        model="claude-46", messages=asked("standin:tool weather?"), tools=[tool]
    ) as stream:
        done = [e for e in stream if e.type == "tool_calls.function.arguments.done"]
        final = stream.get_final_completion()
    assert [event.parsed_arguments for event in done] == [Weather(city="text")]
    calls = final.choices[0].message.tool_calls or []
    assert [call.function.parsed_arguments for call in calls] == [Weather(city="text")]


@pytest.mark.parametrize(
    ("word", "error"),
    [
        ("refusal", openai.ContentFilterFinishReasonError),
        ("max_tokens", openai.LengthFinishReasonError),
    ],
)
def test_parse_says_why_there_is_nothing_to_parse(
    client: openai.OpenAI, word: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        client.chat.completions.parse(
            model="claude-new", messages=asked(f"standin:{word}"), response_format=Person
        )


def test_a_raw_answer_shows_ids_and_warnings(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="claude-new", messages=asked("Hello"), temperature=0.5, seed=7
    )
    assert raw.headers["x-aisix-warnings"] == "temperature=dropped"
    assert raw.headers["x-upstream-model"] == "claude-opus-5-5"
    assert raw.headers["x-upstream-request-id"].startswith("req_standin")
    assert raw.request_id == raw.headers["x-request-id"]
    parsed = raw.parse()
    assert isinstance(parsed, ChatCompletion)
    assert parsed.choices[0].message.content == "You said: Hello"
    with client.chat.completions.with_streaming_response.create(
        model="claude-new", messages=asked("Hello"), stream=True
    ) as streamed:
        assert streamed.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in streamed.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"


@pytest.mark.parametrize(
    ("alias", "key", "error", "code"),
    [
        ("claude-prod", "sk-nobody", openai.AuthenticationError, "invalid_api_key"),
        ("claude-secret", CALLER_KEY, openai.PermissionDeniedError, "model_not_allowed"),
        ("no-such-alias", CALLER_KEY, openai.NotFoundError, "model_not_found"),
    ],
)
def test_our_own_refusals_have_their_class(
    gateway: Running, alias: str, key: str, error: type[openai.APIStatusError], code: str
) -> None:
    with (
        openai.OpenAI(base_url=gateway.base_url, api_key=key, max_retries=0) as client,
        pytest.raises(error) as caught,
    ):
        client.chat.completions.create(model=alias, messages=asked("Hello"))
    assert (caught.value.code, caught.value.type) == (code, "invalid_request_error")
    assert caught.value.request_id


@pytest.mark.parametrize(
    ("word", "attempts"),
    [
        ("status-429 standin:retry-after-0", 3),
        ("status-529", 3),
        ("status-401", 1),
        ("status-400", 1),
    ],
)
def test_the_sdk_retries_what_it_should_and_nothing_else(
    gateway: Running, standin: Standin, word: str, attempts: int
) -> None:
    before = standin.number
    with (
        openai.OpenAI(base_url=gateway.base_url, api_key=CALLER_KEY, max_retries=2) as client,
        pytest.raises(openai.APIStatusError),
    ):
        client.chat.completions.create(model="claude-prod", messages=asked(f"standin:{word}"))
    assert standin.number - before == attempts


def test_pictures_files_and_developers_reach_every_generation(
    client: openai.OpenAI, standin: Standin
) -> None:
    """The stand-in refuses whatever the real service would."""
    pdf = base64.b64encode(b"%PDF-1.4 x").decode()
    messages: list[Any] = [
        {"role": "developer", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
                {
                    "type": "file",
                    "file": {
                        "filename": "a.pdf",
                        "file_data": f"data:application/pdf;base64,{pdf}",
                    },
                },
            ],
        },
    ]
    for alias in ALIASES:
        done = client.chat.completions.create(model=alias, messages=messages)
        assert done.choices[0].message.content == "You said: Look"
        sent = standin.received[-1].body
        assert [part["type"] for part in sent["messages"][0]["content"]] == [
            "text",
            "image",
            "document",
        ]
        assert sent["system"] == [{"type": "text", "text": "Be brief."}]


@pytest.mark.parametrize("alias", ALIASES)
def test_a_loop_of_two_parallel_tools_ends_in_words(client: openai.OpenAI, alias: str) -> None:
    messages: list[Any] = [*asked("standin:two-tools weather?")]
    with client.chat.completions.stream(model=alias, messages=messages, tools=[WEATHER]) as stream:
        message = stream.get_final_completion().choices[0].message
    calls = message.tool_calls or []
    assert len({call.id for call in calls}) == 2
    messages.append(message.model_dump())  # nulls, parsed arguments and all
    for call in reversed(calls):  # answers may come in any order
        answer = json.dumps({"asked": call.function.arguments})
        messages.append({"role": "tool", "tool_call_id": call.id, "content": answer})
    done = client.chat.completions.create(model=alias, messages=messages, tools=[WEATHER])
    assert (done.choices[0].message.content or "").startswith('The tool says: {"asked"')


@pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")
def test_functions_of_2023(client: openai.OpenAI) -> None:
    function: Any = {"name": "weather", "parameters": WEATHER["function"]["parameters"]}
    messages: list[Any] = [*asked("standin:tool weather?")]
    first = client.chat.completions.create(
        model="claude-46", messages=messages, functions=[function]
    ).choices[0]
    assert first.finish_reason == "function_call"
    assert first.message.function_call is not None
    assert json.loads(first.message.function_call.arguments) == {"city": "text"}
    messages.append(first.message.model_dump(exclude_none=True))
    messages.append({"role": "function", "name": "weather", "content": "sunny"})
    second = client.chat.completions.create(
        model="claude-46", messages=messages, functions=[function]
    )
    assert second.choices[0].message.content == "The tool says: sunny"


def test_a_custom_tool_takes_free_text(client: openai.OpenAI) -> None:
    shell: Any = {"type": "custom", "custom": {"name": "shell", "description": "Runs a line"}}
    done = client.chat.completions.create(
        model="claude-46", messages=asked("standin:tool ls"), tools=[shell]
    ).choices[0]
    call = (done.message.tool_calls or [])[0]
    assert call.type == "custom"
    assert (call.custom.name, call.custom.input) == ("shell", "text")


def test_extras_of_the_provider_travel_in_extra_body(
    client: openai.OpenAI, standin: Standin
) -> None:
    client.chat.completions.create(
        model="claude-45",
        messages=asked("Hello"),
        max_completion_tokens=3000,
        extra_body={
            "thinking": {"type": "enabled", "budget_tokens": 1500},
            "anthropic": {"metadata": {"user_id": "me"}},
        },
        extra_headers={"x-stainless-lang": "none", "openai-organization": "o", "cookie": "a=b"},
    )
    sent = standin.received[-1]
    assert sent.body["thinking"] == {"type": "enabled", "budget_tokens": 1500}
    assert sent.body["metadata"] == {"user_id": "me"}
    named = {name.lower() for name in sent.headers}
    assert not named & {"authorization", "cookie", "openai-organization", "x-stainless-lang"}


def test_strict_aliases_refuse_what_others_only_tell(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model="claude-strict", messages=asked("Hello"), logit_bias={"50256": -100}
        )
    assert (caught.value.param, caught.value.code) == ("logit_bias", "unsupported_parameter")
