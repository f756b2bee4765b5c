import os
import sys

from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike

mode, question = sys.argv[1:]
model = OpenAILike(
    model=os.environ["ALIAS"],
    api_base=os.environ["OPENAI_BASE_URL"],
    api_key=os.environ["OPENAI_API_KEY"],
    is_chat_model=True,
    is_function_calling_model=True,
    context_window=200_000,
)
if mode == "plain":
    print(model.chat([ChatMessage(role="user", content=question)]).message.content)
elif mode == "stream":
    print("".join(one.delta or "" for one in model.stream_complete(question)))
else:

    def weather(city: str) -> str:
        """The weather of a city."""
        return f"sunny in {city}"

    tool = FunctionTool.from_defaults(weather)
    asked = ChatMessage(role="user", content=question)
    first = model.chat_with_tools([tool], chat_history=[asked])
    turns = [asked, first.message]
    for call in model.get_tool_calls_from_response(first):
        said = str(tool(**call.tool_kwargs))
        kept = {"tool_call_id": call.tool_id}
        turns.append(ChatMessage(role="tool", content=said, additional_kwargs=kept))
    print(model.chat_with_tools([tool], chat_history=turns).message.content)
