"""More of what an upstream may do: odd heads, answers that go on after their end, and answers that
make the gateway's own sinks raise (`faulty.py`). Each is entered in `upstream.BEHAVIOURS`.
"""

from __future__ import annotations

import asyncio

from tests.chaos import upstream
from tests.chaos.upstream import Behaviour, Reply, chunk, event, good

RAISE = "x-chaos-raise"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: chaos\r\n\r\n"
REST_SECS = 3.0  # an upstream goes on for so long after the end of its answer
ODD = (
    "x-request-id: r\x01q\xe9" + "x" * 400,
    "retry-after: 5\x02, soon",
    "anthropic-ratelimit-requests-reset: \xff\xfe" + "9" * 300,
    'www-authenticate: Basic realm="\x7f"',
    "location: http://10.0.0.7/\xa0",
    "set-cookie: a=b\x03",
    "x-empty:",
)
STATUS_LINES = (
    *("HTTP/1.1 0 X", "HTTP/1.1 099 X", "HTTP/1.1 600 X", "HTTP/1.1 999 X", "HTTP/1.1 1000 X"),
    *("HTTP/1.1 2x0 OK", "HTTP/1.1 -1 OK", "HTTP/1.1 ", "HTTP/1.1", "HTTP/9.9 200 OK"),
    *("HTTP/2 200 OK", "ICY 200 OK", "200 OK", "", "HTTP/1.1 150 X"),
)
LENGTHS = ("content-length: -2", "content-length: 2x", "content-length: 1\r\ncontent-length: 2")


# ---------------------------------------------------------------- right all the same
async def odd_headers(reply: Reply) -> None:
    head = "".join(
        f"{line}\r\n" for line in (*ODD, reply.kind, f"content-length: {len(reply.body)}")
    )
    await reply.send(b"HTTP/1.1 200 OK\r\n" + head.encode("latin-1") + b"\r\n" + reply.body)


async def interim_heads(reply: Reply) -> None:
    for status in (100, 102, 103, 199):
        await reply.send(f"HTTP/1.1 {status} Wait\r\nx-a: b\r\n\r\n".encode())
    await good(reply)


async def twice(reply: Reply) -> None:
    """A second answer right behind the first, which nobody asked for: the connection is not used
    again. (One that comes later no client can tell from the next request's own.)"""
    head = f"HTTP/1.1 200 OK\r\n{reply.kind}\r\ncontent-length: {len(reply.body)}\r\n\r\n"
    await reply.send(2 * (head.encode() + reply.body))


async def trailers(reply: Reply) -> None:
    await reply.head("200 OK", reply.kind, "transfer-encoding: chunked")
    await reply.send(chunk(reply.body) + b"0\r\n")
    for number in range(5):
        await reply.send(f"x-trailer-{number}: HTTP/1.1 101 X\r\n".encode())
        await asyncio.sleep(0.01)
    await reply.send(b"\r\n")


async def goes_on(reply: Reply) -> None:
    """A stream's end mark is followed by more of nothing."""
    if not reply.streamed:
        await trailers(reply)
        return
    await reply.head("200 OK", reply.kind, "transfer-encoding: chunked")
    await reply.send(chunk(reply.body))
    end = asyncio.get_running_loop().time() + REST_SECS
    while asyncio.get_running_loop().time() < end:
        await reply.send(chunk(b": more\n\n"))
        await asyncio.sleep(0.1)
    reply.writer.close()


async def much(reply: Reply) -> None:
    """More than a socket holds: who reads slowly pauses it."""
    if not reply.streamed:
        await good(reply)
        return
    events = reply.events()
    await reply.head("200 OK", reply.kind, "transfer-encoding: chunked")
    await reply.send(chunk(b"".join(events[:4])))
    for _ in range(12):
        await reply.send(chunk(event({"type": "ping"}) * 2000))
    await reply.send(chunk(b"".join(events[4:])) + b"0\r\n\r\n")


# ---------------------------------------------------------------- wrong
async def switching(reply: Reply) -> None:
    await reply.send(SWITCHING + f"HTTP/1.1 200 OK\r\n{reply.kind}\r\n\r\n".encode() + reply.body)
    reply.writer.close()


async def switching_alone(reply: Reply) -> None:
    await reply.send(SWITCHING + b"x" * reply.random.choice((0, 1, 100_000)))
    await asyncio.sleep(reply.stall)
    reply.writer.close()


async def interim_only(reply: Reply) -> None:
    await reply.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
    await asyncio.sleep(reply.stall)
    reply.writer.close()


async def head_drip(reply: Reply) -> None:
    """A head that never ends, a line at a time."""
    await reply.send(b"HTTP/1.1 200 OK\r\n")
    end = asyncio.get_running_loop().time() + reply.stall
    while asyncio.get_running_loop().time() < end:
        await reply.send(b"x-a: b\r\n")
        await asyncio.sleep(0.2)
    reply.writer.close()


async def odd_status(reply: Reply) -> None:
    body = b'{"type":"error","error":{"type":"api_error","message":"chaos"}}'
    line = reply.random.choice(STATUS_LINES)
    await reply.send(f"{line}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
    reply.writer.close()


async def odd_length(reply: Reply) -> None:
    line = reply.random.choice(LENGTHS)
    await reply.send(f"HTTP/1.1 200 OK\r\n{reply.kind}\r\n{line}\r\n\r\n".encode() + reply.body)
    reply.writer.close()


async def odd_error(reply: Reply) -> None:
    head = "".join(f"{line}\r\n" for line in (*ODD, upstream.JSON))
    body = b'{"type":"error","error":{"type":"invalid_request_error","message":"chaos"}}'
    first = f"HTTP/1.1 400 Bad\r\ncontent-length: {len(body)}\r\n"
    await reply.send(first.encode() + head.encode("latin-1") + b"\r\n" + body)


async def sink_raises(reply: Reply) -> None:
    """A good answer, in two pieces; what receives it raises."""
    step = reply.random.choice(
        ("on_response 1", "on_data 1", "on_data 2" if reply.streamed else "on_end 1")
    )
    kind = reply.random.choice(("RuntimeError", "MemoryError", "CancelledError", "RecursionError"))
    events = reply.events()
    cut = len(b"".join(events[:4])) if reply.streamed else 20
    await reply.head(
        "200 OK", reply.kind, f"{RAISE}: {step} {kind}", f"content-length: {len(reply.body)}"
    )
    await reply.send(reply.body[:cut])
    await asyncio.sleep(0.03)
    await reply.send(reply.body[cut:])


RIGHT: tuple[Behaviour, ...] = (
    *(*upstream.RIGHT, odd_headers, interim_heads, twice, trailers, goes_on, much),
)
WRONG: dict[Behaviour, set[int]] = {
    **upstream.WRONG,
    switching: {502},
    switching_alone: {502},
    interim_only: {504},
    head_drip: {504},
    odd_status: {502},
    odd_length: {502},
    odd_error: {400},
    sink_raises: {500, 200},
}
PERHAPS = {sink_raises}  # its second piece may come with the first: then nothing raises
upstream.BEHAVIOURS.update({run.__name__: run for run in (*RIGHT, *WRONG)})
