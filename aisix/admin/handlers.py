"""One handler for every kind of resource: the collection, one of it, and a key's rotation.

    POST   /admin/v1/<kind>        201, Location, {"id", "value", "revision", "created_at", ...}
    GET    /admin/v1/<kind>        {"items": [...], "total": 3, "next_cursor": null}, oldest first
           ?limit=100 &cursor=<next_cursor> &display_name=<exactly this one>, and so for every
           field that is declared searchable; &shape=array: [{"id", "value", "revision"}, ...], all
    GET    /admin/v1/<kind>/<id>   the same envelope; ETag is the revision
    PUT    /admin/v1/<kind>/<id>   full replacement (200), or creation under this id (201)
    PATCH  /admin/v1/<kind>/<id>   JSON merge patch: null removes a field
    DELETE /admin/v1/<kind>/<id>   {"deleted": true, "id"}; ?cascade=true takes dependants along
    POST   /admin/v1/apikeys/<id>/rotate   the envelope and "key", shown this once; with
           {"grace_secs": 3600} the old text works for so long

`If-Match` on PUT, PATCH, DELETE and rotate; a stale one is 412. A key that was generated is in the
answer as "key", once. `?wait=all` of a write waits for every live node, `?min_revision=` of a read
for this one (nodes.py). Every write is audited: who, what, when, the names of the changed fields.

Must never know: a resource's fields, SQL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aisix import log
from aisix.admin.base import AdminContext, AdminHandler, ErrorReply
from aisix.admin.nodes import BEHIND, WAITING, everywhere, seen, wait_secs
from aisix.errors import Complaint
from aisix.store import schema, writes
from aisix.store.audit import record
from aisix.store.base import ChangeRefused
from aisix.store.kinds.api_keys import make_key
from aisix.store.kinds.checks import ID
from aisix.store.kinds.declare import Kind
from aisix.store.snapshot import Entry, Quarantined
from aisix.store.writes import Written

MOST = 1000
PAGE, ARRAY = "page", "array"  # the shapes of a list
MOST_GRACE = 30 * 86400


class ResourceHandler(AdminHandler):
    """What the collection and the item share."""

    kind: Kind
    _asked: Mapping[str, str] = {}

    def initialize(self, context: AdminContext, **more: Any) -> None:
        super().initialize(context)
        self.kind = more["kind"]

    @property
    def if_match(self) -> str | None:
        """The header as it came; None: the write is not conditional."""
        return self.request.headers.get("If-Match")

    async def answer_write(self, action: str, write: Callable[[], Written]) -> None:
        """Run a write; audit it and answer with the envelope."""
        secs = wait_secs(self._asked)
        written = await self.written(write)
        entry = written.entry
        self.audited(action, entry, written.changed)
        await self.wait_for_all([entry], secs)
        if written.created:
            self.set_header("Location", f"/admin/v1/{self.kind.name}/{entry.id}")
        envelope = entry.envelope()
        if written.key is not None:
            envelope["key"] = written.key
        doubts = self.context.doubts(self.kind.name, entry.document)
        if doubts:
            envelope["warnings"] = [{"path": one.path, "message": one.text} for one in doubts]
            for one in doubts:
                log.warning("%s/%s: %s", self.kind.name, entry.id, one)
        self.send(envelope, 201 if written.created else 200, entry.revision)

    def asked(self, *known: str) -> dict[str, str]:
        """The query of a write: these parameters, and whether to wait for other nodes."""
        self._asked = self.query(*known, *WAITING)
        wait_secs(self._asked)  # before anything is written
        return self._asked

    async def wait_for_all(
        self, entries: Sequence[Entry | Quarantined], secs: float | None
    ) -> None:
        """Until every live node serves what was just written; who does not is told."""
        if secs is None:
            return
        context, names = self.context, frozenset(f"{one.kind}/{one.id}" for one in entries)
        revision = context.store.current().revision
        behind = await everywhere(context.nodes, context.node, revision, names, secs)
        if behind:
            self.set_header(BEHIND, ", ".join(behind))

    def audited(
        self, action: str, entry: Entry | Quarantined, changed: tuple[str, ...] = ()
    ) -> None:
        """Tell the audit of one write; changed: names of fields."""
        self.context.audit(record(self.who, self.context.now(), action, entry, changed))


class CollectionHandler(ResourceHandler):
    """/admin/v1/<kind>: make one, list them."""

    async def post(self) -> None:
        body, context = self.body(), self.context
        self.asked()
        now, new_id = context.now(), context.new_id()
        await self.answer_write(
            "create",
            lambda: writes.create(
                context.store, self.kind.name, body, now=now, new_id=new_id, extra=context.extra
            ),
        )

    async def get(self) -> None:
        searchable = [field.name for field in self.kind.fields if field.searchable]
        query = self.query("limit", "cursor", "min_revision", "shape", *searchable)
        shape = query.get("shape", PAGE)
        if shape not in (PAGE, ARRAY):
            raise ErrorReply(400, "bad_request", f"shape must be {PAGE} or {ARRAY}")
        limit = _number(query.get("limit", "100"), "limit", 1, MOST)
        after = _number(query.get("cursor", "0"), "cursor", 0, 2**63 - 1)
        await seen(self.context.store, query.get("min_revision"))
        entries = self.context.store.current().entries(self.kind.name)
        for name in searchable:
            if name in query:
                entries = [e for e in entries if e.document.get(name) == query[name]]
        rest = [entry for entry in entries if entry.seq > after]
        page = rest[:limit]
        if shape == ARRAY:
            self.send([_bare(entry) for entry in (page if "limit" in query else rest)])
            return
        self.send(
            {
                "items": [entry.envelope() for entry in page],
                "total": len(entries),
                "next_cursor": str(page[-1].seq) if len(rest) > limit else None,
            }
        )

    head = get


class ItemHandler(ResourceHandler):
    """/admin/v1/<kind>/<id>: read, replace, merge or delete one."""

    async def get(self, id: str) -> None:
        await seen(self.context.store, self.query("min_revision").get("min_revision"))
        entry = self.context.store.current().entry(self.kind.name, id)
        if entry is None:
            raise ErrorReply(404, "not_found", f"there is no {self.kind.noun} with this id")
        self.send(entry.envelope(), revision=entry.revision)

    head = get

    async def put(self, id: str) -> None:
        body, context, now = self.body(), self.context, self.context.now()
        self.asked()
        if not ID.fullmatch(id):
            text = (
                "an id is 1 to 128 of letters, digits, `.`, `_` and `-`, not `.`, `_` or `-` first"
            )
            raise ErrorReply(400, "bad_request", text)
        only_new = self.request.headers.get("If-None-Match", "").strip() == "*"
        await self.answer_write(
            "replace",
            lambda: writes.replace(
                context.store,
                self.kind.name,
                id,
                body,
                now=now,
                if_match=self.if_match,
                only_new=only_new,
                extra=context.extra,
            ),
        )

    async def patch(self, id: str) -> None:
        body, context, now = self.body(), self.context, self.context.now()
        self.asked()
        await self.answer_write(
            "merge",
            lambda: writes.merge(
                context.store,
                self.kind.name,
                id,
                body,
                now=now,
                if_match=self.if_match,
                extra=context.extra,
            ),
        )

    async def delete(self, id: str) -> None:
        cascade = self.asked("cascade").get("cascade", "false")
        if cascade not in ("true", "false"):
            raise ErrorReply(400, "bad_request", "cascade must be true or false")
        removed = await self.written(
            lambda: writes.delete(
                self.context.store,
                self.kind.name,
                id,
                cascade=cascade == "true",
                if_match=self.if_match,
            )
        )
        for entry in removed:
            self.audited("delete", entry)
        await self.wait_for_all((), wait_secs(self._asked))
        answer: dict[str, Any] = {"deleted": True, "id": id}
        if removed[:-1]:
            answer["cascaded"] = [{"kind": e.kind, "id": e.id} for e in removed[:-1]]
        self.send(answer)


class RotateHandler(ResourceHandler):
    """/admin/v1/<kind>/<id>/rotate, of a kind that declares it: a new text for a key."""

    async def post(self, id: str) -> None:
        body = self.body() if self._size else {}
        grace = _grace(body)
        self.asked()
        context, now = self.context, self.context.now()
        await self.answer_write(
            "rotate",
            lambda: writes.rotate(
                context.store,
                self.kind.name,
                id,
                now=now,
                new_key=make_key(),
                grace=grace,
                if_match=self.if_match,
            ),
        )


def _bare(entry: Entry) -> dict[str, Any]:
    """As the original AISIX lists one."""
    envelope = entry.envelope()
    return {name: envelope[name] for name in ("id", "value", "revision")}


def _grace(body: dict[str, Any]) -> int:
    """Seconds for which a rotated key's old text still works."""
    wrong = [schema.unknown(name, ("grace_secs",)) for name in body if name != "grace_secs"]
    grace = body.get("grace_secs") or 0
    if isinstance(grace, bool) or not isinstance(grace, int) or not 0 <= grace <= MOST_GRACE:
        text = f"must be a whole number of seconds, at most {MOST_GRACE}"
        wrong.append(Complaint("", "grace_secs", text))
    if wrong:
        raise ChangeRefused("invalid", wrong)
    return int(grace)


def _number(text: str, name: str, least: int, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,19}", text) or not least <= int(text) <= most:
        raise ErrorReply(
            400, "bad_request", f"{name} must be a whole number from {least} to {most}"
        )
    return int(text)
