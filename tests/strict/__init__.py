"""The strictest reading of the wire formats that the tests can get.

    anthropic_wire.py   requests we send upstream, answers a stand-in upstream gives
    openai_wire.py      requests callers send, answers they get
    responses_wire.py   the same of callers of the Responses API
    responses_items.py  ... the items of its answers
    responses_flow.py   ... the order of its events
    callers.py          the checks of every caller dialect, under the same names
    paths.py            whether what a refusal names stands in the body
    closed.py           the official SDKs' own types, made strict
    sdk.py              the official clients over bytes in memory
    sse.py              server-sent events, as bytes
    samples.py          good bodies and conversations, for the tests of both
    responses_samples.py  ... those of the Responses API

Every check returns a list of strings, one for each thing wrong; an empty list means valid. Three
layers are asked in turn: the SDK's types (closed against unknown keys, nothing coerced, nothing
lazy), the rules those types cannot express, and the SDK itself fed with the bytes. The SDK versions
are pinned in pyproject.toml; raising one is a deliberate act.
"""
