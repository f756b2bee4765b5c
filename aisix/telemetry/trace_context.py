"""W3C Trace Context: the caller's `traceparent`, continued.

    trace = TraceContext.continued(headers.get("traceparent"), headers.get("tracestate"), new_bytes)
    trace.header            what the upstream is sent, if the settings say so

What is not exactly as the recommendation says is not believed: then a trace of our own begins.

Must never know: who exports it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
STATE = re.compile(r"[\x20-\x7e]{1,512}")
SAMPLED = 1


@dataclass(frozen=True, slots=True)
class TraceContext:
    """Ids in lower-case hex; `parent` is the caller's span, "" when the trace begins with us."""

    trace_id: str
    span_id: str
    parent: str = ""
    flags: int = SAMPLED
    state: str = ""

    @classmethod
    def continued(
        cls, parent: str | None, state: str | None, new_bytes: Callable[[int], bytes]
    ) -> TraceContext:
        """Our span of the caller's trace.

        >>> TraceContext.continued("00-" + "ab" * 16 + "-" + "cd" * 8 + "-00", None, bytes).header
        '00-abababababababababababababababab-0000000000000001-00'
        """
        span = _id(new_bytes(8))
        found = PARENT.fullmatch(parent or "")
        if found:
            version, trace_id, parent_id, flags, rest = found.groups()
            whole = version != "ff" and not (version == "00" and rest)
            if whole and int(trace_id, 16) and int(parent_id, 16):
                kept = state if state and STATE.fullmatch(state) else ""
                return cls(trace_id, span, parent_id, int(flags, 16) & SAMPLED, kept)
        return cls(_id(new_bytes(16)), span)

    @property
    def sampled(self) -> bool:
        return bool(self.flags & SAMPLED)

    @property
    def lines(self) -> tuple[str, ...]:
        """Header lines for whom we call."""
        own = (f"traceparent: {self.header}",)
        return (*own, f"tracestate: {self.state}") if self.state else own

    @property
    def header(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"


def _id(data: bytes) -> str:
    """Never all zeros, which means "no id"."""
    return data.hex() if any(data) else f"{1:0{2 * len(data)}x}"
