"""A stand-in for the Anthropic upstream, strict about what it is sent.

    models.py        what each model accepts: the one table of facts
    shapes.py        small checks to build a shape from
    body.py          the shape of a Messages request
    rules.py         complaints(body): everything the service would refuse
    conversation.py  ... roles, order, pairing, replayed thinking
    keywords.py      ... JSON Schema, each keyword's own type
    subset.py        ... JSON Schema for constrained answers
    invent.py        a small valid value for a JSON Schema
    answers.py       body + words in the last user text -> a whole answer
    asked_calls.py   calls that a user's text asks for, by name
    stream.py        a whole answer -> SSE events, and back
    handler.py       what its handlers share: what was received, exact answers, streams
    server.py        HTTP: authentication, errors, pace, faults
    counting.py      ... the tokens of a request, counted
    chat.py          an upstream of the other dialect: its checks and answers
    chat_models.py   ... what some of its models refuse
    free_text.py     ... tools whose input is free text
    functions.py     ... JSON Schema as that one takes it
    chat_handler.py  ... on a socket
    neighbours.py    ... what it answers beside chats: embeddings, pictures, speech
    neighbour_handler.py  ... on a socket
    demo.py          `aisix demo`: the gateway in front of it, hop by hop
    __main__.py      python -m aisix.standin

It serves the demo and the tests. The wire names of the upstream's format may stand in this package
only, and the gateway never imports it.
"""
