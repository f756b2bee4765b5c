"""Secrets at rest: what is bound, what is refused, and what an earlier form says."""

from __future__ import annotations

import os
import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from aisix.errors import OperatorError, StoreError
from aisix.store import writes
from aisix.store.file import ACCEPTED
from aisix.store.opening import open_store
from aisix.store.secrets import Keyring, key_id, new_key
from aisix.store.sqlite import SqliteStore

SECRET = "sk-the-secret-of-a-provider"
WHERE = "provider_keys/a"


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring.open(tmp_path)


@pytest.mark.parametrize("secret", ["", "x", SECRET, "schl\u00fcssel \N{KEY}", "long" * 50_000])
def test_what_was_sealed_is_opened(keyring: Keyring, secret: str) -> None:
    assert keyring.unseal(keyring.seal(secret, WHERE), WHERE) == secret


def test_the_same_secret_is_never_sealed_the_same(keyring: Keyring) -> None:
    sealed = [keyring.seal(SECRET, WHERE) for _ in range(200)]
    assert len({one[5:29] for one in sealed}) == len(sealed)  # the nonces
    assert len({one[29:] for one in sealed}) == len(sealed)
    assert {one[:5] for one in sealed} == {b"\x02" + bytes.fromhex(keyring.current)}


def test_a_sealed_secret_belongs_to_its_resource(keyring: Keyring) -> None:
    sealed = keyring.seal(SECRET, WHERE)
    with pytest.raises(StoreError, match="provider_keys/b: its stored secret was tampered with"):
        keyring.unseal(sealed, "provider_keys/b")


@pytest.mark.parametrize("begins", ["", "01", "02"])
def test_no_byte_can_be_changed_and_none_taken_away(begins: str) -> None:
    """`begins`: how the key's id does, which may look like one of the versions in front of it."""
    keys = iter(lambda: os.urandom(32), None)
    keyring = Keyring([next(key for key in keys if key_id(key).startswith(begins))])
    sealed = keyring.seal(SECRET, WHERE)
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 0x80
        for bad in (bytes(changed), sealed[:at], sealed[:at] + sealed[at + 1 :]):
            known = r"tampered with|a key that is not here"
            said = "by an earlier aisix" if bad[:1] == b"\x01" else known
            with pytest.raises(StoreError, match=said) as told:
                keyring.unseal(bad, WHERE)
            assert SECRET not in str(told.value)


def test_another_key_does_not_open_it(keyring: Keyring) -> None:
    one, two = os.urandom(32), os.urandom(32)
    sealed = Keyring([one]).seal(SECRET, WHERE)
    assert Keyring([two, one]).unseal(sealed, WHERE) == SECRET
    with pytest.raises(StoreError, match="a key that is not here"):
        Keyring([two]).unseal(sealed, WHERE)
    # Not even when its id is put in.
    with pytest.raises(StoreError, match="tampered with"):
        Keyring([two]).unseal(sealed[:1] + bytes.fromhex(key_id(two)) + sealed[5:], WHERE)


def test_rotations_at_one_time_lose_no_key(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    body = {"display_name": "a", "provider": "p", "secret": SECRET}
    writes.create(store, "provider_keys", body, now=1.0, new_id="a")
    store.close()
    # Both are open, and have read the key file, before one of them rotates.
    first, second = open_store(tmp_path), open_store(tmp_path)
    assert isinstance(first, SqliteStore) and isinstance(second, SqliteStore)
    assert (first.rotate_key(new_key()), second.rotate_key(new_key())) == (1, 1)
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(s.rotate_key, new_key()) for s in (first, second) * 8]:
            assert done.result(30) == 1
    for store in (first, second):
        store.close()
    again = open_store(tmp_path)
    entry = again.current().entry("provider_keys", "a")
    assert entry is not None and entry.secret == SECRET
    again.close()


# ---------------------------------------------------------------- the form before the release
def earlier(folder: Path, bound_to: str) -> bytes:
    """SECRET as an aisix of then sealed it, with the first key of the folder."""
    keyring = Keyring.open(folder)
    key, nonce = keyring._keys[keyring.current], os.urandom(12)
    sealed = AESGCM(key).encrypt(nonce, SECRET.encode(), bound_to.encode())
    return b"\x01" + bytes.fromhex(keyring.current) + nonce + sealed


def test_a_database_of_the_earlier_form_says_what_to_do(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    body = {"display_name": "a", "provider": "p", "secret": SECRET}
    writes.create(store, "provider_keys", body, now=1.0, new_id="a")
    store.close()
    with sqlite3.connect(tmp_path / "aisix.db") as db:
        sealed = earlier(tmp_path, WHERE)
        db.execute("UPDATE resources SET secret = ?", (sealed,))
    db.close()
    store = open_store(tmp_path)
    (told,) = store.current().quarantined
    store.close()
    assert (told.kind, told.id, told.serves) == ("provider_keys", "a", False)
    assert re.search(r"aisix export --secrets.*aisix import", told.why)
    assert SECRET not in told.why
    with sqlite3.connect(tmp_path / "aisix.db") as db:
        (kept,) = db.execute("SELECT secret FROM resources").fetchone()
    db.close()
    assert kept == sealed, "what cannot be read is not written over"


def test_a_remembered_resources_file_of_the_earlier_form_says_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "resources.yaml"
    file.write_text(
        f"provider_keys:\n  - display_name: prod\n    provider: p\n    secret: {SECRET}\n"
    )
    data = tmp_path / "data"
    store = open_store(data, resources_file=file, environ={})
    store.reload()
    store.close()
    kept = data / ACCEPTED
    assert kept.read_bytes()[:1] == b"\x02"
    kept.write_bytes(earlier(data, ACCEPTED))
    with pytest.raises(OperatorError, match=f"{ACCEPTED}: was written by an earlier.*remove it"):
        open_store(data, resources_file=file, environ={})
    kept.unlink()
    store = open_store(data, resources_file=file, environ={})
    (entry,) = store.reload().entries("provider_keys")
    assert entry.secret == SECRET
    store.close()
