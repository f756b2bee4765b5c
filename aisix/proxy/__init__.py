"""The proxy listener: HTTP in, the mapping engine, HTTP out. Glue, with no wire name in it.

app.py       which URL is whose
context.py   Gateway: what one process serves with; reload and drain
routes.py    alias -> upstream: URL, credential, tables; settled once, not per request
base.py      every handler: request id, who calls, body, errors, access line
chat.py      one exchange, plain or streamed
relay.py     upstream bytes -> exchange -> caller's socket, with back-pressure
models.py    what a caller may ask for          health.py   /livez, /readyz
"""
