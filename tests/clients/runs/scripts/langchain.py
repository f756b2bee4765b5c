import os
import sys

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

mode, question = sys.argv[1:]
model = ChatOpenAI(model=os.environ["ALIAS"], use_responses_api=False)


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


if mode == "plain":
    print(model.invoke(question).text)
elif mode == "stream":
    print("".join(str(chunk.text) for chunk in model.stream(question)))
else:
    able, asked = model.bind_tools([weather]), HumanMessage(question)
    first = able.invoke([asked])
    said = [
        ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"])
        for call in first.tool_calls
    ]
    print(able.invoke([asked, first, *said]).text)
