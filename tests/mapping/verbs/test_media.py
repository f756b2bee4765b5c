"""Pictures and files of all spellings: what they are, what their bytes say, what is told."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisix.mapping.verbs import charsets
from aisix.mapping.verbs.conversions import VERBS
from aisix.mapping.verbs.media import open_media
from aisix.mapping.verbs.refused import Refused

KINDS = {"image/*": "image", "application/pdf": "pdf", "text/*": "text", "*": "other"}
SUFFIXES = {"pdf": "application/pdf", "txt": "text/plain", "png": "image/png"}
OPTIONS = VERBS["open_media"].read(
    {"data": ["data", "url"], "name": "name", "label": "format", "kinds": KINDS}
    | {"suffixes": SUFFIXES, "bad": "bad"}
)


def opened(value: Any) -> tuple[dict[str, Any], list[str]]:
    told: list[str] = []
    return open_media(value, OPTIONS, told.append), told


def in_base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@pytest.mark.parametrize(
    ("link", "kind"),
    [
        ("https://a.test/b.pdf", "pdf"),
        ("https://a.test/B.PDF?x=/y.png#z", "pdf"),
        ("HTTPS://a.test/b.pdf", "pdf"),
        ("https://a.test/b.png?x=c.pdf", "image"),
        ("https://a.pdf", ""),
        ("https://a.test/pdf", ""),
        ("https://a.test/b.zzz", ""),
        ("https://a.test/v1.2/get", ""),
    ],
)
def test_what_a_link_is_of(link: str, kind: str) -> None:
    found, told = opened(link)
    assert (found["kind"], found["linked"], told) == ("https link", kind, [])
    assert opened({"url": link})[0]["url"] == found["url"]


def test_a_name_and_a_label_know_better() -> None:
    assert opened({"url": "https://a.test/b", "name": "c.pdf"})[0]["linked"] == "pdf"
    assert opened({"url": "https://a.test/b", "format": "application/pdf"})[0]["linked"] == "pdf"
    assert opened({"data": in_base64(b"%PDF-1"), "name": "x.txt"})[0]["kind"] == "pdf"


@pytest.mark.parametrize("payload", ["", "data:text/plain;base64,", "data:text/plain,%20", "IAo="])
def test_a_text_without_a_word(payload: str) -> None:
    assert opened({"data": payload, "name": "a.txt"})[0]["kind"] == "blank text"


@pytest.mark.parametrize(
    "payload", ["data:text/plain;base64,@", "data:text/plain", "data:application/pdf;base64,", 5]
)
def test_what_is_no_file_names_its_field(payload: Any) -> None:
    with pytest.raises(Refused) as refused:
        opened({"data": payload, "name": "a.txt" if payload != 5 else "a"})
    assert refused.value.at == "data"


def test_a_name_that_is_too_long_is_cut_and_still_says_what_it_is() -> None:
    found, told = opened({"data": in_base64(b"hi"), "name": "n" * 600 + ".txt"})
    assert (found["text"], len(found["name"]), told) == ("hi", 500, ["clamped"])
    assert opened({"data": in_base64(b"hi"), "name": " "})[0]["name"] is None


@pytest.mark.parametrize(
    ("raw", "charset", "text", "guessed"),
    [
        ("hé".encode(), "", "hé", False),
        ("hé".encode("utf-8-sig"), "", "hé", False),
        ("hé".encode("utf-16"), "", "hé", False),
        (b"\xfe\xff" + "hé".encode("utf-16-be"), "iso-8859-1", "hé", False),
        ("hé".encode("utf-32"), "", "hé", False),
        ("hello".encode("utf-16-be"), "", "hello", True),
        (b"\xe9\x80", "ISO-8859-1", "é€", False),
        (b"\xe9\x80", "", "é€", True),
        ("é".encode(), "us-ascii", "é", False),
        ("é".encode(), "klingon", "é", False),
        ("日本".encode("shift_jis"), '"Shift_JIS"', "日本", False),
        (b"a\x81", "", "a�", True),
        (rb"\ud83d", "unicode_escape", r"\ud83d", False),
        (b"\xff\xfe\x00\xd8", "", "�", True),
        (b"\xff\xd8\x00abcdef", "", None, True),
    ],
)
def test_bytes_of_a_text(raw: bytes, charset: str, text: str | None, guessed: bool) -> None:
    assert charsets.decoded(raw, charset) == (text, guessed)


@given(st.binary(max_size=40), st.sampled_from(["", "utf-16", "gbk", "utf-7", "idna", "cp1252"]))
def test_any_bytes_are_a_text_that_can_be_sent_or_none(raw: bytes, charset: str) -> None:
    text = charsets.decoded(raw, charset)[0]
    assert text is None or text.encode().decode() == text
