"""What every proxy handler shares: request id, who calls, the body, what an error looks like.

`fail(Fault)` is the one way out for our own errors: the caller dialect's table says how it looks.
The access line is written once per request, whatever became of it, and holds no content.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from tornado.web import HTTPError, stream_request_body

from aisix import log
from aisix.errors import CallerError, Fault, OperatorError
from aisix.mapping.dialect import counts
from aisix.mapping.dialect.upstream_errors import ErrorAnswer
from aisix.mapping.interpret.view import JSON_TYPES
from aisix.mapping.mappings import NoMapping
from aisix.mapping.syntax import paths
from aisix.proxy import told_lines
from aisix.proxy.admission import overloaded
from aisix.proxy.backstop import CALLER, Hung, Wait
from aisix.proxy.beside import LARGE
from aisix.proxy.body import Body, decoded, deeper
from aisix.proxy.counted import CountedHandler
from aisix.proxy.credentials import authenticated
from aisix.proxy.doors import Door
from aisix.proxy.gateway import PATH, Gateway
from aisix.routing.networks import within
from aisix.store.resources import ApiKey, Model
from aisix.store.snapshot import Snapshot
from aisix.telemetry.trace_context import TraceContext

UPSTREAM_ID = "X-Upstream-Request-Id"
TRACEPARENT = "Traceparent"
LEFT = 499  # the caller went away: only for the log and the metrics
SHORT = 1 << 16  # bytes of a body that are read although its answer is a refusal
DRAIN = 4  # a body up to this many times the limit is read to its end, so that the 413 is seen

T = TypeVar("T")


@stream_request_body
class ProxyHandler(CountedHandler):
    """Authenticates in `prepare`; subclasses answer with `send`, or raise a Fault."""

    gateway: Gateway
    api_key: ApiKey
    request_id = ""
    open_to_all = False  # health: no key is asked for
    takes_body = False  # every method begins with `body()`, which also tells a refusal put off
    trace: TraceContext | None = None
    _refusal: Fault | None = None  # of `check_head`, put off until the body has been read
    mended: Sequence[str] = ()  # fields of the body with halves of characters, now U+FFFD
    call: Any = None  # of one that goes upstream
    message: str | None = None  # of the error it was answered with
    _over = True  # it is not counted among the requests under way: not yet, or no more
    _size = 0  # bytes of the body that have come
    _held = 0  # those that are counted among the bytes of all bodies
    _waiting: asyncio.Future[Any] | None = None  # what the method awaits

    def initialize(self, gateway: Gateway, dialect: str, door: Door | None = None) -> None:
        self.gateway = gateway
        if door is not None:
            self.door = door
        self.balancers = gateway.balancers()  # one snapshot and one set of tables, kept to the end
        self.request_id = gateway.identity.request_id(self.request.headers)
        self.caller = self.balancers.mappings.caller(dialect).of(self.request_id)
        if gateway.real_ip is not None:
            request = self.request
            request.remote_ip = gateway.real_ip.address(request.remote_ip or "", request.headers)
        self._tell_ids()
        self.began = time.monotonic()
        self.seen: dict[str, Any] = {}  # what the access line tells beside the usual
        headers = self.request.headers
        if gateway.traces or TRACEPARENT in headers:
            parent, state = headers.get(TRACEPARENT), headers.get("Tracestate")
            self.trace = TraceContext.continued(parent, state, os.urandom)
        self._chunks: list[bytes] = []
        self._limit = gateway.settings.proxy.request_body_limit_bytes
        if gateway.cross_origin is not None:
            self.cross(gateway.cross_origin, gateway.doors.credentials)
        if gateway.draining:
            self.set_header("Connection", "close")
        gateway.enter()
        gateway.under_way[self] = None
        self._over = False
        if gateway.original is not None:
            self.count_entering(gateway.original, dialect)

    def set_default_headers(self) -> None:
        self.set_header("Content-Type", "application/json")
        if self.request_id:  # Tornado asks again when an error empties the answer
            self._tell_ids()

    def _tell_ids(self) -> None:
        self.set_headers(*self.gateway.identity.told(self.request_id))
        self.set_header(self.caller.id_header, self.request_id)

    def prepare(self) -> None:
        self.request.connection.set_max_body_size(self._limit * DRAIN)  # type: ignore[union-attr]
        waits = "Expect" in self.request.headers  # who waits for a 100 is told at once
        try:
            if self.preflight is None:
                self.check_head()
        except Fault as fault:
            # A short body is read and thrown away: the connection can go on after the refusal.
            if waits or not (self.takes_body and 0 < self._announced() <= SHORT):
                raise
            self._refusal = fault
        else:
            if waits and self._announced() > self._limit:
                raise CallerError("too_large", limit=self._limit)

    def check_head(self) -> None:
        """Whether this caller may ask at all, told by the head; raises the Fault that says no."""
        if self.request.method not in self.answers:  # whoever asks: what there is, is no secret
            raise HTTPError(405)
        if not self.open_to_all:
            self.snapshot: Snapshot = self.balancers.snapshot
            given = self.request.headers, self.caller.credentials, self.snapshot
            self.api_key = authenticated(*given)
            self.seen["api_key_id"] = self.api_key.id

    def _announced(self) -> int:
        """Bytes of the body, by the head; -1 when only its end will tell."""
        headers = self.request.headers
        if "Transfer-Encoding" in headers:
            return -1
        length = headers.get("Content-Length", "0")
        return int(length) if length.isdecimal() else -1

    def size(self) -> tuple[int, int, int, bool]:
        """Of the body: bytes by the head, the limit, bytes that came; whether all was read."""
        return self._announced(), self._limit, self._size, not self._reading

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        if self._refusal is not None:
            return None
        size = len(chunk)
        self._size += size
        if self._size > self._limit:
            self._chunks.clear()
        elif self.gateway.admission.hold(size):
            self._held += size
            self._chunks.append(chunk)
        else:
            self._refusal = overloaded()
            self._chunks.clear()
        return None

    @property
    def large(self) -> bool:
        """Whether the body is long enough to be read beside the loop: by `large_body`."""
        return self._size > LARGE

    def body(self) -> dict[str, Any]:
        """The request's body, a JSON object; raises the fault that says what is wrong."""
        return self._looked_at(decoded(self._whole(), self.gateway.held))

    async def large_body(self) -> dict[str, Any]:
        """The same; to be cancelled by `_waiting`."""
        given = self._whole(), self.gateway.held
        return self._looked_at(await self.beside(decoded, *given))

    async def beside(self, work: Callable[..., T], *args: Any) -> T:
        """What `work` gives, done beside the loop."""
        return await self.until(self.gateway.beside.run(work, *args))

    async def until(self, work: Coroutine[Any, Any, T]) -> T:
        """What it gives, unless `_waiting` is cancelled before."""
        self._waiting = waiting = asyncio.ensure_future(work)
        return await waiting

    def _whole(self) -> list[bytes]:
        """The bytes of the body, or the fault that was found before anybody read them."""
        self._reading = False
        if self._refusal is not None:
            raise self._refusal
        if self._size > self._limit:
            raise CallerError("too_large", None, limit=self._limit)
        # `curl -d` says form too, of another kind; what it sends is JSON all the same.
        headers = self.request.headers
        if headers.get("Content-Type", "").lower().startswith("multipart/"):
            raise CallerError("bad_media_type", found="as a form")
        if headers.get("Content-Encoding", "identity").lower() != "identity":
            raise CallerError("bad_media_type", found="compressed")
        chunks, self._chunks = self._chunks, []
        return chunks

    def _looked_at(self, body: Body) -> dict[str, Any]:
        """CallerError for a body that holds too many of something."""
        value, self.mended = body
        limits = self.gateway.settings.limits
        if len(value) > limits.max_fields:
            raise CallerError("too_many_fields", limit=limits.max_fields)
        if limits.max_depth and deeper(value, limits.max_depth):
            raise CallerError("too_many_levels", limit=limits.max_depth)
        if self._size > self.gateway.countable:
            counts.check(self.caller.counts, self.gateway.most, value, self._size)
        return value

    def resolve(self, caller_body: dict[str, Any], find: Callable[[str], T | None]) -> T:
        """What `find` has for the alias a body names, or the URL, which wins; CallerError, of
        several the first that holds: missing, wrong_type, not_allowed, no_such_model."""
        alias = paths.get(caller_body, self.caller.alias.steps)
        if self.door is not None and self.door.alias is not None:
            alias = self._alias_of_url(self.door.alias, alias)
            paths.put(caller_body, self.caller.alias.steps, alias)
        param = self.caller.alias.text
        if alias is None:
            raise CallerError("missing", param)
        if type(alias) is not str:
            raise CallerError("wrong_type", param, expected="string", found=JSON_TYPES[type(alias)])
        self.seen["alias"] = alias[:128]
        return self.allowed(alias, find)

    def _alias_of_url(self, alias: str, named: object) -> str:
        """The alias; told, where the body names another one, which is passed over."""
        if named not in (None, alias):
            self.set_foreign_header("X-Aisix-Alias", alias)
        return alias

    def allowed(self, alias: str, find: Callable[[str], T | None]) -> T:
        """What `find` has for an alias; CallerError not_allowed or no_such_model. Whether the key
        may use it is told by the name alone, before it is looked up: who may not learns nothing."""
        if not self.api_key.may_use(alias):
            raise CallerError("not_allowed", None, alias=alias)
        found = find(alias)
        if found is None:
            raise CallerError("no_such_model", None, alias=alias)
        return found

    def check_address(self, model: Model) -> None:
        """CallerError for a caller who is not where a model lets in."""
        networks = model.allowed_cidrs
        if networks is not None and not within(self.request.remote_ip, networks):
            raise CallerError("ip_not_allowed")

    def send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """The whole answer."""
        self.set_status(status)
        if not self.open_to_all:
            self.set_header("X-Aisix-Mapping", self.tag())
        for name, value in headers.items():
            self.set_foreign_header(name, value)
        self.finish(body)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """The one place where an exception becomes an answer."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        shown = self._shown(status_code, error)
        self.seen["error"], self.message = shown.kind, shown.message
        if shown.status == 405:
            self.set_header("Allow", ", ".join(self.methods()))
        if self._reading and self._announced():
            self.set_header("Connection", "close")  # what is left of the body would be in the way
            self._leave(shown.status)  # now: our closing would look like the caller's leaving
        self.send(shown.status, shown.headers, shown.body)

    def _shown(self, status: int, error: BaseException | None) -> ErrorAnswer:
        match error:
            case Fault():
                return self.caller.fault(error)
            case NoMapping():
                log.often(str(error), "request %s: %s", self.request_id, error, level=log.ERROR)
                return self.caller.fault(Fault("no_adapter"))
            case OperatorError():
                log.often(str(error), "request %s: %s", self.request_id, error, level=log.ERROR)
                return self.caller.fault(Fault("misconfigured"))
        method, path = self.request.method or "", self.request.path
        if status == 405:
            can = ", ".join(self.methods())
            return self.caller.fault(Fault("wrong_method", method=method, allowed=can))
        if status == 404:
            there = self.gateway.doors.told(path)
            told = Fault("unknown_url", method=method, path=path, routes=there)
            return self.caller.fault(told)
        if 400 <= status < 500:
            return self.caller.fault(Fault("bad_request"))
        return self.caller.fault(Fault("bug"))

    def refused(self, kind: str) -> None:
        if kind == "bad_request" and self._announced() > self._limit:
            kind = "too_large"  # Tornado's server does not tell them apart
        self.raised(CallerError(kind, limit=self._limit))

    def give_up(self) -> None:
        """We are going away: the caller is told, whatever was being done for it."""
        self.raised(Fault("stopping"))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Faults are answers, not accidents; of our own bugs the place is logged, no values."""
        if isinstance(value, Fault | OperatorError | HTTPError):
            return
        if isinstance(value, Hung):
            log.error("bug in request %s: it hung (%s)", self.request_id, value)
            return
        log.bug(self.request_id, value)

    def on_finish(self) -> None:
        self._leave(self.get_status())

    def on_connection_close(self) -> None:
        super().on_connection_close()
        if self._reading:  # then no method runs, and Tornado will not call on_finish
            self._leave(LEFT)

    def _leave(self, status: int) -> None:
        if self._over:
            return
        self._over = True
        gateway = self.gateway
        gateway.under_way.pop(self, None)
        gateway.leave()
        gateway.admission.held -= self._held
        request, seen = self.request, self.seen
        record = {
            "request_id": self.request_id,
            "remote": request.remote_ip,
            "method": request.method,
            "path": request.path[:PATH],
            "status": LEFT if self.left else status,
            "ms": self.ms(),
            **seen,
        }
        if self.door is not None and self.door.path != request.path:
            record |= {"path": self.door.path[:PATH], "requested_path": request.path[:PATH]}
        upstream_id = self.said(UPSTREAM_ID)
        if upstream_id is not None:
            record["upstream_request_id"] = upstream_id
        trace = self.trace
        if trace is not None:
            record["trace_id"], record["span_id"] = trace.trace_id, trace.span_id
            if gateway.spans is not None and not self.quiet:
                gateway.spans.finished(trace, f"{request.method} {self.route_name}", record)
        if not self.quiet:
            log.access(told_lines.told(self, record) if gateway.identity.text_log else record)
        label = gateway.label(seen["alias"]) if "alias" in seen else ""
        if gateway.original is not None:
            self.count_end(gateway.original, label, record)
        gateway.metrics.finished(
            self.route_name,
            label,
            record,
            stream=self.streamed,
            faults=self.faults(),
            rules=self.rules(),
            estimated=self.estimated(),
        )

    # ------------------------------------------------------------------ see backstop.py
    def wait(self) -> Wait:
        """What this request waits for now."""
        if self._reading:
            return Wait("body", self._size, self.gateway.settings.proxy.body_timeout_secs)
        return Wait("handler", self._waiting, self.gateway.settings.proxy.queue_timeout_ms / 1000)

    def overdue(self, hung: Hung) -> None:
        """Nothing moves it any more."""
        self.crashed(hung)
        if hung.args[0] == CALLER:
            self.hang_up()  # who takes nothing takes no error
        if self._task is not None:
            self._task.cancel()

    def crashed(self, error: BaseException) -> None:
        """A mistake of our own. Never raises."""
        self.raised(error)

    def abandoned(self) -> None:
        """Its end has failed as well: nobody is to wait for it, or count it, any more."""
        self.each(self.hang_up, self.on_finish)
        self.gateway.under_way.pop(self, None)

    def ms(self) -> float:
        """Milliseconds since the head of the request was complete."""
        return round((time.monotonic() - self.began) * 1000, 1)

    def tag(self) -> str:
        """The tables an answer is told to come from: the dialect's, until there is a target."""
        return self.balancers.mappings.tag(self.caller.name)

    def faults(self) -> Sequence[str]:
        """Why attempts upstream failed."""
        return ()

    def estimated(self) -> Sequence[str]:
        """The counters of tokens that are estimated."""
        return ()

    def rules(self) -> Iterable[tuple[str, str]]:
        """The rules that took or changed something, and how."""
        return ()
