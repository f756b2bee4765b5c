"""What an exchange is given and gives: plain values the proxy carries to and fro."""

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
    path: str
    headers: dict[str, str]
    body: bytes
    stream: bool


@dataclass(slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    error: ErrorAnswer | None = None
