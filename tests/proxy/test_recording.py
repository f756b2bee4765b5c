"""What is written down of an exchange, and where that is done."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from aisix.proxy.recording import Recording


class Handler:
    request_id, left = "req_1", False

    class caller:
        credentials = ()

    class request:
        class headers:
            get_all = staticmethod(lambda: [("content-type", "application/json")])

    _headers = request.headers

    def __init__(self) -> None:
        self.seen = {"alias": "small"}

    def get_status(self) -> int:
        return 200


def recording(keep: Any) -> tuple[Recording, Any]:
    handler: Any = Handler()
    return Recording(keep, handler, {"n": 1}, now=0, limit=9999, redacted=False), handler


@pytest.mark.parametrize("fails", [False, True])
def test_it_is_encoded_beside_the_loop_and_its_place_is_free_again(
    monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    kept: list[tuple[bytes | None, bool]] = []
    made: list[bool] = []
    here = lambda: threading.current_thread() is threading.main_thread()  # noqa: E731

    def document(*given: Any) -> bytes:
        made.append(here())
        if fails:
            raise RuntimeError("a bug")
        return b"{}"

    async def main() -> None:
        one, handler = recording(lambda data: kept.append((data, here())))
        monkeypatch.setattr(one, "_document", document)
        one.ended(handler, handler)
        one.ended(handler, handler)
        one.given(b"late")
        assert kept == []
        assert one._writing is not None
        [found] = await asyncio.gather(one._writing, return_exceptions=True)
        assert isinstance(found, RuntimeError) is fails
        assert one._answer.pieces == [], "what comes behind its end is not in it"

    asyncio.run(main())
    assert made == [False]
    assert kept == [(None if fails else b"{}", True)]


def test_what_nothing_translated_is_not_kept() -> None:
    kept: list[bytes] = []
    one, handler = recording(kept.append)
    one.ended(handler, None)
    assert kept == [b""]
