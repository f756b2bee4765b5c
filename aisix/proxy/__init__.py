"""The proxy listener: HTTP in, the mapping engine, HTTP out. Glue, with no wire name in it.

app.py       which URL is whose
context.py   Gateway: what one process serves with; reload and drain
routes.py    one target of an alias: URL, credential, tables; settled once, not per request
ways.py      which target of an alias is asked     standing.py  how a target does: cooldown, budget
retry.py     the attempts of one request           gate.py      how many requests at one time
base.py      every handler: request id, who calls, body, errors, access line
chat.py      one exchange, plain or streamed
relay.py     upstream bytes -> exchange -> caller's socket, with back-pressure
models.py    what a caller may ask for          health.py   /livez, /readyz
"""
