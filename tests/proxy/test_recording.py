"""What is written down of an exchange, and where that is done."""

from __future__ import annotations

import asyncio
import json
import threading
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from tornado.httputil import HTTPHeaders

from aisix.proxy.recording import Recording

MINE, THEIRS = "the-key-of-a-caller", "the-key-of-a-caller-and-more/=="


class Handler:
    request_id, left = "req_1", False

    class caller:
        credentials = (("authorization", "Bearer "),)
        data: ClassVar[dict[str, Any]] = {}

    class request:
        headers = HTTPHeaders(
            {"content-type": "application/json", "Authorization": f"Bearer {MINE}"}
        )

    _headers = HTTPHeaders({"x-seen": MINE})

    def __init__(self) -> None:
        self.seen = {"alias": "small"}

    def get_status(self) -> int:
        return 200


def recording(keep: Any, body: Any = None, redacted: bool = False) -> tuple[Recording, Any]:
    handler: Any = Handler()
    return Recording(keep, handler, body, now=0, limit=9999, redacted=redacted), handler


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


@pytest.mark.parametrize("redacted", [False, True])
def test_no_key_is_left_wherever_it_is_said_and_none_in_part(redacted: bool) -> None:
    own: dict[str, Any] = {"traits": (), "strict": False}
    own |= {"options": {"o": THEIRS}, "overlay": (f'request.header.x-more = "{THEIRS}"',)}
    model = {"provider_key_id": "k", "model_name": "m", "targets": (), **own}
    tables = SimpleNamespace(name="a/b", version="", tree=SimpleNamespace(data={}))
    target: Any = SimpleNamespace(
        alias="small",
        model_name="m",
        provider_key_id="k",
        tag="a/b@0",
        url=f"https://host.example/{THEIRS}?key={THEIRS}",
        hidden=(THEIRS,),
        tables=tables,
        model=SimpleNamespace(**model),
    )
    out: Any = SimpleNamespace(headers={"x-mine": MINE}, body=f'{{"{THEIRS}": 1}}'.encode())
    kept: list[bytes] = []

    async def main() -> None:
        one, handler = recording(kept.append, {MINE: [f"it is {MINE}, and {THEIRS}"]}, redacted)
        to: Any = SimpleNamespace(on_response=print, on_data=print)
        sink = one.attempt(target, out, to)
        sink.on_response(401, {"x-why": THEIRS, "content-type": "text/plain"})
        sink.on_data(f"no such key: {THEIRS}".encode())
        one.given(f'data: {{"{MINE}": "{THEIRS}"}}\n\n'.encode())
        for piece in (THEIRS[:9], THEIRS[9:20], THEIRS[20:]):
            one.given(f'data: {{"said": "{piece}"}}\n\n'.encode())
        one.ended(handler, target)
        assert one._writing is not None
        await one._writing

    asyncio.run(main())
    [text] = [data.decode() for data in kept]
    assert MINE not in text and "and-more" not in text
    assert ("a-caller" in text, THEIRS[:9] in text) == (False, False)
    assert json.loads(text)["attempts"][0]["request"] == {
        "headers": {"x-mine": "***"},
        "body": {"***": 1},
    }
