import json
import os
import sys
from typing import Any

from openai import OpenAI

mode, question = sys.argv[1:]
client, model = OpenAI(), os.environ["ALIAS"]
schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
tools: list[Any] = [{"type": "function", "name": "weather", "parameters": schema, "strict": False}]
if mode == "plain":
    print(client.responses.create(model=model, input=question, store=False).output_text)
elif mode == "stream":
    with client.responses.stream(model=model, input=question, store=False) as stream:
        print(stream.get_final_response().output_text)
else:
    turns: list[Any] = [{"role": "user", "content": question}]
    first = client.responses.create(model=model, input=turns, tools=tools, store=False)
    turns += first.output
    for item in first.output:
        if item.type == "function_call":
            said = f"sunny in {json.loads(item.arguments)['city']}"
            turns.append({"type": "function_call_output", "call_id": item.call_id, "output": said})
    done = client.responses.create(model=model, input=turns, tools=tools, store=False)
    print(done.output_text)
