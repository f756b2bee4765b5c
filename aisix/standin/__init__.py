"""A stand-in for the Anthropic upstream, strict about what it is sent.

    models.py        what each model accepts: the one table of facts
    shapes.py        small checks to build a shape from
    body.py          the shape of a Messages request
    rules.py         complaints(body): everything the service would refuse
    conversation.py  ... roles, order, pairing, replayed thinking
    subset.py        ... JSON Schema for constrained answers
    invent.py        a small valid value for a JSON Schema
    scripts.py       "standin:..." in the last user text steers the answer
    answers.py       body + script -> a whole answer
    stream.py        a whole answer -> SSE events, and back
    server.py        HTTP: authentication, errors, pace, faults, what was received
    demo.py          `aisix demo`: the gateway in front of it, hop by hop

It serves the demo and the tests; `python -m aisix.standin` runs it by itself. The wire names of the
upstream's format may stand in this package only, and the gateway never imports it.
"""
