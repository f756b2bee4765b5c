"""The way in: callers' connections, under Tornado request handlers.

    application.py   Tornado's Application and RequestHandler, slimmed
    limits.py        what a connection may take: sizes, counts, times
    acceptor.py      connections out of listening sockets, also when descriptors are short
    connection_table.py  who is connected, of which address, and who goes when there is no room
    fast.py          FastListener: one Connection per caller
    context.py       what a connection knows of its listener and of its caller
    connection.py    a connection: one request at a time, in order
    sending.py       its outgoing half: bytes out, callers who read slowly
    refusals.py      what could not be read as a request: kinds, and how it is answered
    guard.py         a mistake of ours in what the loop calls: told, and the connection ends
    reader.py        bytes -> requests, over llhttp (httptools)
    reply.py         the answer to one request: tornado.httputil.HTTPConnection, bytes out
    heads.py         header pairs -> HTTPHeaders; a status and HTTPHeaders -> bytes
    hosts.py         under which names a listener may be asked for
    probes.py        what the original AISIX says of whether it lives and is ready
    plain.py         PlainListener: Tornado's own server
    certificates.py  the certificates our listeners show, read again when they change

HTTP/1 only: certificates.py offers no other by ALPN. HTTP/2 would be a sibling of connection.py and
reply.py (the seam is `ReplyConnection`), chosen in fast.py.

Both listeners have the same face: accept(sockets, others), stop(), kept, at_work, close_idle()
and close_all_connections(). tests/listener runs one suite over both.

Must never know: what a handler does, an upstream, a mapping.
"""
