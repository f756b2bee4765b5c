"""An exchange whose request and answer are passed on as they are; errors are translated as any.

    exchange = PassedExchange(tables, caller, target, now=..., new_id=..., row=row)
    exchange.pass_on(body, content_type, stream)  ->  UpstreamRequest
    exchange.begin(status, headers)               whether the answer is passed on as it comes; else
    exchange.response(status, headers, body)      ... it is read whole: JSON, or an error

`row`: [upstream.pass.NAME] of the mapping. What the answer says of tokens is read beside it: of
JSON, and of events of a stream.
"""

from __future__ import annotations

from collections.abc import Mapping as Map
from typing import Any

import msgspec

from aisix.mapping.dialect.masking import masked
from aisix.mapping.exchange import BYTES, LARGEST_ERROR, Exchange
from aisix.mapping.sse import SseReader, parse_json
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.paths import Json, Path
from aisix.mapping.types import Answer, UpstreamRequest
from aisix.mapping.verbs.refused import Refused

CONTENT_TYPE = "content-type"
UNKNOWN = "application/octet-stream"
# What chat says itself of these, passed-on requests are told too; other refusals pass as they are.
TRANSLATED = frozenset((401, 402, 403, 404, 405, 407, 408, 429))
INPUT, OUTPUT = "input", "output"

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
Places = tuple[tuple[str, tuple[Path, ...]], ...]  # counter: where it may stand


class PassedExchange(Exchange):
    """`status` is that of an answer that is passed on; `events`: it is a stream of them."""

    status = 200
    events = False
    passing = False  # the answer has begun, and goes on as it comes
    came = 0  # bytes of it
    _said_events = 0
    _reads: SseReader | None = None

    def __init__(self, *args: Any, row: dict[str, Json], **how: Any) -> None:
        super().__init__(*args, **how)
        self._row = row
        self._places = _places(row.get("tokens", {}))
        self._counted: dict[str, int] = {}

    def pass_on(self, body: bytes, content_type: str, stream: bool) -> UpstreamRequest:
        """What goes upstream. `stream`: the answer is to come bit by bit."""
        self.stream = stream
        self._size = len(body)
        return UpstreamRequest("", {CONTENT_TYPE: content_type}, body, stream)

    # ------------------------------------------------------------------ the answer, as it comes
    def begin(self, status: int, headers: Map[str, str]) -> bool:
        kind = headers.get(CONTENT_TYPE, "").partition(";")[0].strip().lower()
        self.came, self._counted, self._said_events = 0, {}, 0
        self.status = status
        self.passing = 200 <= status < 300 and not (kind.endswith("json") and "+" not in kind)
        self.events = self.passing and kind == "text/event-stream"
        reads = self.events and self._places
        self._reads = SseReader(self._largest_event) if reads else None
        return self.passing

    def receive(self, data: bytes) -> bytes:
        self.came += len(data)
        if self._reads is not None:
            try:
                self._look(self._reads.feed(data))
            except Refused:  # an event too long to be looked at is passed on all the same
                self._reads = None
        return data

    def end(self) -> bytes:
        self.done = True
        return b""

    def _look(self, payloads: list[bytes]) -> None:
        self._said_events += len(payloads)
        for payload in payloads:
            if any(str(path.steps[0]).encode() in payload for path in self._first()):
                self._count(parse_json(payload))

    # ------------------------------------------------------------------ ... or whole
    def response(self, status: int, headers: Map[str, str], body: bytes) -> Answer:
        if 200 <= status < 300:
            self.came, self.done, self.passing = len(body), True, True
            if self._places:
                self._count(self._parts(body))
            return Answer(status, self.answer_headers(headers), body)
        answer = super().response(status, headers, body)
        told = answer.error
        if status in TRANSLATED or answer.status != status or told is None or told.retry:
            return answer
        text = body[: LARGEST_ERROR + 1].decode("utf-8", "replace")
        kind = headers.get(CONTENT_TYPE, "")
        hides = len(text) > LARGEST_ERROR or masked(text, self._hidden) != text
        if hides or not kind.lower().startswith("application/json"):
            return answer
        answer.headers = {**answer.headers, CONTENT_TYPE: kind}
        answer.body = body
        return answer

    def retry(self, status: int, headers: Map[str, str], body: bytes) -> str:
        return "" if 200 <= status < 300 else super().retry(status, headers, body)

    def answer_headers(self, headers: Map[str, str]) -> dict[str, str]:
        found = super().answer_headers(headers)
        if not self.passing:
            return found
        return {**found, CONTENT_TYPE: headers.get(CONTENT_TYPE, UNKNOWN)}

    def forget(self) -> None:
        pass  # it holds nothing of the request

    # ------------------------------------------------------------------ tokens
    def _parts(self, body: bytes) -> Json:
        """The members of an answer that are asked for, whatever else is in it."""
        try:
            members = _members.decode(body)
            wanted = {str(path.steps[0]) for path in self._first()}
            return {name: parse_json(bytes(members[name])) for name in wanted if name in members}
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None

    def _first(self) -> list[Path]:
        return [path for _, places in self._places for path in places]

    def _count(self, told: Json) -> None:
        for name, places in self._places:
            for path in places:
                count = path.get(told)
                if type(count) is int and count >= 0:
                    self._counted[name] = count
                    break

    @property
    def tokens(self) -> dict[str, int]:
        return self._counted

    def used(self) -> tuple[dict[str, int], tuple[str, ...]]:
        """Tokens of a request that went out, and which are estimated."""
        if self.error is not None and self.broke is None:
            return self._counted, ()
        if not self._row.get("estimated"):
            return self._counted, ()
        tokens, estimated = dict(self._counted), []
        for name, _ in self._places:
            if name not in tokens:
                size = self._size if name == INPUT else self.came
                # Of a stream each event is about one token; around it stands much that is none.
                guess = self._said_events if name != INPUT and self.events else -(-size // BYTES)
                tokens[name] = guess
                estimated.append(name)
        return tokens, tuple(estimated)


def _places(tokens: dict[str, Json]) -> Places:
    return tuple(
        (name, tuple(paths.parse(one) for one in ([given] if isinstance(given, str) else given)))
        for name, given in tokens.items()
    )
