import asyncio
import os
import sys

from agents import Agent, Runner, function_tool, set_default_openai_api, set_tracing_disabled

mode, question = sys.argv[1:]
set_tracing_disabled(True)
set_default_openai_api("chat_completions")


@function_tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


agent = Agent(
    name="assistant", model=os.environ["ALIAS"], tools=[weather] if mode == "tool" else []
)


async def streamed() -> object:
    result = Runner.run_streamed(agent, question)
    async for _ in result.stream_events():
        pass
    return result.final_output


print(
    asyncio.run(streamed()) if mode == "stream" else Runner.run_sync(agent, question).final_output
)
