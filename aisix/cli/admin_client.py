"""A client of the admin API, over the standard library: for the command line.

    AdminClient("http://127.0.0.1:3001", key).call("POST", "apikeys", {...})  ->  the JSON answered

Raises Told when the gateway refuses and OperatorError when nobody answers.

Must never know: what a resource holds. Never shows the admin key.
"""

from __future__ import annotations

import argparse
import http.client
import json
import ssl
from typing import Any
from urllib.parse import quote, urlsplit

from aisix.errors import AisixError, OperatorError

TIMEOUT_SECS = 30
WRONG_HOST = 421


def add_admin_options(sub: argparse.ArgumentParser) -> None:
    """Those of a command that asks a gateway's admin API, and `resources.client_of` reads."""
    sub.add_argument("--admin", metavar="URL", help="the admin API; default: of the settings")
    sub.add_argument("--admin-key-file", metavar="FILE", help="a file that holds an admin key")
    sub.add_argument("--json", action="store_true", help="for programs")


class AdminRefused(AisixError):
    """The gateway refused; `answer` is the JSON it gave, the text is for people."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer
        error = answer.get("error", {})
        faults = [f"  {fault['path']}: {fault['message']}" for fault in error.get("faults", ())]
        said = f"refused ({error.get('code')})" if faults else str(error.get("message"))
        super().__init__("\n".join([said, *faults]))


class AdminClient:
    """`secs`: how long an answer may take, once somebody is there."""

    def __init__(self, url: str, key: str, secs: float = TIMEOUT_SECS) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise OperatorError("the admin API's address must be a URL: http://127.0.0.1:3001")
        self._url = url.rstrip("/")
        self._parts = parts
        self._key = key
        self._secs = secs

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One call of /admin/v1/<path>."""
        parts = self._parts
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        raw = None if body is None else json.dumps(body).encode()
        target = f"{parts.path.rstrip('/')}/admin/v1/{path}"
        try:
            status, text, address = self._ask(method, target, raw, headers)
            if status == WRONG_HOST:
                # It does not know the name we were given; we are no page in a browser, and ask
                # for the address the name led to.
                status, text, _ = self._ask(method, target, raw, {**headers, "Host": address})
        except ssl.SSLCertVerificationError as error:
            why = f"its certificate is not trusted: {error.verify_message} (see SSL_CERT_FILE)"
            raise OperatorError(f"{self._url}: {why}") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            raise OperatorError(f"no gateway answers at {self._url}: {why}") from None
        try:
            told = json.loads(text)
        except ValueError:
            raise OperatorError(f"{self._url} is not the admin API of aisix") from None
        if status >= 400:
            raise AdminRefused(told)
        return told

    def _ask(
        self, method: str, target: str, raw: bytes | None, headers: dict[str, str]
    ) -> tuple[int, bytes, str]:
        """Status and body of the answer, and the "address:port" that gave it."""
        connection = self._connection()
        try:
            connection.connect()
            connection.sock.settimeout(self._secs)
            address, port = connection.sock.getpeername()[:2]
            connection.request(method, target, raw, headers)
            answer = connection.getresponse()
            at = f"[{address}]" if ":" in address else address
            return answer.status, answer.read(), f"{at}:{port}"
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        host, port = str(self._parts.hostname), self._parts.port
        if self._parts.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECS)
        # Since Python 3.13 a default context is strict about form (RFC 5280) and refuses private
        # authorities that have no key identifier. All versions check what 3.11 checks: a newer
        # interpreter is to be no outage.
        trusted = ssl.create_default_context()
        trusted.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECS, context=trusted)

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
        except AdminRefused as told:
            if told.answer.get("error", {}).get("code") != "not_found":
                raise
        found = self.call("GET", f"{kind}?display_name={quote(which, safe='')}")["items"]
        if not found:
            text = f"{kind}: there is none with the id or name {which}"
            raise AdminRefused({"error": {"code": "not_found", "message": text}})
        return dict(found[0])
