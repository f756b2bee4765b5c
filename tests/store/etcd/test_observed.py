"""What etcd was seen to hold, and the digests of it."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from aisix.store.config_state import canonical, hash_of
from aisix.store.etcd.judge import Judge
from aisix.store.etcd.layout import Layout
from aisix.store.etcd.observed import TABLE, Observed, ObservedTable
from aisix.store.etcd.wire import KeyValue
from tests.store.contract import KEY, MODEL
from tests.store.etcd.following import keyring

PK, SMALL = b"/a/provider_keys/pk", b"/a/models/small"


def kv(key: bytes, body: Any, mod: int) -> KeyValue:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return KeyValue(key, raw, "1", str(mod))


class Held:
    """Observed beside a judge, as the follower has them."""

    def __init__(self) -> None:
        self.layout, self.judge = Layout("/a"), Judge(keyring())
        self.observed = Observed(self.layout, {})

    def take(self, *changes: KeyValue, gone: bytes = b"") -> None:
        found: dict[bytes, KeyValue | None] = {one.key: one for one in changes}
        if gone:
            found[gone] = None
        self.observed.take(found)
        names = {self.layout.name_of(key): one for key, one in found.items()}
        self.judge.settle({name: one for name, one in names.items() if name and "x" not in name})
        self.observed.settled(self.judge)

    def hashes(self) -> tuple[str, str]:
        return self.observed.hashes(self.judge, ())


def of(**values: Any) -> str:
    lines = {f"/a/{name}".encode(): json.dumps(value).encode() for name, value in values.items()}
    return hash_of(sorted((key, canonical(value)) for key, value in lines.items()))


def test_what_serves_has_the_digest_of_what_was_seen_until_something_is_refused() -> None:
    held = Held()
    held.take(kv(PK, KEY[2], 1), kv(SMALL, MODEL[2], 2))
    good = of(**{"provider_keys/pk": KEY[2], "models/small": MODEL[2]})
    assert held.hashes() == (good, good)
    held.take(kv(SMALL, {"display_name": ""}, 3))
    held.take(kv(SMALL, {"display_name": 7}, 4))  # the last good form stays the one that served
    seen, serving = held.hashes()
    assert serving == good
    assert seen == of(**{"provider_keys/pk": KEY[2], "models/small": {"display_name": 7}})
    held.take(gone=SMALL)
    assert held.hashes() == (of(**{"provider_keys/pk": KEY[2]}),) * 2
    assert held.observed.size == len(canonical(json.dumps(KEY[2]).encode()))


def test_what_never_served_counts_as_seen_alone() -> None:
    held = Held()
    held.take(kv(PK, KEY[2], 1), kv(SMALL, b"{no json", 2))
    alone = of(**{"provider_keys/pk": KEY[2]})
    assert held.hashes()[1] == alone != held.hashes()[0]


def test_it_is_kept_sealed_and_read_again_as_it_was() -> None:
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.execute(TABLE)
    table, held = ObservedTable(db, keyring()), Held()
    held.take(kv(PK, KEY[2], 1), kv(SMALL, MODEL[2], 2), kv(b"/a/x/y", b"\xff\x00", 3))
    held.take(kv(SMALL, {"display_name": ""}, 4))
    table.write(held.observed.changed())
    dump = "".join(map(repr, db.execute("SELECT * FROM observed").fetchall()))
    assert "sk-the-secret" not in dump
    again = Observed(held.layout, table.rows())
    assert again.hashes(held.judge, ()) == held.hashes()
    kept = dict(again.items())
    assert len(kept) == 3 and kept[SMALL].mod == 4
    held.take(gone=b"/a/x/y")
    table.write(held.observed.changed())
    assert set(table.rows()) == {PK, SMALL} and not held.observed.changed()
    assert not ObservedTable(db, keyring().__class__([b"k" * 32])).rows()  # of another key
