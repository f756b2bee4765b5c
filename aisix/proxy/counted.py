"""What a proxy handler tells the original AISIX's metrics, where they are wanted.

Must never know: what they make of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aisix.limits import Level
from aisix.mapping.dialect.caller import CallerDialect
from aisix.proxy.cross_origin import BrowserHandler
from aisix.proxy.doors import Door
from aisix.proxy.original_metrics import OriginalCounter, RequestFacts, UsualKey
from aisix.routing.attempts import Attempts
from aisix.routing.balancers import Balancers
from aisix.store.resources import ApiKey


class CountedHandler(BrowserHandler):
    """`count_entering` when the head has come, `count_end` once at the end."""

    balancers: Balancers
    caller: CallerDialect
    door: Door | None = None  # by which it came, if not by the route as it is declared
    streamed = False
    quiet = False  # health: no access line
    _reading = True  # the body has not been taken yet
    _levels: Sequence[Level] = ()  # of its rate limits
    seen: dict[str, Any]
    _counted = 0  # where it is counted as under way; 0: nowhere

    @property
    def route_path(self) -> str:
        """The path of the route it came to, as it is declared."""
        path: str = self.request.path if self.door is None else self.door.route.path
        return path

    def count_entering(self, counter: OriginalCounter, dialect: str) -> None:
        if not self.quiet:
            self._counted = counter.entered(self.route_path, dialect)

    def count_end(self, counter: OriginalCounter, label: str, record: Mapping[str, Any]) -> None:
        at = self._counted
        if not at:
            return
        counter.left(at)  # whatever becomes of the rest
        key: UsualKey | None = None
        attempts = self.tried()
        if attempts is not None and _usual(attempts, record):
            key = at, attempts.target, self.seen["api_key_id"], self.streamed, label
            agent = self.request.headers.get("User-Agent", "")
            if counter.usual(key, agent, self._levels, record):
                return
        counter.finished(self.facts(label), record, key)

    def tried(self) -> Attempts | None:
        """Its attempts upstream."""
        return None

    def facts(self, label: str) -> RequestFacts:
        """What is known of it at its end. label: the alias as it is stored, "" for none."""
        where = self.route_path, self.caller.name, self.request.headers.get("User-Agent", "")
        key: ApiKey | None = self.__dict__.get("api_key")
        flags = self.streamed, self.headed, not self._reading
        found = RequestFacts(*where, self.balancers.snapshot, key, label, *flags)
        return found._replace(attempts=self.tried(), levels=self._levels)


def _usual(attempts: Attempts, record: Mapping[str, Any]) -> bool:
    """Whether the first target that was asked has answered well."""
    return (
        record["status"] == 200
        and attempts.count == 1
        and not attempts.failed
        and "upstream_status" in record
        and "error" not in record
        and "upstream_fault" not in record
    )
