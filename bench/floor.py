"""The floor: bare pass-throughs that translate nothing. `python -m bench.floor KIND PORT UPSTREAM`

    tornado   a RequestHandler and tornado.curl_httpclient, as most would write it
    driver    the same handler on aisix's own curl driver

Both hand the caller's body to UPSTREAM/v1/messages and its answer back: no keys, no checks, no log.
"""

from __future__ import annotations

import asyncio
import sys

from tornado.curl_httpclient import CurlAsyncHTTPClient
from tornado.httpclient import HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from aisix.errors import UpstreamError
from aisix.upstream.curl import Driver
from aisix.upstream.request import Request

STREAMED = b'"stream":true'


class Tornado(RequestHandler):
    client: CurlAsyncHTTPClient
    target: str

    async def post(self) -> None:
        def passed_on(data: bytes) -> None:
            self.write(data)
            self.flush()

        request = HTTPRequest(
            self.target + "/v1/messages",
            method="POST",
            body=self.request.body,
            headers={"content-type": "application/json", "x-api-key": "bench"},
            request_timeout=600,
        )
        if STREAMED in self.request.body:
            request.streaming_callback = passed_on
            await self.client.fetch(request)
        else:
            answer = await self.client.fetch(request)
            self.set_header("content-type", "application/json")
            self.finish(answer.body)


class Through:
    """A sink that hands an answer on as it comes."""

    def __init__(self, handler: RequestHandler) -> None:
        self.handler = handler
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_response(self, status: int, headers: dict[str, str]) -> None:
        self.handler.set_status(status)
        self.handler.set_header("content-type", headers.get("content-type", ""))

    def on_data(self, data: bytes) -> None:
        self.handler.write(data)
        self.handler.flush()

    def on_end(self, error: UpstreamError | None) -> None:
        self.done.set_result(None)


class OnDriver(RequestHandler):
    driver: Driver
    target: str

    async def post(self) -> None:
        request = Request(
            url=self.target + "/v1/messages",
            headers=("content-type: application/json", "x-api-key: bench"),
            body=self.request.body,
        )
        if STREAMED in self.request.body:
            through = Through(self)
            self.driver.stream(request, through)
            await through.done
        else:
            answer = await self.driver.send(request)
            self.set_header("content-type", "application/json")
            self.finish(answer.body)


async def main(kind: str, port: int, target: str) -> None:
    handler: type[RequestHandler]
    if kind == "tornado":
        Tornado.client = CurlAsyncHTTPClient(max_clients=1024)
        Tornado.target = target
        handler = Tornado
    else:
        OnDriver.driver = Driver()
        OnDriver.target = target
        handler = OnDriver
    server = HTTPServer(Application([(r"/.*", handler)]))
    server.add_sockets(bind_sockets(port, "127.0.0.1", backlog=1024))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
