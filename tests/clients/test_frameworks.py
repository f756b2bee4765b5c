"""LangChain, pydantic-ai and the OpenAI Agents SDK through the running gateway."""

from __future__ import annotations

import pytest

from tests.running import CALLER_KEY, Running


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
