"""Provider secrets at rest: XChaCha20-Poly1305 with a key that is not in the database.

The key comes from the settings (base64 or hex of 32 bytes; several, separated by commas, while one
replaces another: the first encrypts, all decrypt) or from `secret.key` in the data directory, a
0600 file of one key a line, created on first start. Several processes may start at once: the file
appears whole or not at all, and the first one wins.

    sealed   1 byte version | 4 bytes key id | 24 bytes nonce | ciphertext and tag
    bound to "<kind>/<id>", so that a sealed secret cannot be moved to another resource

Must never know: what a secret is for. Must never put a key or a secret in a message.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from nacl.exceptions import CryptoError
from nacl.secret import Aead

from aisix.errors import OperatorError, StoreError

KEY_FILE = "secret.key"
VERSION = b"\x02"
EARLIER = b"\x01"  # AES-256-GCM, before the first release
MAKE_ONE = "make one with: openssl rand -base64 32"


class EarlierForm(StoreError):
    """Sealed by an aisix of before the first release."""


class Keyring:
    """The keys of one data directory; the first encrypts, each decrypts what it encrypted."""

    def __init__(self, keys: Sequence[bytes], file: Path | None = None) -> None:
        self._file = file
        self._keys = {key_id(key): key for key in keys}
        self._current = next(iter(self._keys))

    @classmethod
    def open(cls, data_dir: Path, given: str | None = None, file: Path | None = None) -> Keyring:
        """The keys given in the settings, else those of the key file, which is made if need be; it
        is in data_dir, unless `file` says where."""
        if given:
            return cls(_parse(given.replace(",", "\n"), "the encryption key of the settings"))
        if file is not None:
            _make_folder(file.parent)
        file = file or data_dir / KEY_FILE
        if not file.exists():
            _create(file, new_key())
        return cls(_read(file), file)

    def __repr__(self) -> str:
        return f"Keyring(current={self.current!r})"

    @property
    def current(self) -> str:
        """The id of the key that encrypts: 8 hex digits that tell nothing about the key."""
        return self._current

    @property
    def ids(self) -> tuple[str, ...]:
        """Of every key that is here, the one that encrypts first."""
        return tuple(self._keys)

    def knows(self, id: str) -> bool:
        """Whether the key of this id is here; looks in the file again before it says no."""
        if id not in self._keys:
            self.reread()
        return id in self._keys

    def reread(self) -> None:
        """Take the key file's keys as they are now: another process may have rotated them."""
        if self._file is not None:
            self._keys = {key_id(key): key for key in _read(self._file)}
            self._current = next(iter(self._keys))

    def seal(self, secret: str, bound_to: str) -> bytes:
        """The secret encrypted with the first key; it opens only for the same `bound_to`."""
        # The nonce is random, fresh each time, and stands in front of what encrypt() returns.
        sealed = Aead(self._keys[self._current]).encrypt(secret.encode(), bound_to.encode())
        return VERSION + bytes.fromhex(self._current) + sealed

    def unseal(self, sealed: bytes, bound_to: str) -> str:
        """The secret again; StoreError when its key is not here, or it was tampered with."""
        if sealed[:1] == EARLIER:
            raise EarlierForm(
                f"{bound_to}: its secret was encrypted by an earlier aisix, in a form that is no "
                "longer read: `aisix export --secrets` with that one, then `aisix import` with "
                "this one into an empty data_dir"
            )
        id = sealed[1:5].hex()
        if sealed[:1] != VERSION or not self.knows(id):
            raise StoreError(f"{bound_to}: its secret was encrypted with a key that is not here")
        try:
            plain = Aead(self._keys[id]).decrypt(sealed[5:], bound_to.encode())
        except (CryptoError, ValueError):  # ValueError: too short
            raise StoreError(f"{bound_to}: its stored secret was tampered with") from None
        return plain.decode()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else changes the key file meanwhile: two rotations would drop each other's key."""
        if self._file is None:
            yield
            return
        folder = os.open(self._file.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            self.reread()
            yield
        finally:
            os.close(folder)

    def add_newest(self, key: bytes) -> None:
        """Put a key in front; the older ones stay readable until `drop_older`."""
        self._replace([key, *self._keys.values()])

    def drop_older(self) -> None:
        """Forget every key but the current one."""
        self._replace([self._keys[self._current]])

    def _replace(self, keys: list[bytes]) -> None:
        if self._file is None:
            raise OperatorError(
                "the encryption key is in the settings: put the new key in front of the old one "
                "there (new,old), rotate, then take the old one away"
            )
        try:
            _write(self._file, keys, exclusive=False)
        except OSError as error:
            raise _unwritten(self._file, error) from None
        self.reread()

    @property
    def in_file(self) -> bool:
        """Whether the keys come from the key file, and not from the settings."""
        return self._file is not None


def new_key() -> bytes:
    """32 random bytes."""
    return os.urandom(32)


def key_id(key: bytes) -> str:
    """8 hex digits that name a key and tell nothing about it."""
    return hashlib.sha256(b"aisix key id\0" + key).hexdigest()[:8]


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise OperatorError(f"{folder}: cannot be made: {error.strerror}") from None


def _parse(text: str, where: str) -> list[bytes]:
    keys = [_key(line.strip(), where) for line in text.splitlines() if line.strip()]
    if not keys:
        raise OperatorError(f"{where} holds no key; {MAKE_ONE}")
    return keys


def _key(text: str, where: str) -> bytes:
    try:
        if len(text) == 64:
            return bytes.fromhex(text)
        key = base64.b64decode(text, altchars=b"-_" if "-" in text or "_" in text else None)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != 32:
        raise OperatorError(f"{where} must be 32 bytes in base64 or hex; {MAKE_ONE}")
    return key


def _read(file: Path) -> list[bytes]:
    try:
        with open(file, encoding="ascii") as opened:
            if os.fstat(opened.fileno()).st_mode & 0o077:
                raise OperatorError(f"{file} can be read by others: chmod 600 {file}")
            return _parse(opened.read(), str(file))
    except (OSError, UnicodeError) as error:
        raise OperatorError(f"{file}: cannot be read: {error}") from None


def _create(file: Path, key: bytes) -> None:
    try:
        _write(file, [key], exclusive=True)
    except FileExistsError:
        pass  # another process was first: its key is the key
    except OSError as error:
        raise _unwritten(file, error) from None


def _unwritten(file: Path, error: OSError) -> OperatorError:
    return OperatorError(f"{file}: cannot be written: {error.strerror}")


def _write(file: Path, keys: list[bytes], *, exclusive: bool) -> None:
    """Write whole or not at all, durably; `exclusive` fails when the file is already there."""
    fd, temporary = tempfile.mkstemp(prefix=".secret.", dir=file.parent)  # mkstemp gives 0600
    try:
        with os.fdopen(fd, "w", encoding="ascii") as opened:
            opened.writelines(base64.b64encode(key).decode() + "\n" for key in keys)
            opened.flush()
            os.fsync(opened.fileno())
        if exclusive:
            os.link(temporary, file)
        else:
            os.replace(temporary, file)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
