"""Requests and answers of the Responses API made at random, and what becomes of them.

messages_answers.py   Anthropic's: blocks, cuts, errors, plain and as a stream
chat_answers.py       those of Chat-compatible servers, in the odd shapes they come in
asked.py              the requests before them
item_lists.py         requests of any shape, right, nearly right and nothing at all
responses.py          an answer carried through a mapping: whole, or cut into bytes anywhere
"""
