"""Answers of upstreams made at random, and what callers of the Responses API receive of them.

messages_answers.py   Anthropic's: blocks, cuts, errors, plain and as a stream
chat_answers.py       those of Chat-compatible servers, in the odd shapes they come in
asked.py              the requests before them
responses.py          an answer carried through a mapping: whole, or cut into bytes anywhere
"""
