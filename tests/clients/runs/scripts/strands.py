import os
import sys
from pathlib import Path

sys.path.remove(str(Path(__file__).parent))  # this file has the library's name
from strands import Agent, tool
from strands.models.openai import OpenAIModel

mode, question = sys.argv[1:]


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


model = OpenAIModel(model_id=os.environ["ALIAS"])
agent = Agent(model=model, tools=[weather] if mode == "tool" else [], callback_handler=None)
print(agent(question))
