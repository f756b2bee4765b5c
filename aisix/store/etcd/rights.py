"""What an etcd that asks for users must allow for a call: told to an operator whom it refused.

    rights_of("kv/range", body)      "READ on /x/aisix/*"

The star stands for everything that begins so, what `--prefix=true` of `etcdctl role
grant-permission` grants.

Must never know: a socket, what our keys mean.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aisix.store.etcd.wire import end_of

READ, WRITE = "READ", "WRITE"
MOST_NAMED = 4  # keys and ranges that one message names of each right


def rights_of(path: str, body: Mapping[str, Any]) -> str:
    """Of a call of the gateway; "" for one that needs none."""
    found: dict[str, list[str]] = {}
    for right, where in _asked(path, body):
        some = found.setdefault(right, [])
        if where not in some:
            some.append(where)
    return " and ".join(f"{right} on {_listed(some)}" for right, some in found.items())


def _listed(names: Sequence[str]) -> str:
    more = ", ..." if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _asked(path: str, body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if path == "kv/range":
        yield READ, _shown(body)
    elif path == "watch":
        yield READ, _shown(body["create_request"])
    elif path == "kv/txn":
        for one in body.get("compare", ()):
            yield READ, _shown(one)
        for one in (*body.get("success", ()), *body.get("failure", ())):
            for kind, asked in one.items():
                yield READ if kind == "requestRange" else WRITE, _shown(asked)


def _shown(asked: Mapping[str, Any]) -> str:
    key = base64.b64decode(asked.get("key", ""))
    end = base64.b64decode(asked.get("range_end", ""))
    text = key.decode("utf-8", "backslashreplace")
    if not end:
        return text
    if key and end == end_of(key):
        return f"{text}*"
    return f"{text} to {end.decode('utf-8', 'backslashreplace')}"
