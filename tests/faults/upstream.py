"""A server on a real socket that keeps what reaches it and answers with the bytes it was given."""

from __future__ import annotations

import socketserver
import threading
from dataclasses import dataclass, field
from typing import Any

import msgspec

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"


def whole(body: Any) -> bytes:
    """An answer of JSON."""
    raw = msgspec.json.encode(body)
    return HEAD % (b"application/json", len(raw)) + raw


def streamed(data: bytes) -> bytes:
    """An answer of events."""
    return HEAD % (b"text/event-stream", len(data)) + data


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


@dataclass
class Upstream:
    """`answer` is said to whoever asks; `received` is what came since it was last emptied."""

    answer: bytes = b""
    received: list[Received] = field(default_factory=list)

    def __enter__(self) -> Upstream:
        upstream = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                path = self.rfile.readline().decode("latin-1").split(" ")[1]
                headers: dict[str, str] = {}
                while line := self.rfile.readline().strip():
                    name, _, value = line.decode("latin-1").partition(":")
                    headers[name.lower()] = value.strip()
                body = self.rfile.read(int(headers.get("content-length", "0")))
                upstream.received.append(Received(path, headers, body))
                self.wfile.write(upstream.answer)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 50

            def handle_error(self, request: Any, client_address: Any) -> None:
                """The gateway hung up, which is its right."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
