import asyncio
import os
import sys

from claude_agent_sdk import ClaudeAgentOptions, ResultMessage, query

mode, question = sys.argv[1:]


async def main() -> None:
    options = ClaudeAgentOptions(model=os.environ["ALIAS"], allowed_tools=["Bash"])
    async for message in query(prompt=question, options=options):
        if isinstance(message, ResultMessage):
            print(message.result)


asyncio.run(main())
