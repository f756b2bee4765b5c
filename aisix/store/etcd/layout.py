"""Keys and documents as they stand in etcd, shared with the original AISIX and its tools.

    <prefix>/[<env>/]provider_keys|models|api_keys/<id>    the bare JSON document
    /x<prefix>/[<env>/]guard                               moved by each write of ours
    /x<prefix>/[<env>/]key                                 which encryption key is the cluster's
    /x<prefix>/[<env>/]batch                               a long import is under way
    /x<prefix>/[<env>/]nodes/<node>                        who lives

    Layout("/aisix", "").key("apikeys", "ci")              b"/aisix/api_keys/ci"
    encode(stored, keyring)  <->  decode(kind, id, value, keyring)

A document of ours has one field more, `_meta`, with its times; without it somebody else wrote it,
by the original's rules (`movein`), and its times are 0: unknown. What is secret is one text,
"sealed:" and base64, bound to its name.

Must never know: a socket, whether a document fits.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from aisix.errors import StoreError
from aisix.movein.declared import kinds
from aisix.movein.documents import moved_document
from aisix.store.config_state import NO_JSON, THERE
from aisix.store.etcd.wire import end_of
from aisix.store.kinds.declare import Kind
from aisix.store.kinds.registry import KINDS
from aisix.store.resources import Document
from aisix.store.sealing import packed, unpacked
from aisix.store.secrets import Keyring

SEALED = "sealed:"
META = "_meta"
OURS = {there: here for here, there in THERE.items()}

Name = tuple[str, str]  # (kind, id)


class UnreadableError(Exception):
    """A document that is none, said without a value of it."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A document with what etcd knows of it; times are Unix seconds, 0: unknown.

    in_clear: its secret stood there as it is; unknown, ignored: fields of a foreign document that
    nobody knows, and that the original knows and this gateway does not go by.
    """

    kind: str
    id: str
    created: int  # create_revision
    mod: int  # mod_revision
    document: Document = field(repr=False)
    secret: str | None = field(repr=False)
    created_at: int = 0
    updated_at: int = 0
    in_clear: bool = False
    unknown: tuple[str, ...] = field(default=(), compare=False)
    ignored: tuple[str, ...] = field(default=(), compare=False)

    @property
    def name(self) -> Name:
        return self.kind, self.id

    @property
    def age(self) -> tuple[int, str]:
        """Sorts the older one first, the same on every node."""
        return self.created, self.id


class Layout:
    """Where things are, under one prefix and environment."""

    def __init__(self, prefix: str, env_id: str | None = None) -> None:
        prefix = prefix.rstrip("/")
        below = f"/{env_id}/" if env_id else "/"
        self.documents = f"{prefix}{below}".encode()
        self.own = f"/x{prefix}{below}".encode()
        self.documents_end, self.own_end = end_of(self.documents), end_of(self.own)
        self.guard = self.own + b"guard"
        self.cluster_key = self.own + b"key"
        self.batch = self.own + b"batch"
        self.nodes = self.own + b"nodes/"

    def key(self, kind: str, id: str) -> bytes:
        return self.documents + f"{THERE.get(kind, kind)}/{id}".encode()

    def node(self, name: str) -> bytes:
        return self.nodes + name.encode()

    def name_of(self, key: bytes) -> Name | None:
        """(kind, id) of a document; a kind that aisix does not have is told by its own name, and an
        id is all that comes behind. None: it has no kind or no id, or is no text."""
        try:
            kind, slash, id = key[len(self.documents) :].decode().partition("/")
        except UnicodeDecodeError:
            return None
        if not slash or not id or not kind:
            return None
        return OURS.get(kind, kind), id

    def served(self, key: bytes) -> Name | None:
        """The same, of a kind that we have; else None."""
        name = self.name_of(key)
        return name if name is not None and name[0] in KINDS.names else None


def encode(stored: Stored, keyring: Keyring | None) -> bytes:
    """The value of a document's key; without a keyring its secrets are in clear."""
    kind = KINDS[stored.kind]
    written: dict[str, Any] = dict(stored.document)
    text = stored.secret
    if keyring is not None:
        written, text = packed(kind, stored.document, stored.secret)
        written = dict(written)
        if text is not None:
            sealed = keyring.seal(text, f"{stored.kind}/{stored.id}")
            text = SEALED + base64.b64encode(sealed).decode()
    if text is not None:
        written[_secret_name(kind)] = text
    written[META] = {"created_at": stored.created_at, "updated_at": stored.updated_at}
    return json.dumps(written, ensure_ascii=True, separators=(",", ":")).encode()


def decode(name: Name, value: bytes, created: int, mod: int, keyring: Keyring) -> Stored:
    """The inverse, of whoever's document; UnreadableError says why there is none."""
    kind, id = KINDS[name[0]], name[1]
    try:
        found = msgspec.json.decode(value)
    except msgspec.DecodeError as error:
        raise UnreadableError(f"{NO_JSON}: {error}") from None
    except (UnicodeError, RecursionError):
        raise UnreadableError(f"{NO_JSON} in UTF-8") from None
    if type(found) is not dict:
        raise UnreadableError("it is no object")
    times = found.pop(META, None)
    given = [found.pop(way) for way in _secret_names(kind) if found.get(way) is not None]
    text = given[0] if given else None
    if len(given) > 1 and times is None:
        raise UnreadableError(f"{' and '.join(_secret_names(kind))}: give one of them")
    if text is not None and type(text) is not str:
        raise UnreadableError(f"{_secret_name(kind)}: must be a text")
    in_clear = text is not None and not text.startswith(SEALED)
    document, secret = found, text
    if text is not None and not in_clear:
        document, secret = _opened(name, found, text, keyring)
    made, changed = _times(times)
    stored = Stored(name[0], id, created, mod, document, secret, made, changed, in_clear)
    return _foreign(stored) if times is None else stored


def _foreign(stored: Stored) -> Stored:
    """By the original's rules; UnreadableError when it cannot be obeyed."""
    there = THERE.get(stored.kind, stored.kind)
    if there not in kinds():
        return stored
    moved = moved_document(there, stored.document)
    if moved.wrong:
        said = (f"{one.path}: {one.text}" if one.path else one.text for one in moved.wrong)
        raise UnreadableError("; ".join(said))
    known, ignored = moved.document, moved.ignored
    return replace(stored, document=known, unknown=tuple(moved.unknown), ignored=ignored)


def _opened(
    name: Name, found: Document, text: str, keyring: Keyring
) -> tuple[Document, str | None]:
    bound = "/".join(name)
    try:
        sealed = base64.b64decode(text[len(SEALED) :], validate=True)
        return unpacked(found, keyring.unseal(sealed, bound))
    except (binascii.Error, ValueError):
        raise UnreadableError("its sealed secret is not base64") from None
    except StoreError as error:
        raise UnreadableError(str(error).removeprefix(f"{bound}: ")) from None


def _times(given: Any) -> tuple[int, int]:
    times = given if isinstance(given, dict) else {}
    found = [times.get(name) for name in ("created_at", "updated_at")]
    made, changed = (one if type(one) is int and 0 <= one < 1 << 40 else 0 for one in found)
    return made, changed


def _secret_names(kind: Kind) -> tuple[str, ...]:
    """Every field a secret may come in, the one it is written in first."""
    if kind.secret is None:
        return (META_SECRET,)
    return (*kind.other_ways(kind.secret.name), kind.secret.name)


def _secret_name(kind: Kind) -> str:
    return _secret_names(kind)[0]


META_SECRET = "_sealed"  # of a kind without a secret of its own, that hides something all the same
