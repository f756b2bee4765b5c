import os
import sys
from pathlib import Path

sys.path.remove(str(Path(__file__).parent))  # this file has the library's name
from haystack.components.agents import Agent
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage
from haystack.tools import tool

mode, question = sys.argv[1:]
base = {"model": os.environ["ALIAS"], "api_base_url": os.environ["OPENAI_BASE_URL"]}
asked = [ChatMessage.from_user(question)]


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


if mode == "plain":
    print(OpenAIChatGenerator(**base).run(asked)["replies"][0].text)
elif mode == "stream":
    pieces: list[str] = []
    told = OpenAIChatGenerator(**base, streaming_callback=lambda one: pieces.append(one.content))
    told.run(asked)
    print("".join(pieces))
else:
    agent = Agent(chat_generator=OpenAIChatGenerator(**base), tools=[weather])
    print(agent.run(messages=asked)["messages"][-1].text)
