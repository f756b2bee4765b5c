"""What `compile/` hands to an answer: the functions of one compiled form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aisix.mapping.syntax.paths import Json


@dataclass(frozen=True, slots=True)
class StreamForm:
    """The functions of a stream's form; `a` is the Answering whose registers they use."""

    event: Callable[[Any, dict[str, Json], list[bytes]], None]
    finish: Callable[[Any, list[bytes]], None]  # the chunks before the last one
    reason: Callable[[Any], Json]
    chunk: Callable[[Any, Json, Json], dict[str, Json]]  # (a, delta, finish)
    usage: Callable[[Any], dict[str, Json]] | None
    meter: Callable[[dict[str, Json]], dict[str, Json]]
    source: str


@dataclass(frozen=True, slots=True)
class PlainForm:
    answer: Callable[[Any, dict[str, Json]], dict[str, Json]]  # (a, the upstream's) the caller's
    meter: Callable[[dict[str, Json]], dict[str, Json]]
    source: str
