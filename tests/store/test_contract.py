"""The two stores there are, each put through the suite every store must pass."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from aisix.errors import OperatorError
from aisix.store.base import ChangeRefused, Store
from aisix.store.batch import ImportItem, import_items
from aisix.store.opening import open_store
from tests.store.contract import KEY, MODEL, Contract, Item


class TestSqlite(Contract):
    def open(self) -> Store:
        return open_store(self.folder / "data")

    def put(self, store: Store, items: Sequence[Item]) -> None:
        read = [ImportItem(kind, id, body, id) for kind, id, body in items]
        import_items(store, read, now=time.time(), only=True)


class TestFile(Contract):
    @property
    def file(self) -> Path:
        return self.folder / "resources.yaml"

    def open(self) -> Store:
        environ = {"SECRET": str(KEY[2]["secret"])}
        return open_store(self.folder / "data", resources_file=self.file, environ=environ)

    def put(self, store: Store, items: Sequence[Item]) -> None:
        content: dict[str, list[object]] = {}
        for kind, id, body in items:
            hidden = {"secret": "${SECRET}"} if "secret" in body else {}
            content.setdefault(kind, []).append({"id": id, **body, **hidden})
        self.file.write_text(json.dumps(content))  # JSON is YAML
        store.reload()

    def test_an_edited_file_serves_only_after_a_reload(self) -> None:
        store = self.open()
        self.put(store, [KEY])
        self.file.write_text("provider_keys: []\n")
        store.poll()
        assert store.current().provider_key("pk") is not None
        assert self.open().current().provider_key("pk") is not None
        store.reload()
        assert store.current().provider_key("pk") is None

    def test_a_refused_reload_is_told_by_every_process_until_one_succeeds(self) -> None:
        store, other = self.open(), self.open()
        self.put(store, [KEY])
        good = self.file.read_text()
        self.file.write_text("provider_keys:\n  - display_name: x\n    provder: y\n")
        with pytest.raises(OperatorError):
            store.reload()
        for one in (store, other, self.open()):
            assert "resources.yaml:3: provider_keys[0].provder: unknown field" in str(one.trouble)
            assert one.current().provider_key("pk") is not None
        self.file.write_text(good)
        other.reload()
        assert store.trouble is other.trouble is None

    def test_it_takes_no_writes_and_says_where_to_write(self) -> None:
        store = self.open()
        self.put(store, [KEY, MODEL])
        assert store.writable is False
        with pytest.raises(ChangeRefused, match=r"resources\.yaml: edit it"):
            import_items(store, [], now=1.0)
