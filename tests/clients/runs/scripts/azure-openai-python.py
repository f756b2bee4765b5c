import json
import os
import sys
from typing import Any

from openai import AzureOpenAI

mode, question = sys.argv[1:]
client, model = AzureOpenAI(), os.environ["ALIAS"]
messages: list[Any] = [{"role": "user", "content": question}]
schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
tools: list[Any] = [{"type": "function", "function": {"name": "weather", "parameters": schema}}]
if mode == "plain":
    print(client.chat.completions.create(model=model, messages=messages).choices[0].message.content)
elif mode == "stream":
    with client.chat.completions.stream(model=model, messages=messages) as stream:
        print(stream.get_final_completion().choices[0].message.content)
else:
    first = client.chat.completions.create(model=model, messages=messages, tools=tools)
    message = first.choices[0].message
    messages.append(message)
    for call in message.tool_calls or []:
        said = f"sunny in {json.loads(call.function.arguments)['city']}"
        messages.append({"role": "tool", "tool_call_id": call.id, "content": said})
    done = client.chat.completions.create(model=model, messages=messages, tools=tools)
    print(done.choices[0].message.content)
