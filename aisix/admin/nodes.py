"""GET /admin/v1/nodes: every live node of the cluster, and what they should say the same of.

    {"node": "node-a", "items": [{"name": "node-a", "state": "ready", ...}], "differences": [...],
     "warnings": [...]}

Without an etcd there is one node, this one. `?wait=all` of a write is here as well: it waits until
every live node serves what was written.

Must never know: how nodes learn of each other.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aisix.admin.base import AdminHandler, ErrorReply
from aisix.store.base import Store
from aisix.store.kinds.declare import Json
from aisix.store.nodes import Node, difference, differing, warnings
from aisix.store.resources import timestamp

WAIT_MS, MOST_WAIT_MS = 2000, 30_000
SEEN_SECS = 2.0  # for this node to have what `min_revision` names
LOOK_SECS = 0.005
WAITING = ("wait", "timeout_ms")  # parameters of a write
BEHIND, REVISION = "x-aisix-behind", "x-aisix-revision"


class NodesHandler(AdminHandler):
    """All of them, by name."""

    def get(self) -> None:
        self.query()
        context = self.context
        nodes, now = context.nodes(), context.now()
        since = context.store.differing_since
        self.send(
            {
                "node": context.node,
                "items": [shown(one, now) for one in nodes],
                "differences": [difference(what, v) for what, v in differing(nodes).items()],
                "warnings": warnings(nodes, since, now),
            }
        )

    head = get


def shown(node: Node, now: float) -> dict[str, Any]:
    """One node, as the API shows it."""
    age = node.age(now)
    state = "starting" if node.starting else "draining" if node.draining else "ready"
    return {
        "name": node.name,
        "state": state,
        "version": node.version,
        "proxy": node.proxy,
        "admin": node.admin,
        "started_at": _stamp(node.started_at),
        "workers": node.workers,
        "in_flight": node.in_flight,
        "revision": node.applied,
        "age_seconds": None if age is None else round(age, 3),
        "tables": node.tables,
        "tables_at": _stamp(node.tables_at),
        "settings": node.settings,
        "key_ids": list(node.key_ids),
        "refused": node.refused,
        "refused_names": list(node.refused_names),
        "clock_offset_seconds": round(node.clock_off, 1),
    }


def _stamp(at: float) -> str | None:
    return timestamp(int(at)) if at else None


# ---------------------------------------------------------------- waiting
def wait_secs(query: Mapping[str, str]) -> float | None:
    """How long a write waits for the other nodes; None: it does not."""
    how, text = query.get("wait"), query.get("timeout_ms")
    if how is None:
        if text is not None:
            raise ErrorReply(400, "bad_request", "timeout_ms belongs to wait=all")
        return None
    if how != "all":
        raise ErrorReply(400, "bad_request", "wait must be all")
    if text is None:
        return WAIT_MS / 1000
    if not re.fullmatch(r"[0-9]{1,6}", text) or int(text) > MOST_WAIT_MS:
        wrong = f"timeout_ms must be a whole number from 0 to {MOST_WAIT_MS}"
        raise ErrorReply(400, "bad_request", wrong)
    return int(text) / 1000


async def everywhere(
    nodes: Callable[[], Sequence[Node]],
    own: str,
    revision: int,
    names: frozenset[str],
    secs: float,
) -> list[str]:
    """Wait until every live node but `own` serves this revision; those that do not when the time
    is over, or refuse one of these documents ("models/a")."""
    end = time.monotonic() + secs
    while True:
        others = [one for one in nodes() if one.name != own and not one.starting]
        late = [one.name for one in others if one.applied < revision]
        if not late or time.monotonic() >= end:
            refusing = [one.name for one in others if not names.isdisjoint(one.refused_names)]
            return sorted({*late, *refusing})
        await asyncio.sleep(LOOK_SECS)


async def seen(store: Store, text: str | None) -> None:
    """Wait until this node has the revision that a read's `min_revision` names; 412 when it does
    not come."""
    if text is None:
        return
    if not re.fullmatch(r"[0-9]{1,19}", text):
        raise ErrorReply(400, "bad_request", "min_revision must be a whole number")
    end = time.monotonic() + (SEEN_SECS if store.lags else 0.0)
    while store.current().revision < int(text):
        if time.monotonic() >= end:
            told = f"this node has revision {store.current().revision}, and not {int(text)} yet"
            raise ErrorReply(412, "stale", told)
        await asyncio.sleep(LOOK_SECS)


# ---------------------------------------------------------------- the document
def parameters(asked: Callable[[str, Json, str], Json]) -> list[Json]:
    """Of a write."""
    most = {"type": "integer", "minimum": 0, "maximum": MOST_WAIT_MS, "default": WAIT_MS}
    return [
        asked("wait", {"const": "all"}, "answer when every live node serves it; `x-aisix-behind`"
              " names those that do not when the time is over"),
        asked("timeout_ms", most, "how long `wait` waits"),
    ]  # fmt: skip


def least(asked: Callable[[str, Json, str], Json]) -> Json:
    """Of a read."""
    form = {"type": "string", "pattern": "^[0-9]{1,19}$"}
    return asked("min_revision", form, "wait (2 s, else 412) until this node has an"
                 " `x-aisix-revision` of another answer")  # fmt: skip


def schemas(closed: Callable[..., Json]) -> Json:
    text, number, stamp = {"type": "string"}, {"type": "integer"}, {"type": ["string", "null"]}
    texts = {"type": "array", "items": text}
    node = closed(
        {
            "name": text,
            "state": {"enum": ["starting", "ready", "draining"]},
            "version": text,
            "proxy": {**text, "description": "where its callers come"},
            "admin": {**text, "description": "its admin API; empty: it has none"},
            "started_at": stamp,
            "workers": number,
            "in_flight": {**number, "description": "requests under way"},
            "revision": {**number, "description": "of the resources it serves"},
            "age_seconds": {
                "type": ["number", "null"],
                "description": "at most so old is what it serves; null: it never reached etcd",
            },
            "tables": {**text, "description": "digest"},
            "tables_at": stamp,
            "settings": {**text, "description": "digest, without what is a node's own"},
            "key_ids": {**texts, "description": "encryption keys, the one it writes with first"},
            "refused": {**number, "description": "documents it does not serve"},
            "refused_names": texts,
            "clock_offset_seconds": {
                "type": "number",
                "description": "that its clock is ahead of etcd's; 0: no difference can be seen",
            },
        }
    )
    differences = {**texts, "description": "what is not the same on all nodes"}
    lasting = "of those, what has lasted for more than 5 minutes; and clocks that are wrong"
    warned = {**texts, "description": lasting}
    return {
        "Node": node,
        "Nodes": closed(
            {
                "node": {**text, "description": "who answers"},
                "items": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}},
                "differences": differences,
                "warnings": warned,
            }
        ),
    }
