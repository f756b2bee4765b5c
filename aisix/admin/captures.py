"""Captures: the next exchanges of an alias, to be seen by an admin.

    POST   /admin/v1/captures            {"alias": "a", "next": 5, "secs": 60, "redact": true}: 201
    GET    /admin/v1/captures            {"items": [...]}
    GET    /admin/v1/captures/<id>       how far it is: "waiting", "exchanges", "lost", ...
    GET    /admin/v1/captures/<id>/<n>   the n-th exchange, from 1, as `aisix mappings explain`
                                         reads it
    DELETE /admin/v1/captures/<id>       it ends, and what it has kept is gone

What was captured lies in no file that has a name: it is gone when it is cancelled, some time after
the capture has ended (`capture.keep_secs`), and with the gateway. Beginning, reading and cancelling
are audited.

Must never know: what an exchange holds.
"""

from __future__ import annotations

from typing import Any

import msgspec

from aisix.admin.base import AdminHandler, CaptureBoard, ErrorReply

KIND = "captures"


class _Captures(AdminHandler):
    @property
    def board(self) -> CaptureBoard:
        board = self.context.captures
        assert board is not None  # else there is no such URL
        return board

    def found(self, id: str) -> dict[str, Any]:
        row = self.board.one(id)
        if row is None:
            text = "there is no capture with this id: cancelled, too old, or the gateway restarted"
            raise ErrorReply(404, "not_found", text)
        return row


class CapturesHandler(_Captures):
    """/admin/v1/captures: begin one, list them."""

    async def post(self) -> None:
        body = self.body()
        self.query()
        row = await self.board.begin(body)
        asked = {name: row[name] for name in ("alias", "next", "secs", "redact")}
        self.audit(action="create", kind=KIND, id=row["id"], **asked)
        self.set_header("Location", f"/admin/v1/{KIND}/{row['id']}")
        self.send(row, 201)

    def get(self) -> None:
        self.query()
        self.send({"items": self.board.listed()})

    head = get


class CaptureHandler(_Captures):
    """/admin/v1/captures/<id>: how far it is, or its end."""

    def get(self, id: str) -> None:
        self.query()
        self.send(self.found(id))

    head = get

    async def delete(self, id: str) -> None:
        self.query()
        self.found(id)
        await self.board.cancel(id)
        self.audit(action="delete", kind=KIND, id=id)
        self.send({"deleted": True, "id": id})


class ExchangeHandler(_Captures):
    """/admin/v1/captures/<id>/<n>: one exchange."""

    def get(self, id: str, number: str) -> None:
        self.query()
        row = self.found(id)
        wanted = int(number) if number.isdecimal() and len(number) < 9 else 0
        data = self.board.exchange(id, wanted)
        if data is None:
            text = f"there are {row['exchanges']} exchanges so far; the first is 1"
            raise ErrorReply(404, "not_found", text)
        self.audit(action="read", kind=KIND, id=id, exchange=wanted)
        self.send(msgspec.Raw(data))

    head = get
