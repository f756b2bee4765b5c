"""What the log is told of upstreams: those whose certificate nobody checks, those that cannot be
asked.

Must never know: a request.
"""

from __future__ import annotations

from aisix import log
from aisix.config.settings import Settings
from aisix.routing.balancer import Balancer
from aisix.store.resources import ProviderKey
from aisix.store.snapshot import Snapshot

WHO = "anyone in between can read prompts and credentials"


class Unverified:
    """Loud, once for each provider key: whoever stands in between can read everything."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def tell(self, snapshot: Snapshot, settings: Settings | None = None) -> None:
        """`settings`: at the start."""
        if settings is not None and not settings.upstream.tls.verify:
            log.warning("upstream.tls.verify is false: %s", WHO)
        for entry in snapshot.entries("provider_keys"):
            key = entry.resource
            if not isinstance(key, ProviderKey) or key.tls.verify is not False:
                self._told.discard(entry.id)
            elif entry.id not in self._told:
                self._told.add(entry.id)
                text = "provider key %s: tls.verify is false: %s"
                log.warning(text, key.display_name, WHO)


def tell_unfit(alias: str, balancer: Balancer | None) -> None:
    """Of the targets of an alias, those that cannot be asked, and why."""
    for target in balancer.targets if balancer is not None else ():
        if target.unfit:
            log.often(target.unfit_why, "model %s cannot serve: %s", alias, target.unfit_why)
