"""What the follower tells of what it has read: the record beside the copy, and lines of the log.

    report = LoadReport(text of the record that was kept, observed, judge, unserved)
    report.told(now, reload=True)    the record after a change, as text
    report.unreachable(now)          the same, when etcd does not answer

The hashes of a large configuration are made a moment later (`late`): they cost milliseconds for
each megabyte, and changes come in crowds.

Must never know: SQL, etcd's protocol.
"""

from __future__ import annotations

import re
from collections import Counter

from aisix import log
from aisix.movein.declared import kinds, row_of
from aisix.movein.documents import INAPPLICABLE
from aisix.store.config_state import (
    LONGEST_ERROR,
    MISFIT,
    MOST_FIELDS,
    NO_JSON,
    NOT_JSON,
    THERE,
    LoadRecord,
    Rejected,
)
from aisix.store.etcd.judge import IGNORED, Judge
from aisix.store.etcd.observed import Observed
from aisix.store.etcd.unserved import UnservedFound, UnservedKinds

AT_ONCE = 4 << 20  # bytes whose hash is made with each change
PAUSE_SECS = 1.0  # between two hashes of more than that
MOST_REFUSED_OTHERS = 1000  # documents of kinds that are not ours, told one by one
MOST_LINES = 1000  # of the log, since the start
UNREACHED = "the source of the configuration cannot be reached"
PLACE = re.compile(r"\[\d+\]")
NOBODYS = "is not known here, and passed over"
OF_NO_GROUP = "does nothing in a group, and is passed over"
UNFIT = "is loaded as it stands, and nothing can use it"


class LoadReport:
    """late: the hashes are older than what serves."""

    def __init__(
        self, kept: str, observed: Observed, judge: Judge, unserved: UnservedKinds
    ) -> None:
        self._record = LoadRecord.decoded(kept)
        self._observed, self._judge, self._unserved = observed, judge, unserved
        self._since = {(one.kind, one.id): one.since for one in self._record.rejected}
        self._hashed = 0.0
        self._lines: set[str] = set()
        self._unguarded: list[str] = []
        self.late = False

    def told(self, now: float, *, reload: bool = False) -> str:
        """The record, now that the judge has seen what was read."""
        found, record = self._unserved.judged(), self._record
        self.late = self._observed.size > AT_ONCE and 0 <= now - self._hashed < PAUSE_SECS
        record.observed_at, record.whole = now, False
        self._fields()
        self._others(found, now)
        record.judged(self._errors(found), now, reload)
        if not self.late:
            self._hash(found, now)
        self._say(found, reload)
        return record.encoded()

    def due(self, now: float) -> bool:
        """Whether it is time to tell what was late."""
        return self.late and not 0 <= now - self._hashed < PAUSE_SECS

    def caught_up(self, now: float) -> str:
        """With the hashes that were late."""
        self.late = False
        self._hash(self._unserved.judged(), now)
        return self._record.encoded()

    def unreachable(self, now: float) -> str:
        """The record, now that etcd does not answer."""
        self._record.unreachable(UNREACHED, now)
        return self._record.encoded()

    def refused_whole(self, now: float) -> str:
        """What was read is not believed, and none of it serves."""
        self._record.whole = True
        self._record.successful, self._record.reload_at = False, now
        return self._record.encoded()

    # ------------------------------------------------------------------ the parts of a record
    def _hash(self, found: UnservedFound, now: float) -> None:
        source, serving = self._observed.hashes(self._judge, found.refused)
        counts = Counter(THERE.get(kind, kind) for kind, _ in self._judge.good)
        counts.update(found.counts)
        self._record.source_hash = source
        self._record.applied(serving, counts, now)
        self._hashed = now

    def _fields(self) -> None:
        known: Counter[tuple[str, str]] = Counter()
        nobodys: Counter[tuple[str, str]] = Counter()
        documents: Counter[str] = Counter()
        for (kind, _), fields in self._judge.partial.items():
            there = THERE.get(kind, kind)
            mine = {PLACE.sub("[]", one) for one in fields}
            known.update((there, one[len(IGNORED) :]) for one in mine if one.startswith(IGNORED))
            fresh = [(there, one) for one in mine if not one.startswith(IGNORED)]
            nobodys.update(fresh)
            documents[there] += bool(fresh)
        record = self._record
        record.ignored = sorted((*key, number) for key, number in known.items())[:MOST_FIELDS]
        record.partial = sorted((*key, number) for key, number in nobodys.items())[:MOST_FIELDS]
        record.partial_documents = {kind: number for kind, number in documents.items() if number}

    def _others(self, found: UnservedFound, now: float) -> None:
        rows = list(found.refused.values())[:MOST_REFUSED_OTHERS]
        record, since = self._record, self._since
        record.rejected = [Rejected(*row, since.get(row[:2], now)) for row in rows]
        self._since = {(one.kind, one.id): one.since for one in record.rejected}
        record.not_served, record.unguarded = found.counts, found.unguarded

    def _errors(self, found: UnservedFound) -> list[tuple[str, str]]:
        """By name, so that the first one is the same on every node."""
        errors = []
        for (kind, id), one in self._judge.refused.items():
            text = "; ".join(one.complaints)[:LONGEST_ERROR]
            error_kind = NOT_JSON if text.startswith(NO_JSON) else MISFIT
            errors.append(((THERE.get(kind, kind), id), error_kind, text))
        errors += [(row[:2], row[2], row[3]) for row in found.refused.values()]
        return [(kind, text) for _, kind, text in sorted(errors)]

    # ------------------------------------------------------------------ the log
    def _say(self, found: UnservedFound, reload: bool) -> None:
        """Each content once; what is not enforced, with every reload too."""
        record = self._record
        if found.unguarded and (reload or found.unguarded != self._unguarded):
            for words in found.unguarded:
                log.warning("etcd: %s", words)
        self._unguarded = found.unguarded
        lines = list(found.others)
        for kind, field, _ in record.ignored:
            row = row_of(kinds()[kind].fields, field)
            why = NOBODYS if row is None else row.why or UNFIT
            lines.append(f"{kind}: {field}: {why}")
        for kind, field, _ in record.partial:
            name = field.removeprefix(INAPPLICABLE)
            lines.append(f"{kind}: {name}: {NOBODYS if name == field else OF_NO_GROUP}")
        lines += [f"{one.kind}/{one.id} is refused: {one.error}" for one in record.rejected]
        for line in lines:
            if line not in self._lines and len(self._lines) < MOST_LINES:
                self._lines.add(line)
                log.warning("etcd: %s", line)
