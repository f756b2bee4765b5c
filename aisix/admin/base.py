"""What every admin handler shares: who gets in, how a body is read, what an error looks like.

    {"error": {"message": "...", "code": "invalid", "faults": [{"path": "rate_limit.rpm",
                                                                "message": "must be ..."}]}}

`code` is one of: wrong_host, foreign_origin, unauthorized, bad_json, bad_request, invalid,
too_large, bad_encoding, bad_media_type, not_found, wrong_method, conflict, stale, read_only,
unavailable, disk_full, bug.
`faults` is there when the message is about fields. A body is JSON whatever its content type says
(`curl -d` says form).

Must never know: a resource's fields. Must never show or log: an admin key, a body.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import msgspec
from tornado.web import HTTPError, stream_request_body

from aisix.errors import Complaint, OperatorError, StoreError
from aisix.listener.application import ListenerHandler
from aisix.listener.hosts import Hosts
from aisix.listener.refusals import STATUS, RefusedRequest, Shown
from aisix.store.audit import EVENT
from aisix.store.base import ChangeRefused, DiskFull, ExtraCheck, Store
from aisix.store.nodes import Node
from aisix.store.resources import timestamp

BODY_LIMIT = 1 << 20
DRAIN_LIMIT = 64 << 20  # a longer body is read to its end up to here, so that the 413 is seen

T = TypeVar("T")


class CaptureBoard(Protocol):
    """Who keeps captured exchanges; see proxy/captures.py."""

    async def begin(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """A new capture, as the API shows it; ChangeRefused."""

    def listed(self) -> list[dict[str, Any]]: ...
    def one(self, id: str) -> dict[str, Any] | None: ...

    def exchange(self, id: str, number: int) -> bytes | None:
        """The JSON of one; numbers begin with 1."""

    async def cancel(self, id: str) -> bool: ...


class TablesBoard(Protocol):
    """Who changes the translation tables; see runtime/reload.py. Each answer has `ok`."""

    async def check(self) -> Mapping[str, Any]: ...

    async def reload(self, by: str, asked: bool = False, only: str = "") -> Mapping[str, Any]: ...

    async def rollback(self, by: str, only: str = "") -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class AdminContext:
    """What the admin API works with; one per process.

    admin_digests: SHA-256 of each admin key; writer: the one thread that writes, so that an fsync
    or a busy database never holds up proxy traffic.
    node: this one's name; nodes: every live one; wrote: told how long each write took.
    """

    store: Store
    admin_digests: tuple[bytes, ...]
    writer: Executor
    audit: Callable[[dict[str, Any]], None]
    now: Callable[[], float]
    new_id: Callable[[], str]
    extra: ExtraCheck
    status: Callable[[], Mapping[str, Any]]
    tables: TablesBoard
    hosts: Hosts | None
    doubts: Callable[[str, Mapping[str, Any]], Sequence[Complaint]]
    captures: CaptureBoard | None
    node: str = ""
    nodes: Callable[[], Sequence[Node]] = tuple
    wrote: Callable[[float], None] = lambda seconds: None


STATUS_OF = {"invalid": 400, "missing": 404, "conflict": 409, "read_only": 409, "stale": 412}
CODE_OF = {"missing": "not_found"}
HTTP_CODE = {
    400: "bad_request",
    401: "unauthorized",
    404: "not_found",
    405: "wrong_method",
    413: "too_large",
    415: "bad_encoding",
}


class ErrorReply(HTTPError):
    """An error answer on its way out."""

    def __init__(
        self, status: int, code: str, message: str, faults: Sequence[Complaint] = ()
    ) -> None:
        super().__init__(status, "%s", code)
        self.code, self.message, self.faults = code, message, faults


@stream_request_body
class AdminHandler(ListenerHandler):
    """Authenticates in `prepare`; subclasses answer with `send` or raise."""

    context: AdminContext
    open_to_all = False  # what the API is may be read without a key
    fingerprint = ""  # of the admin key: the first 8 hex digits of its SHA-256

    def initialize(self, context: AdminContext, **more: Any) -> None:
        self.context = context
        self._chunks: list[bytes] = []
        self._size = 0

    def set_default_headers(self) -> None:
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")

    def prepare(self) -> None:
        self.request.connection.set_max_body_size(DRAIN_LIMIT)  # type: ignore[union-attr]
        self._look_where_it_came_from()
        if not self.open_to_all:
            self._authenticate()
        if self.request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise ErrorReply(415, "bad_encoding", "send the body without a Content-Encoding")

    def data_received(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size <= BODY_LIMIT:
            self._chunks.append(chunk)
        else:
            self._chunks.clear()

    def compute_etag(self) -> None:
        """Only a revision is an ETag here; see `send`."""

    def body(self) -> dict[str, Any]:
        """The request's body, a JSON object; raises the 400 or 413 that says what is wrong."""
        if self._size > BODY_LIMIT:
            raise ErrorReply(413, "too_large", f"the body is longer than {BODY_LIMIT} bytes")
        if self.request.headers.get("Content-Type", "").lower().startswith("multipart/"):
            raise ErrorReply(415, "bad_media_type", "send the body as JSON: application/json")
        raw = b"".join(self._chunks)
        if not raw.strip():
            raise ErrorReply(400, "bad_json", "the body is empty; a JSON object is needed")
        try:
            body = msgspec.json.decode(raw)
            twice = _said_twice(raw)
        except RecursionError:
            raise ErrorReply(400, "bad_json", "the body is nested too deeply") from None
        except (msgspec.DecodeError, UnicodeError) as error:
            text = f"the body is not valid JSON: {_why(raw, str(error))}"
            raise ErrorReply(400, "bad_json", text) from None
        if not isinstance(body, dict):
            raise ErrorReply(400, "bad_json", "the body must be a JSON object")
        if twice is not None:
            text = f'the body says "{twice}" twice in one object; one of the two would be lost'
            raise ErrorReply(400, "bad_json", text)
        return body

    def query(self, *known: str) -> dict[str, str]:
        """The query's parameters, each at most once; an unknown one is refused, not ignored."""
        asked = {}
        for name, values in self.request.query_arguments.items():
            if name not in known or len(values) > 1:
                allowed = ", ".join(known) or "none"
                raise ErrorReply(
                    400, "bad_request", f"query parameters allowed here, once: {allowed}"
                )
            asked[name] = self.decode_argument(values[0], name)
        return asked

    async def written(self, write: Callable[[], T]) -> T:
        """Run a write in the writer's thread."""
        began = time.monotonic()
        try:
            return await asyncio.get_running_loop().run_in_executor(self.context.writer, write)
        finally:
            self.context.wrote(time.monotonic() - began)

    def audit(self, **what: Any) -> None:
        """Tell the audit what was done here, and by whom."""
        told = {"event": EVENT, "at": timestamp(int(self.context.now())), **self.who, **what}
        self.context.audit(told)

    @property
    def who(self) -> dict[str, Any]:
        """Who asks, as the audit is told."""
        return {"admin_key": self.fingerprint, "remote": self.request.remote_ip}

    def send(
        self,
        body: Mapping[str, Any] | Sequence[Any] | msgspec.Raw,
        status: int = 200,
        revision: int | None = None,
    ) -> None:
        """Answer with JSON; `revision` becomes the ETag. Who may read is told the store's."""
        self.set_status(status)
        if self.fingerprint:
            self.set_header("x-aisix-revision", str(self.context.store.newest))
        if revision is not None:
            self.set_header("ETag", f'"{revision}"')
        self.finish(msgspec.json.encode(body) + b"\n")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """The one place that shapes an admin error."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        status, code, message, faults = _answer_for(status_code, error)
        if status == 401:
            self.set_header("WWW-Authenticate", 'Bearer realm="aisix admin"')
        if status == 405:
            self.set_header("Allow", ", ".join(self.methods()))
        if status == 503:
            self.set_header("Retry-After", "1")
        told: dict[str, Any] = {"message": message, "code": code}
        if faults:
            told["faults"] = [{"path": c.path, "message": c.text} for c in faults]
        self.send({"error": told}, status)

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Refusals are answers, not accidents: only our own bugs go to the log."""
        if not isinstance(value, ChangeRefused | StoreError | OperatorError | HTTPError):
            super().log_exception(typ, value, tb)

    def _look_where_it_came_from(self) -> None:
        """Neither a page whose name was made to lead here, nor one that writes from elsewhere."""
        hosts, headers = self.context.hosts, self.request.headers
        if hosts is None:
            return
        said = headers.get("Host")
        if not hosts.allows(said):
            text = (
                "the admin API does not answer under the name in the Host header: ask for it by "
                "its address, or add the name to admin.allowed_hosts"
            )
            raise ErrorReply(421, "wrong_host", text)
        if self.request.method in ("GET", "HEAD"):
            return
        origin, site = headers.get("Origin"), headers.get("Sec-Fetch-Site")
        if origin is not None:
            foreign = not hosts.allows_origin(origin, said)
        else:
            foreign = site == "cross-site"
        if foreign:
            text = (
                "a page from elsewhere may change nothing here; add the name of its host to "
                "admin.allowed_hosts if it is yours"
            )
            raise ErrorReply(403, "foreign_origin", text)

    def _authenticate(self) -> None:
        scheme, _, key = self.request.headers.get("Authorization", "").partition(" ")
        if not key.strip() and "Authorization" not in self.request.headers:
            scheme, key = "bearer", self.request.headers.get("X-Api-Key", "")
        digest = hashlib.sha256(key.strip().encode("utf-8", "surrogateescape")).digest()
        known = False
        for admin in self.context.admin_digests:
            # No early end: how long it takes tells nothing about which key nearly fits.
            known |= hmac.compare_digest(admin, digest)
        if scheme.lower() != "bearer" or not known:
            text = "an admin key is needed: Authorization: Bearer <admin key>"
            raise ErrorReply(401, "unauthorized", text)
        self.fingerprint = digest.hex()[:8]


def admin_refusal(refusal: RefusedRequest) -> Shown:
    """What could not be read as a request, as an admin error."""
    status = STATUS[refusal.kind]
    told = {"message": "the request could not be read as HTTP", "code": refusal.kind}
    body = msgspec.json.encode({"error": told}) + b"\n"
    return status, {"Content-Type": "application/json", "Cache-Control": "no-store"}, body


def _said_twice(raw: bytes) -> str | None:
    """A key that stands twice in an object of this JSON; None: there is none."""
    found: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            names = [name for name, _ in pairs]
            found.append(next(name for name in made if names.count(name) > 1))
        return made

    json.loads(raw, object_pairs_hook=look)
    return found[0] if found else None


def _answer_for(
    status: int, error: BaseException | None
) -> tuple[int, str, str, Sequence[Complaint]]:
    match error:
        case ErrorReply():
            return status, error.code, error.message, error.faults
        case ChangeRefused():
            code = CODE_OF.get(error.kind, error.kind)
            faults = [c for c in error.complaints if c.path]
            return STATUS_OF[error.kind], code, str(error).replace("\n", "; "), faults
        case DiskFull():
            return 507, "disk_full", str(error), ()
        case StoreError():
            return 503, "unavailable", str(error), ()
    if status in HTTP_CODE:
        said = "this URL does not answer this method" if status == 405 else "there is nothing here"
        return status, HTTP_CODE[status], said if status != 400 else "the request is malformed", ()
    return 500, "bug", "the gateway failed; its log says why", ()


def _why(raw: bytes, told: str) -> str:
    """msgspec's complaint with the byte it names turned into line and column."""
    found = re.search(r"\(byte (\d+)\)", told)
    place = min(int(found[1]), len(raw)) if found else len(raw)
    before = raw[:place]
    line = before.count(b"\n") + 1
    column = place - (before.rfind(b"\n") + 1) + 1
    text = re.sub(r"^JSON is malformed: |\s*\(byte \d+\)", "", told)
    return f"{text} (line {line}, column {column})"
