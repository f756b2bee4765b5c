"""A client of the admin API, over the standard library: for the command line.

    AdminClient("http://127.0.0.1:3001", key).call("POST", "apikeys", {...})  ->  the JSON answered

Raises Told when the gateway refuses and OperatorError when nobody answers.

Must never know: what a resource holds. Never shows the admin key.
"""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import quote, urlsplit

from aisix.errors import AisixError, OperatorError

TIMEOUT_SECS = 30


class Told(AisixError):
    """The gateway refused; `answer` is the JSON it gave, the text is for people."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer
        error = answer.get("error", {})
        faults = [f"  {fault['path']}: {fault['message']}" for fault in error.get("faults", ())]
        said = f"refused ({error.get('code')})" if faults else str(error.get("message"))
        super().__init__("\n".join([said, *faults]))


class AdminClient:
    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise OperatorError("the admin API's address must be a URL: http://127.0.0.1:3001")
        self._url = url.rstrip("/")
        self._parts = parts
        self._key = key

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One call of /admin/v1/<path>."""
        parts = self._parts
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        raw = None if body is None else json.dumps(body).encode()
        try:
            connection = kind(str(parts.hostname), parts.port, timeout=TIMEOUT_SECS)
            try:
                target = f"{parts.path.rstrip('/')}/admin/v1/{path}"
                connection.request(method, target, raw, headers)
                answer = connection.getresponse()
                text = answer.read()
            finally:
                connection.close()
        except (OSError, http.client.HTTPException, ValueError) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            raise OperatorError(f"no gateway answers at {self._url}: {why}") from None
        try:
            told = json.loads(text)
        except ValueError:
            raise OperatorError(f"{self._url} is not the admin API of aisix") from None
        if answer.status >= 400:
            raise Told(told)
        return told

    def every(self, kind: str) -> list[dict[str, Any]]:
        """All of a kind, page by page."""
        items: list[dict[str, Any]] = []
        cursor = "0"
        while cursor is not None:
            page = self.call("GET", f"{kind}?limit=1000&cursor={cursor}")
            items += page["items"]
            cursor = page["next_cursor"]
        return items

    def one(self, kind: str, which: str) -> dict[str, Any]:
        """The one with this id, else with this display_name."""
        try:
            return dict(self.call("GET", f"{kind}/{quote(which, safe='')}"))
        except Told as told:
            if told.answer.get("error", {}).get("code") != "not_found":
                raise
        found = self.call("GET", f"{kind}?display_name={quote(which, safe='')}")["items"]
        if not found:
            text = f"{kind}: there is none with the id or name {which}"
            raise Told({"error": {"code": "not_found", "message": text}})
        return dict(found[0])
