import os
import sys
from typing import Any

from anthropic import Anthropic

mode, question = sys.argv[1:]
client = Anthropic()
schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
turns: list[Any] = [{"role": "user", "content": question}]
base: dict[str, Any] = {"model": os.environ["ALIAS"], "max_tokens": 1024, "messages": turns}
if mode == "plain":
    print(client.messages.create(**base).content[0].text)
elif mode == "stream":
    with client.messages.stream(**base) as stream:
        print(stream.get_final_text())
else:
    base["tools"] = [{"name": "weather", "input_schema": schema}]
    first = client.messages.create(**base)
    calls = [block for block in first.content if block.type == "tool_use"]
    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": f"sunny in {call.input['city']}"}
        for call in calls
    ]
    turns += [
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": results},
    ]
    print(client.messages.create(**base).content[0].text)
