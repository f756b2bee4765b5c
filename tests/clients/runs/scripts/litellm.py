import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.remove(str(Path(__file__).parent))  # this file has the library's name
import litellm

mode, question = sys.argv[1:]
model, turns = f"openai/{os.environ['ALIAS']}", [{"role": "user", "content": question}]
schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
tools = [{"type": "function", "function": {"name": "weather", "parameters": schema}}]
if mode == "plain":
    print(litellm.completion(model=model, messages=turns).choices[0].message.content)
elif mode == "stream":
    chunks = litellm.completion(model=model, messages=turns, stream=True)
    print("".join(chunk.choices[0].delta.content or "" for chunk in chunks))
else:
    message: Any = litellm.completion(model=model, messages=turns, tools=tools).choices[0].message
    turns.append(message.model_dump())
    for call in message.tool_calls:
        said = f"sunny in {json.loads(call.function.arguments)['city']}"
        turns.append({"role": "tool", "tool_call_id": call.id, "content": said})
    done = litellm.completion(model=model, messages=turns, tools=tools)
    print(done.choices[0].message.content)
