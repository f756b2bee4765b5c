"""One exchange, written down while it happens, where `aisix capture` has asked for it.

    recording = Recording(keep, handler, caller_body, ...)
    sink = recording.attempt(target, upstream_request, sink)    what goes upstream, what comes back
    writer = RecordedWriter(writer, recording)                  a stream's bytes to the caller
    recording.given(data); recording.ended(handler, target)     and any other answer's

Secrets are never in it: no header that looks like a credential's, no text of the provider's key or
of the caller's, nor one that a stream says piece by piece. Of the caller's headers those are kept
that the tables read. What is longer than the limit is left out, and told.

Must never know: a wire name, where the finished document goes.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Iterator
from typing import Any, Protocol

import msgspec

from aisix import log
from aisix.errors import UpstreamError
from aisix.mapping.dialect.masking import KEY, without
from aisix.mapping.dialect.upstream_errors import CallerDialect
from aisix.mapping.exchange import UpstreamRequest
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verify.captured import (
    VERSION,
    CapturedAttempt,
    CapturedExchange,
    CapturedMessage,
    CapturedTarget,
)
from aisix.mapping.verify.redaction import Redactor, mapped
from aisix.proxy import ids
from aisix.proxy.scattered import without_pieces
from aisix.proxy.stream_writer import StreamWriter
from aisix.routing.target import Target
from aisix.store.kinds.credentials import by_form, by_name
from aisix.store.resources import ModelTarget, timestamp
from aisix.upstream.request import Sink

ALWAYS = frozenset(("content-type", "accept"))  # headers of a caller that are kept in any case
HEADER = "$header."
Headers = dict[str, str]


class Bytes:
    """What came, up to what is left of the limit of its exchange."""

    __slots__ = ("_recording", "left_out", "pieces")

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self.pieces: list[bytes] = []
        self.left_out = ""

    def add(self, data: bytes) -> None:
        if self.left_out or self._recording.over:
            return
        self._recording.room -= len(data)
        if self._recording.room < 0:
            self._recording.room += len(data) + sum(map(len, self.pieces))
            self.pieces = []
            self.left_out = "the exchange is longer than capture.exchange_limit_bytes"
        else:
            self.pieces.append(data)

    def message(self, headers: Headers, status: int = 0) -> CapturedMessage:
        if self.left_out:
            return CapturedMessage(headers, status=status, left_out=self.left_out)
        data = b"".join(self.pieces)
        if not data:
            return CapturedMessage(headers, status=status)
        return CapturedMessage.of(data, headers, status)


class RecordedSink:
    """The sink of one attempt, with a look at what passes."""

    def __init__(
        self, recording: Recording, target: Target, out: UpstreamRequest, to: Sink
    ) -> None:
        self.target, self._to = target, to
        self.sent = Bytes(recording)
        self.sent.add(out.body)
        self.headers: Headers = dict(out.headers)
        self.came = Bytes(recording)
        self.status = 0
        self.answer_headers: Headers = {}
        self.error = ""

    def on_response(self, status: int, headers: Headers) -> None:
        self.status, self.answer_headers = status, dict(headers)
        self._to.on_response(status, headers)

    def on_data(self, data: bytes) -> None:
        self.came.add(data)
        self._to.on_data(data)

    def on_end(self, error: UpstreamError | None) -> None:
        if error is not None:
            self.error = str(error.values.get("why") or error.values.get("phase") or error.kind)
        self._to.on_end(error)

    def crashed(self, error: BaseException) -> None:
        self.error = "bug"
        self._to.crashed(error)


class RecordedWriter:
    """The caller's side of a stream, with a look at what is written."""

    def __init__(self, writer: Any, recording: Recording) -> None:
        self._writer = writer
        self._recording = recording

    def __getattr__(self, name: str) -> Any:  # the rest of a StreamWriter
        return getattr(self._writer, name)

    def write(self, chunk: bytes) -> None:
        self._recording.given(chunk)
        self._writer.write(chunk)


class Handled(Protocol):
    """The handler of the exchange."""

    request_id: str
    seen: dict[str, Any]
    caller: CallerDialect
    request: Any
    left: bool
    _headers: Any  # of the answer, as Tornado keeps them

    def get_status(self) -> int: ...


class Recording:
    """One exchange. `keep(document)` takes what was made of it, at its end; None: it is lost."""

    def __init__(
        self,
        keep: Callable[[bytes | None], None],
        handler: Handled,
        body: Json,
        *,
        now: int,
        limit: int,
        redacted: bool,
    ) -> None:
        self._keep = keep
        self._alias, self._now = str(handler.seen["alias"]), now
        self._request_id, self._caller = handler.request_id, handler.caller
        headers = handler.request.headers
        self._headers = {name.lower(): value for name, value in headers.get_all()}
        given = (headers.get(name, "") for name, _ in handler.caller.credentials)
        self._secrets = [text.rpartition(" ")[2] for text in given]
        self._redacted = redacted
        self.over = False  # then nothing is added any more: a thread reads it
        self._writing: asyncio.Task[None] | None = None  # held: a loop holds no task
        self.room = limit
        self._made: list[str] = []
        self._request = Bytes(self)
        self._request.add(msgspec.json.encode(body))
        self._attempts: list[RecordedSink] = []
        self._answer = Bytes(self)

    def began(self, now: int) -> None:
        """A target's tables begin with the request; of an earlier one's nothing is answered."""
        self._now = now
        self._made.clear()

    def new_id(self) -> str:
        """An id of the gateway's, noted."""
        made = ids.new()
        self._made.append(made)
        return made

    def attempt(self, target: Target, out: UpstreamRequest, sink: Sink) -> Sink:
        """What the driver is given in the sink's place."""
        made = RecordedSink(self, target, out, sink)
        self._attempts.append(made)
        return made

    def writer(self, writer: StreamWriter) -> StreamWriter:
        made: Any = RecordedWriter(writer, self)
        return made  # type: ignore[no-any-return]

    def given(self, data: bytes) -> None:
        """Bytes of the caller's answer."""
        self._answer.add(data)

    def ended(self, handler: Handled, target: Target | None) -> None:
        """Nothing follows; without a target nothing translated it, and nothing is kept."""
        if self.over:
            return
        self.over = True
        told = {name.lower(): value for name, value in handler._headers.get_all()}
        unanswered = handler.left and not self._answer.pieces and not self._answer.left_out
        given = None if unanswered else (handler.get_status(), told), handler.left
        if target is None:
            self._keep(b"")
        else:
            self._writing = asyncio.get_running_loop().create_task(self._written(target, *given))

    async def _written(self, target: Target, *given: Any) -> None:
        """Megabytes are cleaned and encoded beside the loop."""
        document = None
        try:
            document = await asyncio.to_thread(self._document, target, *given)
        except (RecursionError, ValueError) as error:  # nested deeper than can be cleaned
            log.often("capture", "an exchange is not captured: %s", type(error).__name__)
        finally:
            self._keep(document)  # its place is free again whatever happened

    # ------------------------------------------------------------------ the document
    def _document(self, target: Target, said: tuple[int, Headers] | None, left: bool) -> bytes:
        words = frozenset(_words(target, self._caller))
        wanted = ALWAYS | {w.removeprefix(HEADER) for w in words if w.startswith(HEADER)}
        mine = {name: value for name, value in self._headers.items() if name in wanted}
        secrets = {*self._secrets, *target.hidden}.union(*(a.target.hidden for a in self._attempts))
        redactor = Redactor(words, os.urandom(32)) if self._redacted else None
        clean = _Cleaner(secrets, redactor)
        exchange = CapturedExchange(
            VERSION,
            alias=self._alias,
            at=timestamp(self._now),
            now=self._now,
            target=clean.target(_target(target)),
            request=clean.message(self._request.message(mine)),
            request_id=self._request_id,
            redacted=self._redacted,
            attempts=[
                CapturedAttempt(
                    one.target.model_name,
                    one.target.tag,
                    clean.plain(one.target.url.partition("?")[0]),
                    clean.message(one.sent.message(one.headers)),
                    clean.message(one.came.message(one.answer_headers, one.status))
                    if one.status
                    else None,
                    one.error,
                )
                for one in self._attempts
            ],
            answer=clean.message(self._answer.message(said[1], said[0])) if said else None,
            made=[clean.id(one) for one in self._made],
            left=left,
        )
        return msgspec.json.encode(exchange)


class _Cleaner:
    """Takes secrets away, and texts where that was asked for."""

    def __init__(self, secrets: Collection[str], redactor: Redactor | None) -> None:
        self._secrets = sorted(secrets, key=len, reverse=True)  # one may be part of another
        self._redactor = redactor

    def plain(self, text: str) -> str:
        return without(text, self._secrets)

    def target(self, target: CapturedTarget) -> CapturedTarget:
        target.options = mapped(target.options, self.plain)
        target.overlay = [self.plain(text) for text in target.overlay]
        return target

    def id(self, text: str) -> str:
        return text if self._redactor is None else self._redactor.text(text)

    def message(self, message: CapturedMessage) -> CapturedMessage:
        message.headers = {
            name: KEY if by_name(name.lower()) or by_form(value) else self.plain(value)
            for name, value in message.headers.items()
        }
        if message.body is not msgspec.UNSET:
            body = mapped(message.body, self.plain, self.plain)
            message.body = body if self._redactor is None else self._redactor.body(body)
        elif message.text:
            text = self.plain(message.text)
            if message.streamed:
                text = without_pieces(text, self._secrets)
            if self._redactor is not None:
                if message.streamed:
                    text = self._redactor.stream(text.encode()).decode()
                else:
                    text = self._redactor.text(text)
            message.text = text
        return message


def _target(target: Target) -> CapturedTarget:
    """What the alias says, as it says it: the tables settle it once more."""
    model = target.model
    alone = ModelTarget(model.provider_key_id, model.model_name)
    mine = (target.provider_key_id, target.model_name)
    chosen = next((t for t in model.targets if (t.provider_key_id, t.model_name) == mine), alone)
    return CapturedTarget(
        mapping=target.tables.name,
        model=target.model_name,
        version=target.tables.version,
        options={**model.options, **chosen.options},
        traits=[*(model.traits if chosen.traits is None else chosen.traits)],
        overlay=[*model.overlay, *chosen.overlay],
        strict=model.strict,
    )


def _words(target: Target, caller: CallerDialect) -> Iterator[str]:
    """Every text of the tables: roles, types, reasons; and the names of the model."""
    yield from (target.alias, target.model_name)
    waiting: list[Json] = [target.tables.tree.data, caller.data]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield from node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, str):
            yield node
