"""The way in: callers' connections, under unchanged Tornado handlers.

    limits.py      what a connection may take: sizes, counts, times
    fast.py        FastListener: asyncio server, one Connection per caller
    parties.py     what a connection knows of its listener and of its caller
    connection.py  a connection: one request at a time, in order
    reader.py      bytes -> requests, over llhttp (httptools)
    reply.py       the answer to one request: tornado.httputil.HTTPConnection, bytes out
    heads.py       header pairs -> HTTPHeaders; a status and HTTPHeaders -> bytes
    plain.py       PlainListener: Tornado's own server

Both listeners have the same face: accept(sockets, others), stop(), kept, close_idle() and
close_all_connections(). tests/listener runs one suite over both.

Must never know: what a handler does, an upstream, a mapping.
"""
