"""What an exchange is given and gives: plain values the proxy carries to and fro.

One name for each thing, from the caller's connection to the upstream's and back:

    caller_body        dict, what the caller asked for        caller_headers     the caller's own
    upstream_body      dict, what the tables made of it       upstream_headers   dict, the tables'
    upstream_request   UpstreamRequest: path, headers, bytes  payload            data of one event

`.body` of a value (UpstreamRequest, Answer; Request and Response of upstream/) is bytes, as they
are on the wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from aisix.mapping.dialect.upstream_errors import ErrorAnswer


class ResolvedModel(NamedTuple):
    """Whom an exchange talks to, and what is known of the alias."""

    alias: str
    upstream_model: str
    strict: bool = False


@dataclass(slots=True)
class UpstreamRequest:
    """What goes upstream: path below the base URL, the tables' headers, the encoded body."""

    path: str
    headers: dict[str, str]
    body: bytes
    stream: bool


@dataclass(slots=True)
class Answer:
    """To the caller, whole: a completion, or `error`."""

    status: int
    headers: dict[str, str]
    body: bytes
    error: ErrorAnswer | None = None

    @classmethod
    def of_error(cls, error: ErrorAnswer) -> Answer:
        return cls(error.status, error.headers, error.body, error)
