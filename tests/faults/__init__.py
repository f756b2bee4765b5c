"""Faults met in the world's exchanges, replayed through a running gateway.

requests/       what callers sent, by kind: path, upstream_model, body (.raw: the bytes alone)
answers/        what upstreams answered, as bytes, and what the caller is to get of it (want)
upstream.py     a server that keeps what reaches it and answers with the bytes it was given
outcome.py      an answer as its caller reads it, whole or streamed, in either dialect
wanted.py       what must reach the upstream, for each of requests/
schemas.py      what a schema that was sent must say and accept
replay.py       one gateway, the inputs one after the other
__main__.py     python -m tests.faults [FOLDER]
"""
