"""The routes beside chats of the stand-in, on a socket: forms are read as they come.

`standin.passed` are the last requests, their bodies as they came. Words in a body: status-N,
slow-N (ms between the pieces of an answer), first-N (ms before it), cut (a piece of it, then the
end), early-N (this status while the body is still coming).
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any

from tornado.httputil import HTTPInputError, parse_body_arguments
from tornado.iostream import StreamClosedError
from tornado.web import stream_request_body

from aisix.standin import chat
from aisix.standin.handler import StandinHandler
from aisix.standin.neighbours import FORMS, Events, answers

LARGEST = 4 << 30  # bytes of a body
LOOKED_AT = 8 << 20  # bytes of it that are kept; a longer one is told by its size and digest
WORD = re.compile(rb"standin:([a-z0-9_-]+)")
PIECE = 700  # bytes of a binary answer


@dataclass(slots=True)
class ReceivedRaw:
    """One request. sha256: of the whole body; came: how many pieces it came in."""

    path: str
    headers: dict[str, str] = field(repr=False)
    raw: bytes = field(default=b"", repr=False)
    size: int = 0
    pieces: int = 0
    sha256: Any = field(default_factory=hashlib.sha256, repr=False)
    whole: bool = False

    @property
    def json(self) -> Any:
        return json.loads(self.raw)


@stream_request_body
class NeighbourHandler(StandinHandler):
    def prepare(self) -> None:
        self.request.connection.set_max_body_size(LARGEST)  # type: ignore[union-attr]
        headers = {name.lower(): value for name, value in self.request.headers.get_all()}
        self.mine = ReceivedRaw(self.request.path, headers)
        self.standin.passed.append(self.mine)
        self.early = False
        self.clear_header("Request-Id")
        self.clear_header("Anthropic-Organization-Id")
        self.set_header("X-Request-Id", f"req_standin{self.number:08d}")

    def data_received(self, chunk: bytes) -> None:
        mine = self.mine
        mine.size += len(chunk)
        mine.pieces += 1
        mine.sha256.update(chunk)
        if mine.size <= LOOKED_AT:
            mine.raw += chunk
        if not self.early:
            for word in WORD.findall(chunk):
                if word.startswith(b"early-"):
                    self.early = True
                    self._refuse(int(word[6:]), "The stand-in answers early.", None, None)

    async def post(self, name: str) -> None:
        self.mine.whole = True
        if self.early:
            return
        scripted = self.standin.next_script()
        if scripted is not None:
            await self.as_scripted(scripted)
            return
        if not self.mine.headers.get("authorization", "").startswith("Bearer "):
            self._refuse(401, "You didn't provide an API key.", None, None)
            return
        if self.mine.size > LOOKED_AT:
            self.set_header("Content-Type", "application/json")
            self.finish(json.dumps({"text": f"I heard {self.mine.size} bytes."}))
            return
        try:
            body = self._body(name)
            if not isinstance(body.get("model"), str) or not body["model"]:
                raise chat.Wrong("you must provide a model parameter", "model", None)
            await self._answer(name, body)
        except chat.Wrong as wrong:
            message, param, code = wrong.args
            self._refuse(400, message, param, code)

    def _body(self, name: str) -> dict[str, Any]:
        """The JSON, or a form's fields; Wrong."""
        kind, raw = self.mine.headers.get("content-type", ""), self.mine.raw
        if kind.startswith("multipart/form-data") and name in FORMS:
            fields: dict[str, list[bytes]] = {}
            files: dict[str, list[Any]] = {}
            try:
                parse_body_arguments(kind, raw, fields, files)
                texts = {field: values[-1].decode() for field, values in fields.items()}
            except (HTTPInputError, UnicodeDecodeError):
                raise chat.Wrong("Could not parse multipart form", None, None) from None
            return {**texts, **{field: given[-1]["body"] for field, given in files.items()}}
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise chat.Wrong("We could not parse the JSON body of your request.", None, None)
        return body

    async def _answer(self, name: str, body: dict[str, Any]) -> None:
        words = [word.decode() for word in WORD.findall(self.mine.raw[:LOOKED_AT])]
        await chat.pause(words, "first")
        for word in words:
            if word.startswith("status-"):
                self._refuse(int(word[7:]), "The stand-in was asked for this error.", None, None)
                return
        made = answers[name](body, self.number)
        if isinstance(made, Events):
            self.set_header("Content-Type", "text/event-stream; charset=utf-8")
            pieces = made.pieces
        else:
            self.set_header("Content-Type", made.content_type)
            data = made.data
            pieces = [data[at : at + PIECE] for at in range(0, len(data), PIECE)]
        self.standin.sent.append(b"".join(pieces))
        if len(pieces) == 1 and "cut" not in words:
            self.finish(pieces[0])
            return
        try:
            for piece in pieces[:2] if "cut" in words else pieces:
                self.write(piece)
                await self.flush()
                await chat.pause(words, "slow")
            if "cut" in words:
                await self.cut()
            else:
                self.finish()
        except StreamClosedError:
            return

    def _refuse(self, status: int, message: str, param: str | None, code: str | None) -> None:
        self.set_status(status, "Refused")
        self.set_header("Content-Type", "application/json")
        kind = chat.TYPES.get(status, "server_error")
        self.finish(json.dumps(chat.error(message, kind, param, code)))
