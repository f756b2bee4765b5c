"""Several things asked of etcd at one time, in one thread: watches, heartbeats, leases.

    calls = EtcdCalls(client)
    calls.watch(key, end, revision, took)         took(result) for each of its lines
    calls.ask("kv/range", body, RangeAnswer, 1500, done)
    calls.step(0.1)                               whatever came by then; EtcdError when a watch ends

A cancelled watch leaves its stream open and silent: it is closed here, and told as an EtcdError.

Must never know: what our keys mean.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pycurl

from aisix.store.etcd.client import EtcdClient
from aisix.store.etcd.wire import (
    NETWORK,
    OUT_OF_RANGE,
    UNKNOWN,
    EtcdError,
    WatchAnswer,
    WatchLines,
    WatchResult,
    refusal_of,
)


class EtcdCalls:
    """One per session with one member; `close` ends all of it."""

    def __init__(self, client: EtcdClient) -> None:
        self._client = client
        self._multi = pycurl.CurlMulti()
        self._ends: dict[pycurl.Curl, Callable[[int, str], None]] = {}
        self._failed: EtcdError | None = None

    def close(self) -> None:
        for curl in tuple(self._ends):
            self._multi.remove_handle(curl)
            curl.close()
        self._ends.clear()
        self._multi.close()

    def watch(
        self, key: bytes, end: bytes, revision: int, took: Callable[[WatchResult], None]
    ) -> None:
        """Every line of a watch from this revision on."""
        lines = WatchLines()
        decoder = msgspec.json.Decoder(WatchAnswer)

        def take(piece: bytes) -> None:
            try:
                for line in lines.feed(piece):
                    self._line(decoder.decode(line), took)
            except msgspec.DecodeError:
                self._fail(EtcdError("a line of a watch that is not etcd's", NETWORK))
            except EtcdError as error:
                self._fail(error)

        curl = self._client.watching(key, end, revision, take)

        def ended(code: int, text: str) -> None:
            if self._failed is None:
                status = curl.getinfo(pycurl.RESPONSE_CODE)
                error = self._client.lost(code, text or f"the watch ended (HTTP {status})")
                self._fail(error)

        self._add(curl, ended)

    def _line(self, answer: WatchAnswer, took: Callable[[WatchResult], None]) -> None:
        if answer.error is not None:
            raise EtcdError(answer.error.message, answer.error.grpc_code)
        result = answer.result
        if result is None:
            return
        if result.canceled:
            if int(result.compact_revision):
                text = f"what was to be watched is compacted up to {result.compact_revision}"
                raise EtcdError(text, OUT_OF_RANGE)
            raise EtcdError(f"the watch was refused: {result.cancel_reason}", UNKNOWN)
        took(result)

    def _fail(self, error: EtcdError) -> None:
        self._failed = self._failed or error

    def ask(
        self,
        path: str,
        body: dict[str, Any],
        kind: type[Any],
        timeout_ms: int,
        done: Callable[[Any], object],
    ) -> None:
        """A call; `done` gets its answer, or the EtcdError."""
        curl, out = pycurl.Curl(), io.BytesIO()
        self._client.prepare(curl, path, body, self._client.token())
        curl.setopt(pycurl.TIMEOUT_MS, timeout_ms)
        curl.setopt(pycurl.WRITEFUNCTION, out.write)

        def ended(code: int, text: str) -> None:
            if code:
                done(self._client.lost(code, text))
                return
            status = curl.getinfo(pycurl.RESPONSE_CODE)
            if status != 200:
                refused = refusal_of(status, out.getvalue())
                done(self._client.told(refused, path, body))
                return
            try:
                answer = msgspec.json.decode(out.getvalue(), type=kind)
            except msgspec.DecodeError:
                answer = EtcdError("an answer that is not etcd's", NETWORK)
            done(answer)

        self._add(curl, ended)

    def _add(self, curl: pycurl.Curl, ended: Callable[[int, str], None]) -> None:
        self._ends[curl] = ended
        self._multi.add_handle(curl)

    def step(self, seconds: float) -> None:
        """Wait for something to come, no longer than this, and take it."""
        before = time.monotonic()
        self._perform()
        if self._failed is None and time.monotonic() - before < seconds:
            wait = self._multi.timeout() / 1000
            if wait != 0:
                self._multi.select(min(seconds, wait) if wait > 0 else seconds)
            self._perform()
        if self._failed is not None:
            raise self._failed

    def _perform(self) -> None:
        while self._multi.perform()[0] == pycurl.E_CALL_MULTI_PERFORM:
            pass
        while True:
            left, done, failed = self._multi.info_read()
            for curl, code, text in [*((one, 0, "") for one in done), *failed]:
                self._multi.remove_handle(curl)
                try:
                    self._ends.pop(curl)(code, text)
                finally:
                    curl.close()
            if not left:
                return
