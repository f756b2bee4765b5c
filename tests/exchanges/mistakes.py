"""The gateway with a mistake in it: `python -m tests.exchanges.mistakes FOLDER serve --config ...`.

Every function and method on a request's way (WAY) is wrapped. A test tells what is to happen by a
Plan, which the gateway's processes share:

    plan.record()            note each step that is called, until `called()` asks for them
    plan.fail(step, ONCE)    the next call of that step raises; ALWAYS: every call; CANCELLED: the
                             next, a CancelledError; SKIPPED: the next does nothing, or waits for ever
    plan.clear()
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import mmap
import sys
from collections.abc import Callable, Iterator, Set
from pathlib import Path
from typing import Any

from aisix.cli.main import main
from aisix.proxy import backstop, chat

NOTHING, RECORD, ONCE, ALWAYS, CANCELLED, SKIPPED = range(6)
WAYS = {
    ONCE: "fails once",
    ALWAYS: "fails always",
    CANCELLED: "raises CancelledError",
    SKIPPED: "does nothing",
}
SECRET = "sk-ant-a-secret-inside-an-exception"
WAY = [
    "listener.connection",
    "listener.reply",
    "listener.application",
    "listener.reader",
    "proxy.identity",
    "proxy.counted",
    "proxy.base",
    "proxy.chat",
    "proxy.entering",
    "proxy.member_limits",
    "proxy.call",
    "proxy.provider_answers",
    "proxy.back_pressure",
    "proxy.relay",
    "proxy.admission",
    "proxy.route_hints",
    "routing.balancers",
    "routing.groups",
    "routing.attempts",
    "routing.model_attempts",
    "routing.group_attempts",
    "routing.model_health",
    "routing.additions",
    "routing.circuit_breaker",
    "proxy.rate_limit",
    "proxy.gateway",
    "routing.balancer",
    "limits.shared",
    "limits.table",
    "proxy.told_lines",
    "proxy.original_metrics",
    "telemetry.metrics",
    "mapping.exchange",
    "mapping.translation",
    "proxy.beside",
    "proxy.body",
    "proxy.count",
    "proxy.passing",
    "proxy.pass_call",
    "proxy.uploading",
    "mapping.passed",
    "mapping.verbatim",
    "mapping.form",
    "mapping.metering",
    "upstream.curl",
    "upstream.transfer",
    "upstream.buffered",
    "upstream.handle",
    "upstream.sockets",
    "upstream.upload",
    "timer",
]
# Not wrapped, each with its reason.
LEFT_OUT: Set[str] = {
    # What the first ones are: the last to be called when something failed. They call no one they
    # need not, and their own steps are wrapped.
    "listener.application.ListenerHandler.raised",
    "listener.application.ListenerHandler.each",
    "listener.application.ListenerHandler._told",
    "listener.application.ListenerHandler.hang_up",
    "proxy.chat.ChatHandler.raised",
    "listener.application.ListenerHandler.send_error",
    "upstream.curl.Driver._guard",
    "upstream.curl.Driver._broken",
    "upstream.curl.Driver._report",
    "proxy.back_pressure.BackPressure._guard",
    "timer.LazyTimer._fire",
    # All of them is a try already, since libcurl calls them: tests/upstream/test_mistakes.py.
    "upstream.curl.Driver._watch_socket",
    "upstream.curl.Driver._set_curl_timer",
    "upstream.handle.Handle._header_came",
    "upstream.handle.Handle._body_came",
    "upstream.handle.Handle._body_wanted",
    "upstream.handle.Handle._open_socket",
    "upstream.handle._Socket.fileno",
}

# What gives back what a request holds: if one of these fails, only that the exchange ends is asked.
GIVE_BACK = {
    *("proxy.base.ProxyHandler._leave", "proxy.base.ProxyHandler.on_finish"),
    *("proxy.count.CountHandler.on_finish", "proxy.count.CountHandler._give_back"),
    *("proxy.chat.ChatHandler.on_finish", "proxy.chat.ChatHandler._settle"),
    *("proxy.entering.EnteringHandler._leave_admission", "proxy.chat.ChatHandler._end_attempts"),
    *(
        "proxy.rate_limit.Reservation.settle",
        "proxy.admission.Admission.leave",
        "routing.attempts.Attempts.end",
        "routing.model_attempts.MeasuredAttempts.end",
        "proxy.member_limits.MemberLimits.settle",
    ),
    *(
        "routing.circuit_breaker.CircuitBreaker.leave",
        "proxy.gateway.Gateway.leave",
        "telemetry.metrics.Metrics.leave",
    ),
    *("limits.shared.SharedRateLimiter.settle", "limits.shared.SharedRateLimiter._lease"),
}


# Steps that an exchange waits for. If one of these does nothing, or waits for ever, nobody else ends it.
AWAITED = {
    "listener.application.ListenerHandler.dispatch",
    "proxy.entering.EnteringHandler._within_limits",
    "proxy.entering.EnteringHandler.within_members",
    "proxy.member_limits.MemberLimits.following",
    "proxy.member_limits.MemberLimits.within",
    "proxy.chat.ChatHandler._plain",
    "proxy.chat.ChatHandler._following",
    "proxy.chat.ChatHandler._pause",
    "upstream.transfer.Transfer.deliver",
    "upstream.buffered.BufferedSink.on_end",
    "proxy.relay.Relay._write",
    "proxy.relay.Relay._close",
    "proxy.relay.Relay._broken",
    "proxy.relay.Relay._failed",
    "proxy.relay.Relay._drained",
    "upstream.curl.Driver.resumed",
}


class Planted(Exception):
    """The mistake."""


def points(left_out: Set[str] = LEFT_OUT) -> Iterator[tuple[Any, str, Callable[..., Any], str]]:
    """(owner, attribute, function, name) of each step."""
    for module_name in WAY:
        module = importlib.import_module(f"aisix.{module_name}")
        owners = [module, *(v for v in vars(module).values() if inspect.isclass(v))]
        for owner in owners:
            if owner is not module and owner.__module__ != module.__name__:
                continue
            for name, found in list(vars(owner).items()):
                value = found.fget if isinstance(found, property) else found
                if not inspect.isfunction(value) or value.__module__ != module.__name__:
                    continue
                full = f"{module_name}.{value.__qualname__}"
                if not name.startswith("__") and full not in left_out and "<" not in full:
                    yield owner, name, value, full


async def never() -> None:
    await asyncio.get_running_loop().create_future()


class Plan:
    """FOLDER/plan, in memory: a byte that says how, then a step's number. FOLDER/called: numbers."""

    def __init__(self, folder: Path) -> None:
        file, self._called = folder / "plan", folder / "called"
        if not file.exists():
            file.write_bytes(bytes(8))
        with file.open("r+b") as shared:
            self.cells = memoryview(mmap.mmap(shared.fileno(), 8)).cast("I")
        self.names = [full for *_, full in points()]

    def clear(self) -> None:
        self.cells[0] = NOTHING

    def record(self) -> None:
        self._called.write_text("")
        self.cells[0] = RECORD

    def called(self) -> list[str]:
        self.clear()
        numbers = set(map(int, self._called.read_text().split()))
        return [self.names[number] for number in sorted(numbers)]

    def fail(self, step: str, how: int) -> None:
        self.cells[1] = self.names.index(step)
        self.cells[0] = how

    def wrapped(self, number: int, function: Callable[..., Any]) -> Callable[..., Any]:
        cells, called = self.cells, self._called

        @functools.wraps(function)
        def step(*args: Any, **more: Any) -> Any:
            how = cells[0]
            if how == RECORD:
                with called.open("a") as out:
                    out.write(f"{number}\n")
            elif how and cells[1] == number:
                if how != ALWAYS:
                    cells[0] = NOTHING
                if how == SKIPPED:
                    return never() if inspect.iscoroutinefunction(function) else None
                raise asyncio.CancelledError if how == CANCELLED else Planted(SECRET)
            return function(*args, **more)

        return step

    def lay(self, number: int, owner: Any, name: str, function: Callable[..., Any]) -> None:
        """The wrapped one in the place of the function, also where others have imported it."""
        step, found = self.wrapped(number, function), vars(owner)[name]
        setattr(owner, name, found.getter(step) if isinstance(found, property) else step)
        if inspect.ismodule(owner):
            for module in [m for n, m in sys.modules.items() if n.startswith("aisix.")]:
                for other, value in list(vars(module).items()):
                    if value is function:
                        setattr(module, other, step)


if __name__ == "__main__":
    plan = Plan(Path(sys.argv.pop(1)))
    backstop.EVERY, backstop.GRACE, chat.LONGEST_PAUSE = 0.1, 0.3, 0.3
    for number, (owner, name, function, _) in enumerate(list(points())):
        plan.lay(number, owner, name, function)
    sys.exit(main())
