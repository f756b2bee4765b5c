"""What becomes of a mistake of our own in what the event loop calls of a connection.

The loop would log it and go on; the connection would stay open with nobody at work on it. So it is
closed, and with it the exchange on it ends and gives back what it holds.

Must never know: how a connection works.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from aisix.log import CRASHES


class Reporter(Protocol):
    def bug(self, error: BaseException) -> None: ...


class Guarded(Protocol):
    """What `closing` needs of whom it guards."""

    transport: asyncio.Transport

    @property
    def owner(self) -> Reporter: ...


S = TypeVar("S", bound=Guarded)
P = ParamSpec("P")
R = TypeVar("R")


def closing(step: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R | None]:
    """A method of a connection that closes it when it raises."""

    @wraps(step)
    def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            return step(self, *args, **kwargs)
        except CRASHES as error:
            self.owner.bug(error)
            self.transport.abort()
            return None

    return call
