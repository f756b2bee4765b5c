"""Whose key a request brings.

    api_key = authenticated(request.headers, caller.credentials, snapshot)   # or CallerError

A key is hashed at once and goes no further.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence

from aisix.errors import CallerError
from aisix.store.resources import ApiKey
from aisix.store.snapshot import Snapshot

_sha256 = hashlib.sha256().copy  # OpenSSL looks its algorithms up anew for every other new one


def authenticated(
    headers: Mapping[str, str], places: Sequence[tuple[str, str]], snapshot: Snapshot
) -> ApiKey:
    """Of several keys the first that is good, in the order of `places`: (header, word before a
    key, in lower case). CallerError no_key, bad_key, expired_key, disabled_key."""
    fault, now = "no_key", 0.0
    for name, scheme in places:
        key = headers.get(name, "")
        if scheme:
            word, _, key = key.partition(" ")
            if word.lower() != scheme:
                continue
        key = key.strip()
        if not key:
            continue
        hashed = _sha256()
        hashed.update(key.encode("utf-8", "replace"))
        found = snapshot.api_key(hashed.hexdigest())
        if found is not None:
            now = now or time.time()
            refused = found.fault(now)
            if refused is None:
                return found
            if fault in ("no_key", "bad_key"):  # of a key that is known there is more to say
                fault = refused
        elif fault == "no_key":
            fault = "bad_key"
    raise CallerError(fault)
