"""What this node says of itself, to other nodes and in `GET /admin/v1/nodes`.

    facts = NodeFacts(settings, digest, generation, scoreboard);  facts()

Of the whole node, from memory that all its processes share: any of them may ask.

Must never know: etcd, a request.
"""

from __future__ import annotations

import socket
import time
from typing import Any

import msgspec

from aisix import __version__
from aisix.config.settings import Settings
from aisix.store.base import Store
from aisix.store.nodes import MOST_REFUSED, Node
from aisix.workers.generation import Generation
from aisix.workers.scoreboard import DRAINING, READY, Scoreboard

ANYWHERE = ("0.0.0.0", "::", "")  # where a listener is reached by the name of the machine
IN_FLIGHT = ("aisix_in_flight",)


class NodeFacts:
    """digest: of the tables that were loaded at the start."""

    def __init__(
        self, settings: Settings, digest: str, generation: Generation, scoreboard: Scoreboard
    ) -> None:
        self._digest, self._generation, self._scoreboard = digest, generation, scoreboard
        self._began = time.time()
        self.name = settings.node_id
        admin = settings.admin
        self._fixed = {
            "version": __version__,
            "proxy": url_of(settings.proxy.addr, settings.proxy.tls_cert is not None),
            "admin": url_of(admin.addr, admin.tls_cert is not None) if admin.enabled else "",
            "settings": settings.digest,
        }

    def __call__(self) -> dict[str, Any]:
        """As `store.nodes.Node` names it."""
        workers = [slot for slot in self._scoreboard.living() if slot.number]
        note = self._generation.read_note()
        last = (msgspec.json.decode(note).get("last") or {}) if note else {}
        return {
            **self._fixed,
            "started_at": self._began,
            "workers": sum(slot.state == READY for slot in workers),
            "draining": bool(workers) and all(slot.state == DRAINING for slot in workers),
            "tables": last.get("digest") or self._digest,
            "tables_at": float(last.get("at", self._began)),
            "in_flight": self._in_flight(),
        }

    def numbers(self) -> dict[tuple[str, ...], float]:
        """For a page of metrics."""
        told = self()
        labels = (self.name, told["version"], told["tables"], told["settings"])
        return {("aisix_node_info", *labels): 1.0}

    def nodes(self, store: Store) -> tuple[Node, ...]:
        """Every live node by name; this one as it is now, also where it is not registered."""
        others = {one.name: one for one in store.nodes()}
        now, age, snapshot = time.time(), store.age, store.current()
        refused = [f"{one.kind}/{one.id}" for one in snapshot.quarantined]
        told = {
            **self(),
            "applied": snapshot.revision,
            "as_of": 0.0 if age is None else now - age,
            "at": now,
            "seen": now,
            "refused": len(refused),
            "refused_names": tuple(refused[:MOST_REFUSED]),
            "key_ids": store.key_ids,  # its entry may be the one of its start yet, or not there
            "starting": store.unready is not None,
        }
        own = others.get(self.name) or Node(name=self.name)
        others[self.name] = msgspec.structs.replace(own, **told)
        return tuple(others[name] for name in sorted(others))

    def _in_flight(self) -> int:
        total = 0.0
        for slot in self._scoreboard.living():
            total += sum(values[0] for key, values in slot.series() if key == IN_FLIGHT)
        return max(0, round(total))


def url_of(addr: str, tls: bool) -> str:
    """Where others reach a listener, as well as that can be known here."""
    host, _, port = addr.rpartition(":")
    if host.strip("[]") in ANYWHERE:
        host = socket.gethostname()
    return f"{'https' if tls else 'http'}://{host}:{port}"
