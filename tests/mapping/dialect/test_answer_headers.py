"""Headers that rows of errors.toml write: plain, before a stream, in a stream, and hostile words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aisix.mapping.dialect.answer_headers import LONGEST, header_text
from aisix.mapping.exchange import Exchange, ResolvedModel
from aisix.mapping.mappings import Mapping, load_mappings
from tests.mapping.laid import SHIPPED, laid, said

OVERLOADED = """
[upstream.our-529]
before = "context-code"
when = { status = 529 }
status = 503
type = "server_error"
message = "Busy."
headers = { retry-after = "5" }
"""
COMPUTED = """
[upstream.ours]
before = "context-code"
when = { status = 429 }
status = 429
type = "rate"
message = "{message}"
[upstream.ours.headers]
retry-after-ms = false
[upstream.ours.headers.retry-after.first]
said = { from = "error.wait_ms", as = "ms" }
told = { from = "error.message", as = ["again", "seconds"] }
usual = { from = "headers.retry-after", default = 30 }
[convert.ms]
verb = "seconds"
unit = "ms"
[convert.again]
verb = "extract"
matches = "again in ([0-9.]+ ?m?s)"
"""


SHIPPED_MAPPINGS = load_mappings([SHIPPED])


def exchange(mapping: Mapping, stream: bool = False, **options: Any) -> Exchange:
    body = {
        "model": "a",
        "max_tokens": 5,
        "messages": [{"role": "user", "content": "q"}],
        "stream": stream,
    }
    model = mapping.example()
    tables = mapping.effective(model, None, options)
    made = Exchange(
        tables,
        mapping.caller,
        ResolvedModel("a", model),
        now=1000,
        new_id=str,
        hidden=["s3cretkey"],
    )
    made.request(body)
    return made


def load(tmp_path: Path, text: str, name: str = "openai-chat/anthropic-messages") -> Mapping:
    return load_mappings([SHIPPED, laid(tmp_path, {"errors.toml": text}, name)]).mappings[name]


def refused(message: str = "no", **more: Any) -> bytes:
    error = {"type": "error", "error": {"type": "x", "message": message, **more}}
    return json.dumps(error).encode()


NAMES = [
    "openai-chat/anthropic-messages",
    "anthropic-messages/openai-chat",
    "anthropic-messages/anthropic-messages",
    "openai-chat/openai-chat",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stream", [False, True])
def test_a_row_writes_headers_plain_and_before_a_stream(
    tmp_path: Path, name: str, stream: bool
) -> None:
    first = next(iter(SHIPPED_MAPPINGS.mappings[name].tree.data["errors"]["upstream"]))
    mapping = load(tmp_path, OVERLOADED.replace("context-code", first), name)
    answer = exchange(mapping, stream).response(529, {"retry-after": "77"}, refused())
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (refused(wait_ms=1200), {}, "2"),
        (refused(wait_ms="350"), {}, "1"),
        (refused("Please try again in 20.4s."), {}, "21"),
        (refused("Please try again in 350 ms."), {"retry-after": "9"}, "1"),
        (refused("who knows"), {"retry-after": "9"}, "9"),
        (refused("who knows"), {}, "30"),
        (refused(wait_ms={"a": 1}), {}, "30"),
        (refused(wait_ms=[1]), {}, "30"),
        (refused(wait_ms=-4), {}, "0"),
        (refused(wait_ms=1e300), {}, "30"),
        (refused(wait_ms=True), {}, "30"),
        (refused(wait_ms="9" * 400), {}, "30"),
        (b"<html>", {}, "30"),
        (b"", {}, "30"),
        (b"[]", {}, "30"),
    ],
)
def test_a_header_is_computed_from_the_error(
    tmp_path: Path, body: bytes, headers: dict[str, str], expected: str
) -> None:
    talk = exchange(load(tmp_path, COMPUTED))
    answer = talk.response(429, {"retry-after-ms": "1", **headers}, body)
    assert answer.headers["retry-after"] == expected
    assert "retry-after-ms" not in answer.headers


@pytest.mark.parametrize(
    "evil", ["5\r\nset-cookie: a=b", "5\n", "é", "", "x" * (LONGEST + 1), {"a": 1}, None, "\0"]
)
def test_what_is_no_header_is_left_out(tmp_path: Path, evil: Any) -> None:
    text = COMPUTED.replace('from = "error.wait_ms", as = "ms"', 'from = "error.raw"')
    answer = exchange(load(tmp_path, text)).response(429, {}, refused(raw=evil))
    assert answer.headers.get("retry-after") in (None, "30", "5")
    assert all(value.isprintable() for value in answer.headers.values())


def test_no_secret_and_no_address_stands_in_one(tmp_path: Path) -> None:
    text = COMPUTED.replace('from = "error.wait_ms", as = "ms"', 'from = "error.raw"')
    raw = "s3cretkey at http://10.0.0.5:80/x"
    answer = exchange(load(tmp_path, text)).response(429, {}, refused(raw=raw))
    assert answer.headers["retry-after"] == "*** at [address]"


def test_an_alias_option_and_the_time_may_be_asked_for(tmp_path: Path) -> None:
    text = """
[upstream.ours]
before = "context-code"
when = { "$option.reasoning_display" = "hidden", status = 429 }
status = 429
type = "rate"
message = "m"
headers = { x-now = "$now", retry-after = { from = "error.at", as = "at" } }
[convert.at]
verb = "seconds"
unit = "at"
"""
    mapping = load(tmp_path, text)
    found = exchange(mapping, reasoning_display="hidden").response(429, {}, refused(at=1090))
    assert (found.headers["x-now"], found.headers["retry-after"]) == ("1000", "90")
    assert "x-now" not in exchange(mapping).response(429, {}, refused(at=1090)).headers


def test_in_a_stream_it_stands_where_the_dialect_has_a_place(tmp_path: Path) -> None:
    text = OVERLOADED.replace("when = { status = 529 }", 'when = { "error.type" = "x" }')
    folder = laid(tmp_path, {"errors.toml": text})
    place = '[error.body.error]\nretry_after = "$header.retry-after"\n'
    folder.joinpath("openai-chat/caller.toml").write_text(place)
    mapping = load_mappings([SHIPPED, folder]).mappings["openai-chat/anthropic-messages"]
    talk = exchange(mapping, stream=True)
    assert talk.begin(200, {"content-type": "text/event-stream"})
    sent = talk.receive(b"data: " + refused() + b"\n\n")
    assert json.loads(sent.split(b"data: ")[1])["error"]["retry_after"] == "5"
    plain = exchange(mapping).response(200, {}, refused())
    assert json.loads(plain.body)["error"]["retry_after"] == "5"
    other = exchange(mapping).response(500, {}, refused().replace(b'"x"', b'"y"'))
    assert "retry_after" not in json.loads(other.body)["error"]  # none: no null either


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('headers = { content-length = "5" }', "the gateway's own to say"),
        ('headers = { "re try" = "5" }', "no name of a header"),
        ('headers = { Retry-After = "5", retry-after = "6" }', "twice"),
        ("headers = { retry-after = [5] }", "expected a text, a number or a rule"),
        ("headers = { retry-after = { form = 5 } }", "expected a text, a number or a rule"),
        ('headers = { retry-after = "a\\nb" }', "no header can hold"),
        ('headers = { retry-after = { from = "a", as = "secnds" } }', "seconds"),
        ('headers = { retry-after = { from = "$optoin.x" } }', "option"),
        ('heders = { retry-after = "5" }', "headers"),
        ('headers = "5"', "expected"),
    ],
)
def test_complaints(tmp_path: Path, line: str, complaint: str) -> None:
    text = OVERLOADED.replace('headers = { retry-after = "5" }', line)
    found = said(laid(tmp_path, {"errors.toml": text}))
    assert any(complaint in one and "errors.toml:" in one for one in found), found


def test_header_texts() -> None:
    assert [header_text(v) for v in (5, 1.5, " a ", "", True, None, [], "a\tb")] == [
        *("5", "1.5", "a", None, None, None, None, None)
    ]
