import os
import sys
from pathlib import Path

sys.path.remove(str(Path(__file__).parent))  # this file has the library's name
from crewai import LLM

mode, question = sys.argv[1:]
model = LLM(
    model=os.environ["ALIAS"],
    custom_openai=True,
    base_url=os.environ["OPENAI_BASE_URL"],
    api_key=os.environ["OPENAI_API_KEY"],
    stream=mode == "stream",
)
schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
tools = [
    {"type": "function", "function": {"name": "weather", "description": "", "parameters": schema}}
]


def weather(city: str) -> str:
    return f"The tool says: sunny in {city}"


asked = [{"role": "user", "content": question}]
if mode == "tool":
    print(model.call(asked, tools=tools, available_functions={"weather": weather}))
else:
    print(model.call(asked))
