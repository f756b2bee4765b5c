"""Every error aisix raises on purpose, named by whose fault it is.

    AisixError
    ├── CallerError      what the caller sent is wrong                4xx
    ├── UpstreamError    the upstream refused, vanished or babbled    5xx (or what a table says)
    ├── OperatorError    settings, mapping tables, stored resources   never on a caller's screen
    └── StoreError       the store cannot do it now (full disk, locked, read-only)

An error carries a *kind* (a plain word of ours, such as "missing" or "unreachable"), the path of
the caller's own field and the values a message may quote. What a kind looks like on the wire
(status, type, code, words) is data: `[fault.*]` of `mappings/<caller dialect>/caller.toml`.

Must never know: a wire format. Must never hold: a secret, a prompt, a completion.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


class AisixError(Exception):
    """The root; catch it to catch everything aisix raises on purpose."""


class Fault(AisixError):
    """An error that a caller may be shown, through the fault table of the caller's dialect.

    kind: a row of `[fault.*]`; param: the caller's own path ("messages[2].content[0]") or None;
    values: what the row's message may quote as {name}.
    """

    def __init__(self, kind: str, param: str | None = None, **values: Any) -> None:
        super().__init__(kind if param is None else f"{kind} at {param}")
        self.kind = kind
        self.param = param
        self.values = values


class CallerError(Fault):
    """What the caller sent is wrong; a 4xx that names the caller's own field."""


class UpstreamError(Fault):
    """The upstream could not be reached, did not answer in time or answered garbage.

    `detail` is for our log only (it may hold a host name); it is never shown to a caller.
    """

    def __init__(self, kind: str, detail: str = "", **values: Any) -> None:
        super().__init__(kind, None, **values)
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing wrong in something an operator wrote: where, what, and what would be right."""

    where: str  # "mappings/.../request.toml:13" or "config.yaml:4"
    path: str  # "field.max_tokens.defualt"
    text: str  # 'unknown key (did you mean "default"?)'
    idle: bool = False  # what it is about does nothing: told, but no reason not to serve

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.path, self.text) if part)


def wrong_among(complaints: Iterable[Complaint]) -> list[Complaint]:
    """Those that are a reason not to serve."""
    return [complaint for complaint in complaints if not complaint.idle]


class OperatorError(AisixError):
    """Settings or tables that cannot be used; all complaints at once, one a line."""

    def __init__(self, complaints: Sequence[Complaint] | str) -> None:
        if isinstance(complaints, str):
            complaints = [Complaint("", "", complaints)]
        self.complaints = tuple(complaints)
        super().__init__("\n".join(str(c) for c in self.complaints))


class StoreError(AisixError):
    """The store cannot serve this write or read now; the text is fit for an admin's eyes."""
