"""etcd by its JSON gateway: endpoints, token, TLS and errors are here and nowhere else.

    client = EtcdClient(Access(("http://10.0.0.1:2379",), ...))
    client.range(key, end), client.pages(key, end), client.txn(compares, then, otherwise), ...
    client.watching(key, end, 17)          a handle for a CurlMulti; its lines come to a callback

Blocking: one kept handle per client, a client per thread, none across a fork. A call goes to the
endpoint that answered last; `next_endpoint` picks another. Reads are tried at every endpoint once;
a write is not, because one without an answer may be done. (libcurl may send it twice all the same:
`connected_anew`.)

Must never know: what our keys mean. Must never log or tell: a password, a token.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import pycurl

from aisix.store.etcd.rights import rights_of
from aisix.store.etcd.server_clock import ServerClock
from aisix.store.etcd.wire import (
    DENIED,
    INVALID,
    NAMED_CERTIFICATE,
    NETWORK,
    PRECONDITION,
    UNAUTHENTICATED,
    UNIMPLEMENTED,
    EtcdError,
    KeptAnswer,
    LeaseAnswer,
    LeftAnswer,
    RangeAnswer,
    TokenAnswer,
    TxnAnswer,
    range_body,
    refusal_of,
)

PAGE = 500  # keys of one page of a full read
ANSWER_LIMIT = 256 << 20  # bytes of one answer; a page of 500 documents of 64 KiB takes 45 MiB

NAMELESS = "user name is empty"  # etcd's words to who brings no token

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Access:
    """How etcd is reached; times are milliseconds."""

    endpoints: tuple[str, ...]
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    dial_timeout_ms: int = 5000
    request_timeout_ms: int = 5000
    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    domain_name: str | None = None


class EtcdClient:
    """`counted(code)` is told of every failure, for a metric."""

    def __init__(self, access: Access, counted: Callable[[int], None] = lambda code: None) -> None:
        self.access = access
        self._counted = counted
        self._curl = pycurl.Curl()
        self.theirs = ServerClock()
        self._at = random.randrange(len(access.endpoints))
        self._token: str | None = None
        self._no_auth = access.user is None
        self.patience_ms = access.request_timeout_ms  # for a call that does not say
        # By the last call: libcurl sends again by itself where a kept connection was lost.
        self.connected_anew = False

    def close(self) -> None:
        self._curl.close()

    @property
    def endpoint(self) -> str:
        """Where the next call goes."""
        return self.access.endpoints[self._at]

    def next_endpoint(self) -> None:
        self._at = (self._at + 1) % len(self.access.endpoints)

    # ------------------------------------------------------------------ calls
    def range(
        self, key: bytes, end: bytes = b"", *, timeout_ms: int | None = None, **more: Any
    ) -> RangeAnswer:
        """A linearizable read. more: `limit`, `revision`, `min_mod_revision`, `keys_only`, ..."""
        body = range_body(key, end, **more)
        return self.asked("kv/range", body, RangeAnswer, timeout_ms)

    def pages(self, key: bytes, end: bytes) -> Iterator[RangeAnswer]:
        """All of a range at one revision, PAGE keys at a time; EtcdError OUT_OF_RANGE when that
        revision is compacted meanwhile."""
        revision = "0"
        while True:
            page = self.range(
                key, end, limit=str(PAGE), revision=revision, sort_target="KEY", sort_order="ASCEND"
            )
            revision = revision if revision != "0" else page.header.revision
            yield page
            if not page.more or not page.kvs:
                return
            key = page.kvs[-1].key + b"\0"

    def ranges(self, *operations: dict[str, Any], timeout_ms: int | None = None) -> TxnAnswer:
        """Several linearizable reads (`range_op`) at one revision."""
        body = {"compare": [], "success": operations}
        return self.asked("kv/txn", body, TxnAnswer, timeout_ms)

    def txn(
        self,
        compares: Sequence[dict[str, Any]],
        then: Sequence[dict[str, Any]],
        otherwise: Sequence[dict[str, Any]] = (),
        timeout_ms: int | None = None,
    ) -> TxnAnswer:
        """All or nothing, sent once. An EtcdError that is not `certain` leaves its outcome open."""
        body = {"compare": compares, "success": then, "failure": otherwise}
        return self.call("kv/txn", body, TxnAnswer, timeout_ms)

    def grant(self, seconds: int) -> int:
        """A new lease."""
        return int(self.call("lease/grant", {"TTL": str(seconds)}, LeaseAnswer).ID)

    def keep(self, lease: int) -> bool:
        """Renew it; False: it is lost, or has ended."""
        answer = self.call("lease/keepalive", {"ID": str(lease)}, KeptAnswer)
        return int(answer.result.TTL) > 0

    def left(self, lease: int) -> int:
        """Seconds that it has left; -1: it has ended."""
        return int(self.asked("lease/timetolive", {"ID": str(lease)}, LeftAnswer).TTL)

    def revoke(self, lease: int) -> None:
        self.call("lease/revoke", {"ID": str(lease)}, msgspec.Raw)

    def asked(
        self, path: str, body: dict[str, Any], kind: type[T], timeout_ms: int | None = None
    ) -> T:
        """A call that changes nothing: at every endpoint once."""
        for left in reversed(range(len(self.access.endpoints))):
            try:
                return self.call(path, body, kind, timeout_ms)
            except EtcdError as error:
                if not error.elsewhere or not left:
                    raise
                self.next_endpoint()
        raise AssertionError

    def call(
        self, path: str, body: dict[str, Any], kind: type[T], timeout_ms: int | None = None
    ) -> T:
        """One call at the endpoint of now; its answer, or EtcdError."""
        token = self.token()
        try:
            raw = self._send(path, body, token, timeout_ms)
        except EtcdError as error:
            asked = NAMELESS in str(error)  # it asks for users now, and did not
            stale = error.code == UNAUTHENTICATED or "auth token" in str(error) or asked
            if not stale or self.access.user is None or (self._no_auth and not asked):
                raise
            self._token, self._no_auth = None, False
            raw = self._send(path, body, self.token(), timeout_ms)
        try:
            return msgspec.json.decode(raw, type=kind)
        except msgspec.DecodeError:
            text = f"etcd at {self.endpoint}: an answer that is not etcd's to /v3/{path}"
            raise EtcdError(text, NETWORK) from None

    def token(self) -> str | None:
        """Of our user, asked for once; None where there is none, or etcd asks for none."""
        if self._no_auth or self._token is not None:
            return self._token
        names = {"name": self.access.user, "password": self.access.password or ""}
        try:
            raw = self._send("auth/authenticate", names, None, None)
        except EtcdError as error:
            if error.code == PRECONDITION:  # authentication is off there
                self._no_auth = True
                return None
            error.certain = True
            raise
        self._token = msgspec.json.decode(raw, type=TokenAnswer).token
        return self._token

    def _send(
        self, path: str, body: dict[str, Any], token: str | None, timeout_ms: int | None
    ) -> bytes:
        curl, out = self._curl, io.BytesIO()
        curl.reset()
        self.prepare(curl, path, body, token)
        curl.setopt(pycurl.TIMEOUT_MS, timeout_ms or self.patience_ms)
        curl.setopt(pycurl.MAXFILESIZE_LARGE, ANSWER_LIMIT)
        curl.setopt(pycurl.WRITEFUNCTION, out.write)
        try:
            curl.perform()
            status = curl.getinfo(pycurl.RESPONSE_CODE)
            self.connected_anew = curl.getinfo(pycurl.NUM_CONNECTS) > 0
        except pycurl.error as error:
            self._counted(NETWORK)
            raise self.lost(*error.args) from None
        if status == 200:
            return out.getvalue()
        refused = refusal_of(status, out.getvalue())
        self._counted(refused.code)
        raise self.told(refused, path, body)

    def lost(self, code: int, text: str) -> EtcdError:
        """What libcurl says when there was no answer."""
        certain = code in (pycurl.E_COULDNT_CONNECT, pycurl.E_COULDNT_RESOLVE_HOST)
        said = f"etcd at {self.endpoint}: {text or f'no answer (curl {code})'}"
        return EtcdError(said, NETWORK, certain=certain)

    def told(self, refused: EtcdError, path: str, body: dict[str, Any]) -> EtcdError:
        """The same with where, and with what an operator can do."""
        text = f"etcd at {self.endpoint}: {refused}"
        named, user = NAMED_CERTIFICATE in text, self.access.user or "none"
        if refused.code == DENIED:
            text += f": the role of user {user} (etcd.user) needs {rights_of(path, body)}"
        if refused.code == INVALID and "auth" in path and not named:
            text += f" (user {user}; see etcd.user and etcd.password_env)"
        if refused.code == INVALID and NAMELESS in str(refused):
            text += "; etcd asks for a name: set etcd.user and etcd.password_env"
        if refused.code == UNIMPLEMENTED or "not as etcd" in str(refused):
            text += "; aisix needs its JSON gateway (/v3), version 3.4 or newer"
        certain = refused.code in (INVALID, DENIED, PRECONDITION, UNAUTHENTICATED)
        return EtcdError(text, refused.code, certain=certain)

    # ------------------------------------------------------------------ handles
    def prepare(
        self, curl: pycurl.Curl, path: str, body: dict[str, Any], token: str | None
    ) -> None:
        """Where it goes, with which trust: for a call, or for a watch in a CurlMulti."""
        access = self.access
        curl.setopt(pycurl.URL, f"{self.endpoint}/v3/{path}")
        curl.setopt(pycurl.POSTFIELDS, json.dumps(body))
        headers = ["Content-Type: application/json", "Expect:"]
        if token is not None:
            headers.append(f"Authorization: {token}")
        if path == "watch":
            headers.append("Grpc-Metadata-hasleader: true")  # else silence where no quorum is
        curl.setopt(pycurl.HTTPHEADER, headers)
        curl.setopt(pycurl.HEADERFUNCTION, self.theirs.heard)
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.NOPROXY, "*")
        curl.setopt(pycurl.FOLLOWLOCATION, 0)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, min(access.dial_timeout_ms, self.patience_ms))
        curl.setopt(pycurl.TCP_NODELAY, 1)
        if access.ca_file:
            curl.setopt(pycurl.CAINFO, access.ca_file)
        if access.client_cert and access.client_key:
            curl.setopt(pycurl.SSLCERT, access.client_cert)
            curl.setopt(pycurl.SSLKEY, access.client_key)
        if access.domain_name:
            host, _, port = self.endpoint.partition("//")[2].partition("/")[0].rpartition(":")
            curl.setopt(pycurl.URL, f"https://{access.domain_name}:{port}/v3/{path}")
            curl.setopt(pycurl.CONNECT_TO, [f"::{host}:{port}"])

    def watching(
        self, key: bytes, end: bytes, revision: int, take: Callable[[bytes], object]
    ) -> pycurl.Curl:
        """A handle that watches a range from `revision` on; `take` gets the pieces of its lines."""
        made = range_body(key, end, start_revision=str(revision))
        curl = pycurl.Curl()
        self.prepare(curl, "watch", {"create_request": made}, self.token())
        curl.setopt(pycurl.WRITEFUNCTION, take)
        return curl
