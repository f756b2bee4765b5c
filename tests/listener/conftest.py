"""Every test here runs over both listeners and both Applications, and the fast one on both loops."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from tornado.netutil import bind_sockets

from aisix.listener.fast import FastListener
from aisix.listener.limits import ListenerLimits
from aisix.listener.plain import PlainListener
from tests.listener.app import Notes, make_app
from tests.listener.caller import Caller

LIMITS = ListenerLimits(body=1 << 20, head_secs=20, body_secs=20, idle_secs=20)


@dataclass
class Site:
    """A listener at work."""

    kind: str
    port: int
    notes: Notes
    listener: FastListener | PlainListener

    async def call(self, **more: Any) -> Caller:
        return await Caller.connect(self.port, **more)


@dataclass
class Bench:
    """Makes sites of one kind, and runs what is done with them."""

    kind: str
    lean: bool
    run: Callable[[Awaitable[None]], None]

    @asynccontextmanager
    async def site(
        self, limits: ListenerLimits = LIMITS, tls: ssl.SSLContext | None = None
    ) -> AsyncIterator[Site]:
        notes = Notes()
        app = make_app(notes, self.lean)
        listener: FastListener | PlainListener
        if self.kind == "tornado":
            listener = PlainListener.make(app, limits, tls, notes.refuse)
        else:
            listener = FastListener(app, limits, tls, notes.refuse)
        sockets = bind_sockets(0, "127.0.0.1")
        await listener.accept(sockets)
        try:
            yield Site(self.kind, sockets[0].getsockname()[1], notes, listener)
        finally:
            listener.stop()
            await listener.close_all_connections()


@pytest.fixture(params=["fast", "fast-uvloop-lean", "fast-lean", "tornado", "tornado-lean"])
def bench(request: pytest.FixtureRequest) -> Bench:
    return make(request.param)


@pytest.fixture(params=["fast", "fast-uvloop-lean"])
def fast(request: pytest.FixtureRequest) -> Bench:
    """For what Tornado's server does not have."""
    return make(request.param)


def make(name: str) -> Bench:
    kind, *more = name.split("-")
    factory = pytest.importorskip("uvloop").new_event_loop if "uvloop" in more else None
    # Tornado tells of each malformed request, which is what we send it.
    logging.getLogger("tornado.general").setLevel(logging.CRITICAL)

    def run(work: Awaitable[None]) -> None:
        complaints: list[dict[str, Any]] = []

        async def bounded() -> None:
            asyncio.get_running_loop().set_exception_handler(
                lambda _, context: complaints.append(context)
            )
            async with asyncio.timeout(30):
                await work

        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(bounded())
        assert not complaints

    return Bench(kind, "lean" in more, run)
