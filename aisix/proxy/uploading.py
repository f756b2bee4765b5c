"""POST of a route that is passed on and takes forms with files: they go on as they come.

    pieces -> Form (where the alias stands) -> held until the alias is known -> as PassHandler;
    what comes then goes through, as fast as the upstream takes it

Who is asked depends on the alias, so what stands before it is held: up to proxy.upload_hold_bytes,
then it is a 413 that says to put that field first. While no more than that has come in all it stays
held, so that another attempt can send it again; after that there is none once it has begun.

A body that is no form is read as PassHandler reads it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any

from aisix.errors import CallerError, Fault
from aisix.log import CRASHES
from aisix.mapping.form import Form, Pieces, is_form
from aisix.proxy.admission import overloaded
from aisix.proxy.backstop import Wait
from aisix.proxy.pass_call import Sent
from aisix.proxy.passing import PassHandler
from aisix.upstream.upload import Upload


@dataclass(slots=True)
class SentForm:
    """A form on its way; `head`: what came before its alias was known, None where that stands."""

    content_type: str
    stream: bool
    head: Pieces
    length: int | None  # bytes of the whole without the alias, if that is known
    upload: Upload

    @property
    def spent(self) -> bool:
        return not self.upload.replays

    def replaced(self, model: str) -> bytes:
        """Nothing: the body is `upload`, made ready to be sent from its beginning."""
        name = model.encode()
        head = [name if piece is None else piece for piece in self.head]
        length = None if self.length is None else self.length + len(name)
        self.upload.again(b"".join(head), length)
        return b""


class UploadHandler(PassHandler):
    """A PassHandler whose body may be a form."""

    _form: Form | None = None
    _sent: SentForm | None = None  # once the alias is known
    _running: asyncio.Task[None] | None = None  # carries it, while more of it comes
    _ended = False  # it has come whole

    def check_head(self) -> None:
        super().check_head()
        kind = self.request.headers.get("Content-Type", "")
        if not is_form(kind):
            return
        settings = self.gateway.settings
        self._limit = settings.proxy.upload_limit_bytes
        connection: Any = self.request.connection
        connection.set_max_body_size(self._limit)
        connection.set_body_timeout(settings.proxy.upload_timeout_secs)
        if self.request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise CallerError("bad_media_type", found="compressed")
        if self._announced() > self._limit:
            raise CallerError("too_large", limit=self._limit)
        try:
            field = str(self.caller.alias.steps[0])
            self._form = Form(kind, field, settings.limits.max_fields)
        except ValueError as error:
            raise CallerError("bad_form", why=str(error)) from None
        self._head: Pieces = []

    # ------------------------------------------------------------------ as it comes
    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        if self._form is None:
            return super().data_received(chunk)
        if self._over or self._refusal is not None:
            return None
        try:
            return self._came(self._form, chunk)
        except CRASHES as error:
            self._stop()
            self.raised(error)
            return None

    def _came(self, form: Form, chunk: bytes) -> Awaitable[None] | None:
        """Done when more may come."""
        self._size += len(chunk)
        if self._size > self._limit:
            raise CallerError("too_large", limit=self._limit)
        try:
            pieces = form.feed(chunk)
        except ValueError as error:
            raise CallerError("bad_form", why=str(error)) from None
        if self._sent is not None:
            for piece in pieces:
                self._sent.upload.put(piece or b"")
            self._hold(self._sent.upload.held)
            return self._sent.upload.room
        self._head += pieces
        most = self.gateway.settings.proxy.upload_hold_bytes
        if self._size > most and form.value is None:
            raise CallerError("form_too_long", form.field, limit=most)
        self._hold(self._size)
        if form.value is None:
            return None
        return self._begin(form, form.value)

    def _hold(self, size: int) -> None:
        """So many bytes of it are in memory; Fault "overloaded"."""
        admission, more = self.gateway.admission, size - self._held
        if more > 0 and not admission.hold(more):
            if self._sent is None:
                raise overloaded()
            self._sent.upload.forget()  # then it is not sent again
            size = min(self._sent.upload.held, self._held)
            more = size - self._held
        if more < 0:
            admission.held += more
        self._held = size

    def _begin(self, form: Form, alias: str | None) -> Awaitable[None]:
        """It is known whose it is: go on in a task, and read on when that has been let in."""
        self._reading = False
        loop, announced = asyncio.get_running_loop(), self._announced()
        length = None if announced < 0 else announced - form.size
        if self._ended:  # without the field, which the URL stands for: then a part of its own
            begin = form.put_in()
            self._head = [begin, None, b"\r\n", *self._head]
            length = sum(len(piece) for piece in self._head if piece is not None)
        kind = self.request.headers["Content-Type"]
        most = self.gateway.settings.proxy.upload_hold_bytes
        upload = Upload(most, loop.time)
        self._sent = SentForm(kind, bool(self.row.get("streamed")), self._head, length, upload)
        self._named = {} if alias is None else {form.field: alias}
        self._ready: asyncio.Future[None] = loop.create_future()
        self._running = loop.create_task(self._carry())
        return self._ready

    async def _carry(self) -> None:
        if self._over:  # it ended before this began: what it took now nobody would give back
            return
        try:
            await super().post()
        except CRASHES as error:
            if not (self.left or self._over):
                self.raised(error)
        finally:
            self._stop()

    async def _taken(self) -> tuple[dict[str, Any], Sent]:
        if self._form is None:
            return await super()._taken()
        assert self._sent is not None
        return self._named, self._sent

    def begun(self) -> None:
        """The first attempt is on its way."""
        if self._sent is not None:
            self._set_ready()

    def _set_ready(self) -> None:
        if not self._ready.done():
            self._ready.set_result(None)

    # ------------------------------------------------------------------ as it ends
    async def post(self) -> None:
        form = self._form
        if form is None:
            await super().post()
            return
        self._reading, self._ended = False, True
        if self._refusal is not None:
            raise self._refusal
        try:
            form.end()
        except ValueError as error:
            self._stop()
            raise CallerError("bad_form", why=str(error)) from None
        if self._sent is None:
            await self._begin(form, None)
        assert self._sent is not None and self._running is not None
        self._sent.upload.end()
        await self._running

    def refused(self, kind: str) -> None:
        """A caller who could not go on because its upstream took nothing is not late itself."""
        stuck = self._sent is not None and self._sent.upload.room is not None
        self._stop()
        if kind == "request_timeout" and stuck:
            ms = self.gateway.settings.proxy.upload_timeout_secs * 1000
            self.raised(Fault("timeout", ms=ms))
        else:
            super().refused(kind)

    def _stop(self) -> None:
        """Nobody waits for the rest of it any more."""
        if self._sent is not None:
            self._sent.upload.let_go()
            self._set_ready()

    def _let_go(self) -> None:
        self.each(self._stop, super()._let_go)

    # ------------------------------------------------------------------ its answer
    def send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        if self._close_after():  # now: our closing would look like the caller's leaving
            self.each(self._note, lambda: self._leave(status))
        super().send(status, headers, body)

    def begin_stream(self, headers: Mapping[str, str], waiting: bool = False) -> None:
        self._close_after()
        super().begin_stream(headers, waiting)

    def _close_after(self) -> bool:
        """Whether the answer comes early: what is left of the body would be in the way."""
        early = self._form is not None and not self._ended
        if early:
            self.set_header("Connection", "close")
        return early

    def wait(self) -> Wait:
        if self._form is None or self._ended:
            return super().wait()
        most = self.gateway.settings.proxy.upload_timeout_secs
        return Wait("body", self._size, most)
