import asyncio
import os
import sys

from pydantic_ai import Agent

mode, question = sys.argv[1:]
agent = Agent(f"openai:{os.environ['ALIAS']}")
if mode == "tool":

    @agent.tool_plain
    def weather(city: str) -> str:
        """The weather of a city."""
        return f"sunny in {city}"


async def streamed() -> str:
    async with agent.run_stream(question) as result:
        return "".join([text async for text in result.stream_text(delta=True)])


print(asyncio.run(streamed()) if mode == "stream" else agent.run_sync(question).output)
