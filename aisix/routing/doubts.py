"""What an operator may mean and may regret: written all the same, and told.

    doubts("models", {"display_name": "*", ...})  ->  [Complaint("", "display_name", "answers ...")]

Told in the answer of the write, by the log, by `aisix check` and `doctor`. Never quotes a value.

Must never know: who writes the document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from aisix.errors import Complaint
from aisix.store.kinds.models import targets_of
from aisix.store.snapshot import Snapshot

Document = Mapping[str, Any]

AGAIN = re.compile(r"(/v\d[\w.]*)\1(?:/|$)")  # /v1/v1: pasted after what stood there already
INSIDE = ("localhost", "local", "internal", "intranet", "lan", "corp", "svc", "test", "home.arpa")
NO_TLS = "beyond loopback without TLS: keys and prompts pass in clear, unless another does TLS"


def doubts(kind: str, document: Document) -> list[Complaint]:
    """What is doubtful in a document that is acceptable."""
    found = {"provider_keys": _of_key, "models": _of_model}.get(kind)
    told = [*found(document)] if found else []
    for name, limit in (document.get("rate_limit") or {}).items():
        if limit == 0:
            told.append((f"rate_limit.{name}", "0 lets nothing through; null is no limit"))
    return [Complaint("", path, text) for path, text in told]


def stored(snapshot: Snapshot) -> Iterator[str]:
    """The same of everything that is kept, to be logged at the start."""
    for entry in snapshot.all_entries():
        name = entry.document.get("display_name") or entry.id
        for one in doubts(entry.kind, entry.document):
            yield f"{entry.kind}/{name}: {one}"


def open_addresses(addresses: Mapping[str, tuple[str, bool]]) -> Iterator[tuple[str, str]]:
    """(setting, what is doubtful) of {setting: (its address, whether TLS is spoken there)}."""
    for name, (addr, tls) in addresses.items():
        if not tls and not _inside(addr.rpartition(":")[0].strip("[]"), loopback=True):
            yield name, f"{addr}: {NO_TLS}"


def _of_key(document: Document) -> Iterator[tuple[str, str]]:
    parts = urlsplit(document.get("api_base") or "")
    if parts.scheme == "http" and not _inside(parts.hostname or ""):
        yield "api_base", "is public and no https: credential and prompts pass in clear text"
    if AGAIN.search(parts.path):
        yield "api_base", "says its version twice, one after the other"
    if (document.get("tls") or {}).get("verify") is False:
        yield "tls.verify", "is false: anyone in between can read prompts and the credential"


def _of_model(document: Document) -> Iterator[tuple[str, str]]:
    if document.get("display_name") == "*":
        yield "display_name", "answers to every name that has no alias of its own"
    weights = [target.get("weight", 1) for _, target in targets_of(dict(document))]
    if weights and not any(weights):
        yield "targets", "none has a weight: the first takes everything"


def _inside(host: str, loopback: bool = False) -> bool:
    """Whether a host is of a network of one's own; with `loopback`, of this machine."""
    try:
        address = ip_address(host)
    except ValueError:
        if loopback:
            return host == "localhost"
        return "." not in host or any(host.endswith(f".{zone}") for zone in INSIDE)
    return address.is_loopback if loopback else not address.is_global
