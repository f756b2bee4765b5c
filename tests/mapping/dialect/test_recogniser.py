"""An error is read in whatever shape it comes, plain and as an event, in all four mappings."""

from __future__ import annotations

import json

import pytest

from aisix.config.shipped import shipped_mappings
from aisix.mapping.exchange import Exchange, ResolvedModel
from aisix.mapping.mappings import load_mappings
from aisix.mapping.syntax.paths import Json

MAPPINGS = load_mappings([shipped_mappings()]).mappings
PAIRS = sorted(MAPPINGS)
RAW = '{"error":{"message":"inner says"}}'

# an error inside a 200 -> the status it stands for, and whether it may be asked again
SHAPES: dict[str, tuple[Json, int, str]] = {
    "an object": ({"error": {"message": "boom", "type": "server_error"}}, 500, "here"),
    "a text": ({"error": "boom"}, 500, "here"),
    "a text about limits": ({"error": "Rate limit exceeded"}, 429, "here"),
    "a text about the key": ({"error": "Invalid API key"}, 401, "elsewhere"),
    "a number": ({"error": {"message": "m", "code": 429}}, 429, "here"),
    "a number in a text": ({"error": {"message": "m", "code": "503"}}, 503, "here"),
    "the caller's": ({"error": {"message": "m", "code": 400}}, 400, ""),
    "a bill": ({"error": {"message": "m", "code": 402}}, 402, "elsewhere"),
    "a bare number": ({"code": "500", "message": "Internal"}, 500, "here"),
    "with msg": ({"code": 1302, "msg": "too fast"}, 429, "here"),
    "as old vLLM": ({"object": "error", "message": "m", "code": 400}, 400, ""),
    "as Baidu": ({"error_code": 18, "error_msg": "qps"}, 429, "here"),
    "as MiniMax": ({"base_resp": {"status_code": 1002, "status_msg": "m"}}, 429, "here"),
    "a list": ([{"error": {"code": 429, "message": "m"}}], 429, "here"),
    "Google's word": ({"error": {"status": "RESOURCE_EXHAUSTED", "message": "m"}}, 429, "here"),
    "as FastAPI": ({"detail": [{"loc": ["body", "x"], "msg": "field required"}]}, 400, ""),
    "several": ({"errors": [{"message": "m", "code": 5006}], "success": False}, 500, "here"),
    "no success": ({"success": False, "message": "m"}, 500, "here"),
    "of its own upstream": ({"error": {"code": 502, "metadata": {"raw": RAW}}}, 502, "here"),
}
SHOWN = {401: 502, 402: (402, 429), 503: (503, 529), 502: 500}  # where it is not the same
REASONS = ("error", "abort", "cancelled", "network_error", "TIMEOUT", "insufficient_resource_x")


def exchange(pair: str, stream: bool) -> Exchange:
    mapping = MAPPINGS[pair]
    model = "claude-opus-4-8" if pair.endswith("anthropic-messages") else "gpt-5.5"
    target = ResolvedModel("a", model)
    made = Exchange(mapping.effective(model), mapping.caller, target, now=1, new_id=lambda: "x1")
    made.request({**mapping.caller.sample, "model": "a", "stream": stream})
    return made


def sse(*events: Json) -> bytes:
    return b"".join(b"data: %s\n\n" % json.dumps(event).encode() for event in events)


EACH = [(pair, shape) for pair in PAIRS for shape in SHAPES]


@pytest.mark.parametrize(("pair", "shape"), EACH)
def test_a_good_status_does_not_make_an_error_an_answer(pair: str, shape: str) -> None:
    body, status, retry = SHAPES[shape]
    shown = SHOWN.get(status, status)
    plain, streamed = exchange(pair, False), exchange(pair, True)
    raw = json.dumps(body).encode()
    assert plain.retry(200, {}, raw) == retry
    answer = plain.response(200, {}, raw)
    streamed.receive(sse(body) + b"data: [DONE]\n\n")
    assert streamed.error is not None
    assert not streamed.started
    assert answer.status == streamed.error.status
    assert answer.status in (shown if isinstance(shown, tuple) else (shown,))
    assert answer.body == streamed.error.body
    assert streamed.error.retry == retry
    assert streamed.error.stands_for in (status, 0 if status == 500 else status)


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("field", [b"error: %s\n\n", b"event: error\ndata: %s\n\n"])
@pytest.mark.parametrize("said", ['{"code":429,"message":"slow"}', '"slow down"', "slow down"])
def test_an_event_that_is_called_error_is_one(pair: str, field: bytes, said: str) -> None:
    made = exchange(pair, True)
    made.receive(field % said.encode() + b"data: [DONE]\n\n")
    assert made.error is not None
    assert made.error.status == (429 if "429" in said else 500)
    if not pair.endswith("anthropic-messages") and "429" not in said:
        assert made.error.message == "slow down"


@pytest.mark.parametrize("pair", [p for p in PAIRS if p.endswith("openai-chat")])
@pytest.mark.parametrize("reason", REASONS)
def test_an_answer_that_was_broken_off_is_an_error(pair: str, reason: str) -> None:
    choice = {"index": 0, "finish_reason": reason}
    said = {"role": "assistant", "content": "par"}
    whole = json.dumps({"id": "x", "choices": [{**choice, "message": said}]}).encode()
    assert exchange(pair, False).response(200, {}, whole).status >= 500
    made = exchange(pair, True)
    first = {"id": "x", "choices": [{"index": 0, "delta": said, "finish_reason": None}]}
    sent = made.receive(sse(first, {"id": "x", "choices": [{**choice, "delta": {}}]}))
    assert made.error is not None and made.error.status >= 500
    assert b"par" in sent and b"[DONE]" not in sent and b"message_stop" not in sent


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("said", [(), ({},), ({"choices": None},), ({"id": "x", "choices": []},)])
def test_the_end_alone_is_no_answer(pair: str, said: tuple[Json, ...]) -> None:
    made = exchange(pair, True)
    made.receive(sse(*said) + b"data: [DONE]\n\n")
    made.end()
    assert made.error is not None and made.error.status == 502
    assert not made.started


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"choices":[]}', b'{"choices":null}', b"null"])
def test_an_answer_of_nothing_is_none(pair: str, body: bytes) -> None:
    assert exchange(pair, False).response(200, {}, body).status == 502


def test_texts_are_read_as_deep_as_they_are_nested_but_no_deeper() -> None:
    text: Json = "at the bottom"
    for _ in range(20):
        text = json.dumps({"error": {"message": text}})
    for pair in PAIRS:
        recogniser = MAPPINGS[pair].effective("m").errors.recogniser
        assert recogniser.read(json.loads(text)).parts["message"]
        assert recogniser.read([[[[["x"]]]]]).parts == {}
        assert recogniser.read("<html><body>502 Bad Gateway</body></html>").parts == {}
