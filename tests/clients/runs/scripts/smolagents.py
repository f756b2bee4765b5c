import json
import os
import sys
from pathlib import Path

sys.path.remove(str(Path(__file__).parent))  # this file has the library's name
from smolagents import ChatMessage, MessageRole, OpenAIModel, Tool

mode, question = sys.argv[1:]


class Weather(Tool):  # type: ignore[misc]
    name = "weather"
    description = "The weather of a city"
    inputs = {"city": {"type": "string", "description": "which one"}}  # noqa: RUF012
    output_type = "string"

    def forward(self, city: str) -> str:
        return f"sunny in {city}"


model = OpenAIModel(
    os.environ["ALIAS"],
    api_base=os.environ["OPENAI_BASE_URL"],
    api_key=os.environ["OPENAI_API_KEY"],
)
asked = [ChatMessage(role=MessageRole.USER, content=[{"type": "text", "text": question}])]
if mode == "plain":
    print(model.generate(asked).content)
elif mode == "stream":
    print("".join(one.content or "" for one in model.generate_stream(asked)))
else:
    # Its agents force a call in every step and end with one of `final_answer`: the model's part of
    # such a step is one forced call, which is made here.
    call = model.generate(asked, tools_to_call_from=[Weather()]).tool_calls[0].function
    given = json.loads(call.arguments) if isinstance(call.arguments, str) else call.arguments
    print("The tool says:", Weather()(**given))
