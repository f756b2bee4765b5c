"""Texts replaced by texts of the same length and kind, and what must survive that."""

from __future__ import annotations

import json

import pytest

from aisix.mapping.verify.redaction import Redactor, plain

KEY = b"k" * 32


@pytest.mark.parametrize(
    "text",
    [
        "Hello, my name is Bob 42.",
        "call_Ab12",
        'He said "tr\\u00fce"\n',
        "Grüße aus Köln, 漢字 🎉",
        '{"city": "Paris", "n": 10, "yes": true, "x": 1.5}',
        '{"city":"Köln","n":10}',
        '{"city": "Par',
        '{"n": -1.5e+10, "of": [2E5, null], "city": "Par\\u00',
        "https://example.com/a?b=1",
    ],
)
def test_length_and_kind_stay_and_the_words_go(text: str) -> None:
    made = Redactor((), KEY).text(text)
    assert made != text
    assert len(made) == len(text) and plain(made) == plain(text)
    assert len(made.encode()) == len(text.encode())
    assert not {"Hello", "Bob", "Paris", "Köln"} & set(made.replace('"', " ").split())


def test_json_in_a_text_stays_json_and_fields_keep_their_names() -> None:
    made = Redactor((), KEY).text('{"city":"Paris","n":10,"t":true}')
    assert json.loads(made).keys() == {"city", "n", "t"} and json.loads(made)["n"] == 10


def test_ids_that_belong_together_do_so_still_and_others_stay_apart() -> None:
    redactor = Redactor(("user",), KEY)
    made = redactor.body([{"id": "call_a1", "role": "user"}, {"of": "call_a1"}, {"of": "call_b1"}])
    assert made[0]["id"] == made[1]["of"] != made[2]["of"]
    assert made[0]["id"].startswith("call_") and made[0]["role"] == "user"


def test_an_image_is_still_one_and_a_stream_a_stream() -> None:
    redactor = Redactor((), KEY)
    image = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg" + "x9" * 40 + "=="
    made = redactor.text(image)
    assert made.startswith("data:image/png;base64,iVBORw0KGgo") and made.endswith("==")
    assert len(made) == len(image) and "x9" not in made
    events = redactor.stream(b'event: a\ndata: {"t": "Hello there"}\n\n: ping\n\ndata: [DONE]\n\n')
    assert events.startswith(b'event: a\ndata: {"t":"Xxxxx xxxxx"}\n\n: ping\n\ndata: ')
    assert redactor.stream(b'data: {"t": 1}\r\n\r\n') == b'data: {"t":1}\r\n\r\n'


def test_a_number_in_a_piece_of_json_is_one_still() -> None:
    assert plain('{"n": -2.5e+10, "of": 3E7, "time') == '{"x": -1.1e+11, "xx": 1E1, "xxxx'


def test_what_only_looks_like_a_stream_is_all_text() -> None:
    cut = b'{"say": "Hello Bob",\n "is": "data:image/png;base64,iVBO", \n"data": 1}\nGood day'
    made = Redactor((), KEY).stream(cut)
    assert len(made) == len(cut) and not [one for one in (b"Bob", b"day") if one in made]
