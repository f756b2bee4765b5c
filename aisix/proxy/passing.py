"""POST of a route that is passed on: to the upstream as it came, with its model for the alias.

    body -> its alias, where it stands -> balancer of the targets that answer such requests ->
    rate limits -> admission -> PassCall -> PassRelay -> the caller

Nothing of it is translated but an error of the upstream; captures, which are of translations, do
not take it. Of a JSON body only the alias is read, and whether the answer is to be streamed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from aisix.errors import CallerError, OperatorError, UpstreamError
from aisix.mapping.exchange import BYTES
from aisix.mapping.mappings import NoMapping
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbatim import Verbatim, read
from aisix.mapping.verbs.census import escaped
from aisix.proxy.call import note_failure
from aisix.proxy.chat import ChatHandler
from aisix.proxy.doors import Door
from aisix.proxy.gateway import Gateway
from aisix.proxy.pass_call import PassCall, PassRelay, Sent
from aisix.routing.additions import Asker
from aisix.routing.balancer import Balancer
from aisix.routing.group_attempts import begin

JSON = "application/json"


class SentJson:
    """A JSON body."""

    content_type = JSON
    upload = None
    spent = False

    def __init__(self, body: Verbatim, stream: bool) -> None:
        self.body = body
        self.stream = stream

    def replaced(self, model: str) -> bytes:
        return self.body.replaced(model)


class PassHandler(ChatHandler):
    """`name`: that of the [pass.NAME] of the caller's dialect."""

    call: PassCall | None = None

    def initialize(
        self, gateway: Gateway, dialect: str, door: Door | None = None, name: str = ""
    ) -> None:
        super().initialize(gateway, dialect, door)
        self.route_name = self.name = name
        self.row: dict[str, Json] = self.caller.passes.get(name, {})

    async def post(self) -> None:
        try:
            named, sent = await self._taken()
            balancer = self.resolve(named, self._find)
            model = balancer.targets[0].model
            self.check_address(model)
            if not await self._let_in(model, named):
                return
            patience = self.gateway.settings.upstream.retry_after_limit_secs
            now = asyncio.get_running_loop().time()
            self.attempts = attempts = begin(balancer, patience, self.asked, now)
            if attempts.limited:
                await self.until(self.within_members(attempts, named))
            mine = self.seen, self.request.headers, self.trace
            call = PassCall(self.gateway, self.caller, attempts, *mine)
            call.asker = Asker(self.request_id, self.api_key)
            call.name, call.sent = self.name, sent
            upstream_request = call.translated(attempts.target, named)
            self.call, self.streamed = call, sent.stream
            self.relay = relay = PassRelay(call, self, self.members)
            relay.start(upstream_request)
            self.begun()
            await relay.finish()
        except UpstreamError as error:
            note_failure(self.seen, error)
            if self.call is None:
                raise
            self.answer(self.call.exchange.fault(error))
        except asyncio.CancelledError:
            if not self.left:
                raise

    def begun(self) -> None:
        """The first attempt is on its way."""

    async def _taken(self) -> tuple[dict[str, Any], Sent]:
        """What names the alias, and the body as it is to be sent; CallerError."""
        chunks = self._whole()
        field = str(self.caller.alias.steps[0])
        given = chunks, field, self.gateway.held.escapes
        body = await self.beside(_read, *given) if self.large else _read(*given)
        limit = self.gateway.settings.limits.max_fields
        if len(body.members) > limit:
            raise CallerError("too_many_fields", limit=limit)
        streamed = bool(self.row.get("streamed")) or self._streams(body)
        named = {} if body.value is None else {field: body.value}
        return named, SentJson(body, streamed)

    def _streams(self, body: Verbatim) -> bool:
        steps = self.caller.stream.steps
        return len(steps) == 1 and body.member(str(steps[0])) is True

    # ------------------------------------------------------------------ whose it is
    def _find(self, alias: str) -> Balancer | None:
        """The targets of the alias that answer such requests; CallerError when none does."""
        found = self._passing(self.caller.name, alias, self.name)
        if found is None and self.snapshot.model(alias) is not None:
            told = {"allowed": _listed(self._routes_of(alias)), "path": self.row["route"]}
            raise CallerError("unsupported_endpoint", None, alias=alias, **told)
        return found

    def _passing(self, dialect: str, alias: str, name: str) -> Balancer | None:
        try:
            return self.balancers.passing(dialect, alias, name)
        except NoMapping:
            return None

    def _routes_of(self, alias: str) -> list[str]:
        """The routes that an alias does answer."""
        routes = []
        for dialect, caller in self.balancers.mappings.callers.items():
            try:
                self.balancers.find(dialect, alias)
            except OperatorError:
                continue
            routes.append(str(caller.data["route"]))
            rows = caller.passes.items()
            routes += [str(r["route"]) for n, r in rows if self._passing(dialect, alias, n)]
        return routes

    def _takes(self, caller_body: dict[str, Any]) -> int:
        """Tokens by estimate: of a request whose answer counts text."""
        rows = (t.tables.upstream["pass"][self.name] for t in self._targets(caller_body))
        return -(-self._size // BYTES) if any(row.get("estimated") for row in rows) else 0

    def _targets(self, named: dict[str, Any]) -> Sequence[Any]:
        alias = paths.get(named, self.caller.alias.steps)
        found = self._passing(self.caller.name, alias, self.name)
        return () if found is None else found.targets

    # ------------------------------------------------------------------ the caller
    def begin_stream(self, headers: Mapping[str, str], waiting: bool = False) -> None:
        super().begin_stream(headers, waiting)
        assert self.call is not None
        self.set_status(self.call.exchange.status)

    def _tell_crash(self) -> None:
        if self.call is not None and self.call.exchange.events:
            super()._tell_crash()


def _read(chunks: Sequence[bytes], field: str, escapes: int) -> Verbatim:
    """CallerError: too_many_escapes, too_deep, bad_json."""
    if escaped(chunks, escapes):
        raise CallerError("too_many_escapes", limit=escapes)
    raw = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    try:
        return read(raw, field)
    except RecursionError:
        raise CallerError("too_deep") from None
    except ValueError as error:
        raise CallerError("bad_json", why=str(error)) from None


def _listed(routes: Sequence[str]) -> str:
    """
    >>> _listed(["a"]), _listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join(filter(None, (", ".join(routes[:-1]), *routes[-1:])))
