"""What etcd's JSON gateway says: 64-bit numbers are texts; zero, false and empty are absent.

    KeyValue, RangeAnswer, TxnAnswer, WatchAnswer ...   its messages, bytes taken out of base64
    WatchLines().feed(piece)                                 the JSON objects of a watch, one a line
    EtcdError                                           an answer that is none, by its code

Must never know: a socket, what our keys mean.
"""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from aisix.errors import StoreError

LINE_LIMIT = 64 << 20  # bytes of one line: all events of one change; etcd's own limit is 1.5 MiB

# Codes of gRPC, which the gateway hands on.
UNKNOWN, INVALID, EXCEEDED, DENIED, PRECONDITION = 2, 3, 4, 7, 9
OUT_OF_RANGE, UNIMPLEMENTED, UNAVAILABLE, UNAUTHENTICATED = 11, 12, 14, 16
NETWORK = -1  # ours: no answer at all
NAMED_CERTIFICATE = (
    "while it asks for users it takes client certificates without a common name (CN) alone: "
    "have the one of etcd.tls.client_cert_file made anew, with an empty CN"
)


class EtcdError(StoreError):
    """etcd could not, or would not. code: of gRPC, or NETWORK; certain: nothing was written."""

    def __init__(self, text: str, code: int, *, certain: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.certain = certain

    @property
    def elsewhere(self) -> bool:
        """Whether another member may answer: this one has no quorum, or is not there."""
        return self.code in (NETWORK, UNAVAILABLE, UNKNOWN, EXCEEDED)


class AnswerHeader(msgspec.Struct):
    cluster_id: str = "0"
    member_id: str = "0"
    revision: str = "0"


class KeyValue(msgspec.Struct):
    key: bytes = b""
    value: bytes = b""
    create_revision: str = "0"
    mod_revision: str = "0"
    lease: str = "0"

    @property
    def mod(self) -> int:
        return int(self.mod_revision)

    @property
    def created(self) -> int:
        return int(self.create_revision)


class RangeAnswer(msgspec.Struct):
    header: AnswerHeader = msgspec.field(default_factory=AnswerHeader)
    kvs: list[KeyValue] = msgspec.field(default_factory=list)
    more: bool = False
    count: str = "0"

    @property
    def revision(self) -> int:
        """Of the whole etcd."""
        return int(self.header.revision)


class TxnResponse(msgspec.Struct):
    response_range: RangeAnswer | None = None


class TxnAnswer(msgspec.Struct):
    header: AnswerHeader = msgspec.field(default_factory=AnswerHeader)
    succeeded: bool = False
    responses: list[TxnResponse] = msgspec.field(default_factory=list)

    @property
    def revision(self) -> int:
        return int(self.header.revision)

    def ranges(self) -> list[RangeAnswer]:
        """What was asked for in the branch that was taken; nothing found is an empty one."""
        return [one.response_range or RangeAnswer() for one in self.responses]


class WatchEvent(msgspec.Struct):
    kv: KeyValue = msgspec.field(default_factory=KeyValue)
    type: str = "PUT"


class WatchResult(msgspec.Struct):
    header: AnswerHeader = msgspec.field(default_factory=AnswerHeader)
    watch_id: str = "0"
    created: bool = False
    canceled: bool = False
    compact_revision: str = "0"
    cancel_reason: str = ""
    events: list[WatchEvent] = msgspec.field(default_factory=list)


class StreamError(msgspec.Struct):
    grpc_code: int = UNKNOWN
    message: str = ""


class WatchAnswer(msgspec.Struct):
    """One line of a watch: a result, or the error that ends it."""

    result: WatchResult | None = None
    error: StreamError | None = None


class LeaseAnswer(msgspec.Struct):
    ID: str = "0"
    TTL: str = "0"
    error: str = ""


class KeptAnswer(msgspec.Struct):
    """The keepalive's answer stands in `result`; without a TTL the lease is lost."""

    result: LeaseAnswer = msgspec.field(default_factory=LeaseAnswer)


class LeftAnswer(msgspec.Struct):
    """How long a lease has left; -1: it has ended."""

    TTL: str = "0"


class TokenAnswer(msgspec.Struct):
    token: str = ""


class EtcdRefusal(msgspec.Struct):
    error: str = ""
    message: str = ""
    code: int = UNKNOWN


class WatchLines:
    """Any cut of a stream of lines, put together again. EtcdError for a line beyond LINE_LIMIT."""

    def __init__(self) -> None:
        self._begun: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """The lines that are whole now."""
        *whole, rest = piece.split(b"\n")
        found = []
        for line in whole:
            found.append(b"".join([*self._begun, line]))
            self._begun.clear()
            self._size = 0
        if rest:
            self._begun.append(rest)
            self._size += len(rest)
            if self._size > LINE_LIMIT:
                raise EtcdError(f"a line of a watch is longer than {LINE_LIMIT} bytes", NETWORK)
        return [line for line in found if line.strip()]


def b64(raw: bytes) -> str:
    """Bytes as the gateway wants them."""
    return base64.b64encode(raw).decode()


def refusal_of(status: int, body: bytes) -> EtcdError:
    """An answer that is no success, with its words; what is no answer of etcd's is told as such."""
    try:
        said = msgspec.json.decode(body, type=EtcdRefusal)
    except msgspec.DecodeError:
        if b"CommonName of client" in body:
            return EtcdError(NAMED_CERTIFICATE, INVALID)
        return EtcdError(f"answers HTTP {status}, and not as etcd's JSON gateway does", UNKNOWN)
    text = said.message or said.error or f"HTTP {status}"
    return EtcdError(text[:500], said.code)


def put_op(key: bytes, value: bytes, lease: int = 0) -> dict[str, Any]:
    """A put, as an operation of a txn."""
    body: dict[str, Any] = {"key": b64(key), "value": b64(value)}
    if lease:
        body["lease"] = str(lease)
    return {"requestPut": body}


def delete_op(key: bytes) -> dict[str, Any]:
    return {"requestDeleteRange": {"key": b64(key)}}


def range_op(key: bytes, end: bytes = b"", **more: Any) -> dict[str, Any]:
    """A read, as an operation of a txn or a body of its own (`range_body`)."""
    return {"requestRange": range_body(key, end, **more)}


def range_body(key: bytes, end: bytes = b"", **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"key": b64(key), **more}
    if end:
        body["range_end"] = b64(end)
    return body


def compare(key: bytes, what: str, result: str, number: int, end: bytes = b"") -> dict[str, Any]:
    """A comparison of a txn: what is "MOD" or "CREATE", result "EQUAL", "LESS" or "GREATER"."""
    field = "mod_revision" if what == "MOD" else "create_revision"
    body = {"key": b64(key), "target": what, "result": result, field: str(number)}
    if end:
        body["range_end"] = b64(end)
    return body


def end_of(prefix: bytes) -> bytes:
    """The end of the range of all keys that begin so (the last byte of a prefix is a slash)."""
    return prefix[:-1] + bytes([prefix[-1] + 1])
