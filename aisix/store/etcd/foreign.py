"""Changes of documents that no node of ours made: told to the audit by every node that sees them.

    changes.note(name, kv, deleted); changes.tell(author)

    changes.missed(names)

Readers of several nodes' audits drop doubles by the revision. What was changed while this node
could not look, and was read as a whole afterwards, is named in the log, not in the audit: nobody
knows who did it.

Must never know: a document's fields.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from aisix import log
from aisix.store.audit import EVENT
from aisix.store.etcd.layout import Name
from aisix.store.etcd.wire import KeyValue
from aisix.store.resources import timestamp

MOST_NOTED = 10_000  # changes of one moment
MOST_NAMED = 20  # documents that one line names


class ForeignChanges:
    """node: who tells; "" tells nothing."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._noted: list[tuple[Name, int, str]] = []
        self._more = 0

    def note(self, name: Name, kv: KeyValue, deleted: bool) -> None:
        """A change that came; whose it was is asked later."""
        if not self._node:
            return
        if len(self._noted) >= MOST_NOTED:
            self._more += 1
            return
        action = "delete" if deleted else "create" if kv.created == kv.mod else "replace"
        self._noted.append((name, kv.mod, action))

    def clear(self) -> None:
        self._noted, self._more = [], 0

    def missed(self, names: Collection[Name]) -> None:
        """These are not as they were before all was read; what was noted is among them."""
        self.clear()
        if self._node and names:
            first = sorted(f"{kind}/{id}" for kind, id in names)[:MOST_NAMED]
            more = ", ..." if len(names) > len(first) else ""
            text = "etcd: %d documents changed unseen, and it is not known who changed them: %s%s"
            log.warning(text, len(names), ", ".join(first), more)

    def tell(self, author: Callable[[int], str | None]) -> None:
        """Tell those that nobody told. author(revision): whose they were, "": who told it himself;
        None: that is not known."""
        at, unknown = timestamp(int(time.time())), self._more
        for (kind, id), revision, action in self._noted:
            by = author(revision)
            unknown += by is None
            if by:
                who = {"event": EVENT, "at": at, "by": by, "node": self._node}
                told = {"action": action, "kind": kind, "id": id, "revision": revision}
                log.audit({**who, **told})
        if unknown:
            log.warning("etcd: %d changes of documents, and it is not known who made them", unknown)
        self.clear()
