"""Values of a document that are secrets: in no file in clear, shown by a mask, kept by it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aisix.store import writes, yaml_document
from aisix.store.base import ChangeRefused, Store
from aisix.store.batch import import_items
from aisix.store.kinds.registry import KINDS
from aisix.store.opening import open_store
from aisix.store.sealing import packed, unpacked
from aisix.store.secrets import new_key
from aisix.store.sqlite import SqliteStore

KIND = KINDS["provider_keys"]
TOKEN = "Xq7hidden-Zk9-credential"
HEADERS = {
    "cf-access-client-secret": TOKEN,
    "helicone-auth": f"Bearer {TOKEN}2",
    "x-team": "search",
}
BODY = {"display_name": "prod", "provider": "p", "secret": "sk-0123456789abcdef"}
MASKED = {"cf-access-client-secret": "****tial", "helicone-auth": "****ial2", "x-team": "search"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path)
    body = {**BODY, "headers": HEADERS}
    writes.create(store, "provider_keys", body, now=1.0, new_id="a")
    yield store
    store.close()


def headers(store: Store) -> dict[str, str]:
    key = store.current().provider_key("a")
    assert key is not None
    return dict(key.headers)


def in_files(folder: Path, word: str) -> list[str]:
    return [file.name for file in folder.iterdir() if word.encode() in file.read_bytes()]


def test_what_is_hidden_comes_back_in_its_place() -> None:
    for secret in ("sk-1", None):
        for document in ({}, {"headers": {"x-team": "a"}}, {"headers": HEADERS}):
            clear, text = packed(KIND, document, secret)
            assert TOKEN not in json.dumps(clear)
            assert unpacked(clear, text) == (document, secret)


def test_it_is_used_and_shown_masked_and_in_no_file(store: Store, tmp_path: Path) -> None:
    assert headers(store) == HEADERS
    entry = store.current().entry("provider_keys", "a")
    assert entry is not None
    assert entry.envelope()["value"]["headers"] == MASKED
    for shown in (entry, entry.resource, json.dumps(entry.envelope())):
        assert TOKEN not in (shown if isinstance(shown, str) else repr(shown))
    assert not in_files(tmp_path, TOKEN)
    again = open_store(tmp_path)
    assert headers(again) == HEADERS
    assert isinstance(again, SqliteStore)
    again.rotate_key(new_key())
    again.close()
    assert not in_files(tmp_path, TOKEN)
    store.poll()
    writes.merge(store, "provider_keys", "a", {"provider": "q"}, now=2.0)
    assert headers(store) == HEADERS


@pytest.mark.parametrize(
    ("patch", "after"),
    [
        ({"headers": MASKED}, HEADERS),
        ({"headers": {"X-Team": "b"}}, {**HEADERS, "x-team": "b"}),
        ({"headers": {"Helicone-Auth": None}}, {**HEADERS, "helicone-auth": None}),
        ({"headers": {"helicone-auth": None}}, {**HEADERS, "helicone-auth": None}),
        ({"headers": {"helicone-auth": "n"}}, {**HEADERS, "helicone-auth": "n"}),
        ({"headers": None}, {}),
        ({"api_base": "http://h"}, HEADERS),
    ],
)
def test_a_patch(store: Store, patch: dict[str, Any], after: dict[str, str | None]) -> None:
    writes.merge(store, "provider_keys", "a", patch, now=2.0)
    assert headers(store) == {name: text for name, text in after.items() if text is not None}


@pytest.mark.parametrize(
    ("put", "after"),
    [
        ({"headers": MASKED}, HEADERS),
        ({"headers": {"Helicone-AUTH": "****ial2"}}, {"helicone-auth": HEADERS["helicone-auth"]}),
        ({}, {name: text for name, text in HEADERS.items() if name != "x-team"}),
        ({"headers": {"x-team": "b"}}, {"x-team": "b"}),
        ({"headers": {}}, {}),
        ({"headers": None}, {}),
    ],
)
def test_a_put(store: Store, put: dict[str, Any], after: dict[str, str]) -> None:
    writes.replace(store, "provider_keys", "a", {**BODY, **put}, now=2.0)
    assert headers(store) == after


@pytest.mark.parametrize("wrong", ["****", "****abcd", "****tial "])
def test_a_mask_of_something_else_is_refused(store: Store, wrong: str) -> None:
    for name in ("helicone-auth", "x-team", "x-new"):
        body = {**BODY, "headers": {name: wrong}}
        with pytest.raises(ChangeRefused) as refused:
            writes.replace(store, "provider_keys", "a", body, now=2.0)
        assert [c.path for c in refused.value.complaints] == [f"headers.{name}"]
    assert headers(store) == HEADERS


def test_an_export_names_it_and_an_import_keeps_it(store: Store) -> None:
    text = yaml_document.written(store.current(), with_secrets=False)
    assert TOKEN not in text
    assert "${SECRET_A_HELICONE_AUTH}" in text
    environ = {"SECRET_A": BODY["secret"], "SECRET_A_HELICONE_AUTH": "one",
               "SECRET_A_CF_ACCESS_CLIENT_SECRET": "two"}  # fmt: skip
    items, _ = yaml_document.read(text, "f", environ)
    import_items(store, items, now=2.0)
    assert headers(store)["helicone-auth"] == "one"
    whole = yaml_document.written(store.current(), with_secrets=True)
    items, _ = yaml_document.read(whole, "f", {})
    import_items(store, items, now=3.0, only=True)
    assert headers(store)["cf-access-client-secret"] == "two"
    without = yaml_document.read(json.dumps({"provider_keys": [{"id": "a", **BODY}]}), "f", {})[0]
    for only in (False, True):
        import_items(store, without, now=4.0, only=only)
        assert headers(store) == {"cf-access-client-secret": "two", "helicone-auth": "one"}


def test_what_an_earlier_aisix_kept_in_clear_is_sealed_at_the_next_start(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    writes.create(store, "provider_keys", {**BODY, "secret": "s" * 16}, now=1.0, new_id="a")
    store.close()
    db = sqlite3.connect(tmp_path / "aisix.db")
    old = json.dumps({"display_name": "prod", "provider": "p", "headers": HEADERS})
    db.execute("UPDATE resources SET document = ?", (old,))
    db.execute("PRAGMA user_version = 2")
    db.commit()
    db.execute("PRAGMA journal_mode = WAL")
    db.close()
    assert in_files(tmp_path, TOKEN)
    for _ in range(2):
        store = open_store(tmp_path)
        assert not in_files(tmp_path, TOKEN)  # also while it is open: in the database and its log
        assert headers(store) == HEADERS
        key = store.current().provider_key("a")
        assert key is not None and key.secret == "s" * 16
        store.close()
