import os
import sys
from pathlib import Path

sys.path.remove(str(Path(__file__).parent))  # this file has the library's name
from agno.agent import Agent
from agno.models.openai.like import OpenAILike

mode, question = sys.argv[1:]


def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


model = OpenAILike(
    id=os.environ["ALIAS"],
    base_url=os.environ["OPENAI_BASE_URL"],
    api_key=os.environ["OPENAI_API_KEY"],
)
agent = Agent(model=model, tools=[weather] if mode == "tool" else None, telemetry=False)
if mode == "stream":
    print("".join(str(one.content or "") for one in agent.run(question, stream=True)))
else:
    print(agent.run(question).content)
