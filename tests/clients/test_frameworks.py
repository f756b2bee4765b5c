"""LangChain, pydantic-ai and the OpenAI Agents SDK through the running gateway."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from tests.running import CALLER_KEY, Running


@pytest.fixture(scope="module", autouse=True)
def clients_left_behind() -> Iterator[None]:
    """openai's client, when collected, begins a task on whatever loop then runs: let none run."""
    yield
    gc.collect()


def test_langchain(gateway: Running) -> None:
    from langchain_core.tools import tool
    from langchain_openai import ChatOpenAI

    @tool
    def weather(city: str) -> str:
        """The weather of a city."""
        return "sunny"

    model = ChatOpenAI(
        model="claude-new", base_url=gateway.base_url, api_key=CALLER_KEY, max_retries=0
    )
    assert model.invoke("Hello").content == "You said: Hello"
    streamed = "".join(str(chunk.content) for chunk in model.stream("Hello there"))
    assert streamed == "You said: Hello there"
    calls = model.bind_tools([weather]).invoke("standin:tool").tool_calls
    assert [(call["name"], call["args"]) for call in calls] == [("weather", {"city": "text"})]


def test_langchain_structured_output(gateway: Running) -> None:
    import pydantic
    from langchain_openai import ChatOpenAI

    class Person(pydantic.BaseModel):
        name: str
        age: int

    # The newest models refuse a forced tool; there the gateway asks instead, and says so.
    for alias, method in (("claude-new", "json_schema"), ("claude-46", "function_calling")):
        model = ChatOpenAI(
            model=alias, base_url=gateway.base_url, api_key=CALLER_KEY, max_retries=0
        )
        found = model.with_structured_output(Person, method=method).invoke("Who?")
        assert found == Person(name="text", age=1)


def test_pydantic_ai(gateway: Running) -> None:
    import pydantic
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    class Person(pydantic.BaseModel):
        name: str
        age: int

    provider = OpenAIProvider(base_url=gateway.base_url, api_key=CALLER_KEY)
    model = OpenAIChatModel("claude-46", provider=provider)
    assert Agent(model).run_sync("Hello").output == "You said: Hello"
    agent = Agent(model, output_type=Person)
    assert agent.run_sync("Who?").output == Person(name="text", age=1)


@pytest.mark.filterwarnings("ignore")
def test_openai_agents(gateway: Running) -> None:
    import agents
    from openai import AsyncOpenAI

    @agents.function_tool
    def weather(city: str) -> str:
        """The weather of a city."""
        return f"sunny in {city}"

    agents.set_tracing_disabled(True)
    client = AsyncOpenAI(base_url=gateway.base_url, api_key=CALLER_KEY, max_retries=0)
    model = agents.OpenAIChatCompletionsModel(model="claude-new", openai_client=client)
    agent = agents.Agent(name="a", instructions="Be brief.", model=model, tools=[weather])
    result = agents.Runner.run_sync(agent, "standin:tool What is the weather?")
    assert result.final_output == "The tool says: sunny in text"


def test_langchain_streams_calls_and_usage_and_goes_on(gateway: Running) -> None:
    from langchain_core.messages import HumanMessage, ToolMessage
    from langchain_core.tools import tool
    from langchain_openai import ChatOpenAI

    @tool
    def weather(city: str) -> str:
        """The weather of a city."""
        return "sunny"

    model = ChatOpenAI(
        model="claude-new",
        base_url=gateway.base_url,
        api_key=CALLER_KEY,
        max_retries=0,
        stream_usage=True,
    ).bind_tools([weather])
    asked = HumanMessage("standin:two-tools weather?")
    whole = None
    for chunk in model.stream([asked]):
        whole = chunk if whole is None else whole + chunk
    assert whole is not None
    assert [call["args"] for call in whole.tool_calls] == [{"city": "text"}] * 2
    used = whole.usage_metadata
    assert used["total_tokens"] == used["input_tokens"] + used["output_tokens"] > 0
    answers = [ToolMessage("sunny", tool_call_id=call["id"]) for call in whole.tool_calls]
    assert model.invoke([asked, whole, *answers]).content == "The tool says: sunny"


def test_pydantic_ai_streams_and_calls_tools(gateway: Running) -> None:
    import asyncio

    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    provider = OpenAIProvider(base_url=gateway.base_url, api_key=CALLER_KEY)
    agent = Agent(OpenAIChatModel("claude-new", provider=provider))

    @agent.tool_plain
    def weather(city: str) -> str:
        """The weather of a city."""
        return f"sunny in {city}"

    async def run() -> str:
        async with agent.run_stream("Hello there") as result:
            return "".join([text async for text in result.stream_text(delta=True)])

    assert asyncio.run(run()) == "You said: Hello there"
    assert agent.run_sync("standin:tool weather?").output == "The tool says: sunny in text"


@pytest.mark.filterwarnings("ignore")
def test_openai_agents_stream_and_give_typed_answers(gateway: Running) -> None:
    import asyncio

    import agents
    import pydantic
    from openai import AsyncOpenAI

    class Person(pydantic.BaseModel):
        name: str
        age: int

    @agents.function_tool
    def weather(city: str) -> str:
        """The weather of a city."""
        return f"sunny in {city}"

    agents.set_tracing_disabled(True)
    client = AsyncOpenAI(base_url=gateway.base_url, api_key=CALLER_KEY, max_retries=0)

    def model(alias: str) -> agents.OpenAIChatCompletionsModel:
        return agents.OpenAIChatCompletionsModel(model=alias, openai_client=client)

    async def run() -> tuple[object, object]:
        busy = agents.Agent(name="a", model=model("claude-new"), tools=[weather])
        streamed = agents.Runner.run_streamed(busy, "standin:two-tools weather?")
        async for _ in streamed.stream_events():
            pass
        typed = agents.Agent(name="b", model=model("claude-46"), output_type=Person)
        done = await agents.Runner.run(typed, "Who?")
        return streamed.final_output, done.final_output

    assert asyncio.run(run()) == ("The tool says: sunny in text", Person(name="text", age=1))
