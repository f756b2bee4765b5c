"""Messages between the workers of one gateway: one socket pair per seat, made before the fork.

    worker_slots = WorkerSlots(4)          # in the parent
    bus = worker_slots.sit(2)              # in the worker, with its loop running
    bus.on("ping", handler)                # handler(payload) -> answer, may be a coroutine
    answers = await bus.ask("ping", {...}, timeout=5)     # {seat: answer}, of whoever answered

A worker that dies leaves its seat to its successor, which finds the messages that are still there.
A message to a seat whose queue is full waits its turn until the time is up. Everybody is asked,
also who asks.

Must never know: what is said.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

LONGEST = 64 << 10  # bytes of one message
RETRY = 0.01  # s until a full seat is tried again
PARENT = -1  # the seat of who has none

Handler = Callable[[Any], Any | Awaitable[Any]]
_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.decode


class WorkerSlots:
    """One socket pair per worker. Whoever holds this may post to every seat."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(count)]
        for pair in self._pairs:
            for end in pair:
                end.setblocking(False)

    def sit(self, seat: int) -> Bus:
        """The bus of the worker on this seat; call it with the loop running."""
        return Bus(self, seat, self._pairs[seat][0])

    def post(self, seat: int, message: Any) -> bool:
        """Put one message on a seat; False when its queue is full. Never waits."""
        try:
            self._pairs[seat][1].send(_encode(message))
        except (BlockingIOError, InterruptedError):
            return False
        return True

    def tell(self, seat: int, kind: str, payload: Any = None) -> bool:
        """A message nobody answers, also from a process that has no seat (a signal handler)."""
        return self.post(seat, [kind, PARENT, 0, payload])

    def close(self) -> None:
        for pair in self._pairs:
            for end in pair:
                end.close()


class Bus:
    """One worker's end. `close` it before the loop ends."""

    def __init__(self, worker_slots: WorkerSlots, seat: int, end: socket.socket) -> None:
        self.seat = seat
        self.count = worker_slots.count
        self._worker_slots = worker_slots
        self._end = end
        self._loop = asyncio.get_running_loop()
        self._handlers: dict[str, Handler] = {}
        self._asked: dict[int, tuple[dict[int, Any], asyncio.Event]] = {}
        self._numbers = itertools.count(os.getpid() << 24)  # never one of a predecessor's
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop.add_reader(end, self._read)

    def on(self, kind: str, handler: Handler) -> None:
        self._handlers[kind] = handler

    async def ask(self, kind: str, payload: Any, timeout: float) -> dict[int, Any]:
        """Every seat's answer; a seat that says nothing in time is not in it."""
        number = next(self._numbers)
        answers: dict[int, Any] = {}
        heard = asyncio.Event()
        self._asked[number] = answers, heard
        message = [kind, self.seat, number, payload]
        try:
            async with asyncio.timeout(timeout):
                await asyncio.gather(*(self._post(n, message) for n in range(self.count)))
                while len(answers) < self.count:
                    heard.clear()
                    await heard.wait()
        except TimeoutError:
            pass  # who asked sees who is missing
        finally:
            del self._asked[number]
        return answers

    async def _post(self, seat: int, message: Any) -> None:
        while not self._worker_slots.post(seat, message):
            await asyncio.sleep(RETRY)

    def _read(self) -> None:
        while True:
            try:
                data = self._end.recv(LONGEST)
            except (BlockingIOError, InterruptedError):
                return
            try:
                kind, sender, number, payload = _decode(data)
            except (msgspec.DecodeError, ValueError, TypeError):
                continue  # longer than LONGEST, so cut: who sent it sees no answer
            if kind == "":
                self._heard(sender, number, payload)
            elif kind in self._handlers:
                task = self._loop.create_task(self._answer(kind, sender, number, payload))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _answer(self, kind: str, sender: int, number: int, payload: Any) -> None:
        try:
            answer = self._handlers[kind](payload)
            if inspect.isawaitable(answer):
                answer = await answer
        except Exception as error:  # who asked sees no answer
            context = {"message": f"bug in the answer to {kind}", "exception": error}
            self._loop.call_exception_handler(context)
            return
        if sender != PARENT:
            await self._post(sender, ["", self.seat, number, answer])

    def _heard(self, sender: int, number: int, answer: Any) -> None:
        asked = self._asked.get(number)
        if asked is not None:
            answers, heard = asked
            answers[sender] = answer
            heard.set()

    def close(self) -> None:
        self._loop.remove_reader(self._end)
        for task in self._tasks:
            task.cancel()
