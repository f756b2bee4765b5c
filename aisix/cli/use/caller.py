"""What the gateway says to a caller's key: whether it lets it in, and which aliases it may use.

Raises OperatorError for a key or an alias that is refused. Never shows the key.
"""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any
from urllib.parse import quote, urlsplit

from aisix.cli.use.declared import near
from aisix.errors import OperatorError

TIMEOUT_SECS = 10
MAX_ANSWER_BYTES = 8 << 20
MAX_NAMED = 20  # aliases that a message names


def base_of(url: str) -> str:
    """The gateway's address as clients' settings begin with it: no `/` and no `/v1` at its end."""
    parts = urlsplit(url)
    try:
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.query or parts.fragment or parts.username:
        raise OperatorError("--url: expected http://HOST:PORT, without user, query or fragment")
    return url.rstrip("/").removesuffix("/v1").rstrip("/")


def may_use(url: str, key: str, alias: str) -> bool:
    """True: it may; False: nobody answers at the address, so that nothing was asked."""
    try:
        status, said = _ask(url, key, f"/v1/models/{quote(alias, safe='')}")
        if status in (403, 404):
            status, said = _ask(url, key, "/v1/models")
            _refused(url, status)
            raise OperatorError(f"the key may not use {alias!r}: {near(alias, _ids(said))}")
    except (OSError, http.client.HTTPException):
        return False
    _refused(url, status)
    return True


def only_alias(url: str, key: str) -> str:
    """The one alias that the key may use; OperatorError where there are none or several."""
    try:
        status, said = _ask(url, key, "/v1/models")
    except (OSError, http.client.HTTPException):
        text = f"nobody answers at {url}: which alias? aisix use CLIENT ALIAS"
        raise OperatorError(text) from None
    _refused(url, status)
    return one_of(_ids(said))


def one_of(aliases: list[str]) -> str:
    """The only one that can be meant."""
    if len(aliases) == 1 and "*" not in aliases[0]:
        return aliases[0]
    if not aliases:
        raise OperatorError("there is no alias yet: aisix models create (README.md, step 2)")
    named = ", ".join(aliases[:MAX_NAMED]) + (", ..." if len(aliases) > MAX_NAMED else "")
    raise OperatorError(f"which alias? aisix use CLIENT ALIAS, with one of: {named}")


def _refused(url: str, status: int) -> None:
    if status in (401, 403):
        raise OperatorError(f"{url} does not let this key in (status {status})")
    if status != 200:
        raise OperatorError(f"{url} does not answer as aisix does (status {status})")


def _ids(said: Any) -> list[str]:
    items = said.get("data") if isinstance(said, dict) else None
    return [str(one.get("id")) for one in items or () if isinstance(one, dict)]


def _ask(url: str, key: str, path: str) -> tuple[int, Any]:
    parts = urlsplit(url)
    host, port = str(parts.hostname), parts.port
    if parts.scheme == "http":
        connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECS)
    else:
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECS, context=context)
    try:
        headers = {"Authorization": f"Bearer {key}"}
        connection.request("GET", parts.path.rstrip("/") + path, headers=headers)
        answer = connection.getresponse()
        raw = answer.read(MAX_ANSWER_BYTES)
    finally:
        connection.close()
    try:
        return answer.status, json.loads(raw)
    except ValueError:
        return answer.status, None
