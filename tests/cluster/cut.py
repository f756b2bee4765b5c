"""A TCP proxy in front of a server, which a test cuts: what firewalls and dying machines do.

    with Cut(etcd.members[0].port) as cut:
        client(f"http://127.0.0.1:{cut.port}")
        cut.blackhole()    # forwards nothing, closes nothing; new connections hang too
        cut.deaf()         # what is asked arrives, and is done; the answers are held back
    cut.reset()        # all open connections end with a reset; new ones are served
        cut.refuse()       # as reset, and new ones are reset at once
        cut.delay(20)      # milliseconds, each way
        cut.heal()         # what was held back arrives now

It runs on a thread and loop of its own. What is in a black hole is kept, as the kernels of both
sides would, and no more is read: the sender's buffers fill.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable

PIECE = 65536
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Cut:
    """`port` is the way in; `dropped` counts the connections that were reset."""

    def __init__(self, to: int, host: str = "127.0.0.1") -> None:
        self._to = (host, to)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._refusing = False
        self._seconds = 0.0
        self.accepted = 0
        self.dropped = 0
        self.port = 0

    def __enter__(self) -> Cut:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(self, *error: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def blackhole(self) -> None:
        self._do(self._flows.clear)

    def deaf(self) -> None:
        self._do(self._answers.clear)

    def reset(self) -> None:
        self._do(self._reset)

    def refuse(self) -> None:
        def act() -> None:
            self._refusing = True
            self._reset()

        self._do(act)

    def delay(self, milliseconds: float) -> None:
        def act() -> None:
            self._seconds = milliseconds / 1000

        self._do(act)

    def heal(self) -> None:
        def act() -> None:
            self._refusing, self._seconds = False, 0.0
            self._flows.set()
            self._answers.set()

        self._do(act)

    def _do(self, act: Callable[[], None]) -> None:
        """On the loop's thread; comes back when it is done."""

        async def run() -> None:
            act()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    async def _listen(self) -> None:
        self._flows, self._answers = asyncio.Event(), asyncio.Event()
        self._flows.set()
        self._answers.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        self._server.close()
        self._reset()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _reset(self) -> None:
        for writer in tuple(self._open):
            self.dropped += 1
            sock: socket.socket | None = writer.get_extra_info("socket")
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open.add(writer)
        self.accepted += 1
        other: asyncio.StreamWriter | None = None
        try:
            if self._refusing:
                self._reset()
                return
            await self._flows.wait()
            answers, other = await asyncio.open_connection(*self._to)
            self._open.add(other)
            asked = self._carry(reader, other, self._flows)
            await asyncio.gather(asked, self._carry(answers, writer, self._flows, self._answers))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for one in (writer, other):
                if one is not None:
                    self._open.discard(one)
                    one.transport.abort()

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *open_: asyncio.Event
    ) -> None:
        while piece := await reader.read(PIECE):
            if self._seconds:
                await asyncio.sleep(self._seconds)
            for one in open_:
                await one.wait()
            writer.write(piece)
            await writer.drain()
        for one in open_:
            await one.wait()
        if writer.can_write_eof():
            writer.write_eof()
