"""A form with files as it comes: one field's value is another, every other byte goes on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisix.mapping.form import LONGEST_HEAD, LONGEST_VALUE, Form, is_form

TYPE = "multipart/form-data; boundary=B"
FIELD = b'Content-Disposition: form-data; name="model"'
FILE = (
    b'Content-Disposition: form-data; name="file"; filename="a;\\"b.wav"\r\nContent-Type: audio/wav'
)


def parts(*given: tuple[bytes, bytes]) -> bytes:
    return b"".join(b"--B\r\n%b\r\n\r\n%b\r\n" % one for one in given) + b"--B--\r\n"


def read(
    raw: bytes, cut: int = 1 << 20, content_type: str = TYPE, most: int = 10
) -> tuple[str | None, bytes]:
    """(the field's value, what goes on with N in its place); ValueError."""
    form = Form(content_type, "model", most)
    pieces = [p for at in range(0, len(raw), cut) for p in form.feed(raw[at : at + cut])]
    form.end()
    return form.value, b"".join(b"N" if piece is None else piece for piece in pieces)


BYTES = st.binary(max_size=40) | st.sampled_from(
    [b"\r\n--", b"\r\n--A", b"--B", b"\r\n-", b"\r\n\r\n", b"\r\n--model"]
)


@given(
    st.lists(
        st.tuples(st.sampled_from([FILE, b"content-disposition:form-data;name=x"]), BYTES),
        max_size=4,
    ),
    st.integers(0, 4),
    st.integers(1, 60),
    st.text(max_size=20),
)
def test_only_the_value_changes_in_whatever_pieces_it_comes(
    others: list[tuple[bytes, bytes]], place: int, cut: int, value: str
) -> None:
    if any(b"--B" in data for _, data in others) or "--B" in value:
        return
    before, after = others[:place], others[place:]
    raw = parts(*before, (FIELD, value.encode()), *after)
    assert read(raw, cut) == (value, parts(*before, (FIELD, b"N"), *after))


@pytest.mark.parametrize("cut", [1, 3, 1000])
def test_a_part_without_its_empty_line_and_one_without_content(cut: int) -> None:
    raw = (
        b"--B\r\n"
        + FIELD
        + b"\r\n\r\n--B\r\nContent-Disposition: form-data; name=y\r\n\r\n\r\n--B--"
    )
    value, out = read(raw, cut)
    assert value == ""
    assert out == raw.replace(FIELD + b"\r\n\r\n", FIELD + b"\r\n\r\nN\r\n")


def test_the_size_of_the_value_tells_how_long_the_whole_will_be() -> None:
    for raw in (parts((FIELD, b"abc")), b"--B\r\n" + FIELD + b"\r\n\r\n--B--"):
        form = Form(TYPE, "model", 10)
        out = b"".join(b"NEW" if piece is None else piece for piece in form.feed(raw))
        assert len(out) == len(raw) - form.size + 3


def test_nothing_is_held_but_a_head() -> None:
    form = Form(TYPE, "model", 10)
    form.feed(b"--B\r\n" + FILE + b"\r\n\r\n")
    for _ in range(20):
        assert sum(len(piece or b"") for piece in form.feed(b"\r\n--" * 50_000)) > 199_000


HEAD = b"--B\r\n" + FIELD


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "last part"),
        (b"x--B\r\n", "begin with its boundary"),
        (b"\r\n" + parts((FIELD, b"a")), "begin with its boundary"),
        (parts((FIELD, b"a"))[:-6], "last part"),
        (parts((FIELD, b"a")) + b"x", "behind its last part"),
        (parts((FIELD, b"a")) * 2, "behind its last part"),
        (parts((FIELD, b"a"), (FIELD, b"b")), "twice"),
        (parts((FIELD, b"a"), (FIELD.replace(b'"model"', b"model"), b"b")), "twice"),
        (parts((FIELD, b"a"), (FIELD.replace(b"model", b"mod\\el"), b"b")), "twice"),
        (parts((FIELD + b'; filename="x"', b"a")), "is a file"),
        (parts((FIELD + b"\r\nContent-Transfer-Encoding: base64", b"a")), "encoded"),
        (parts((FIELD + b"\r\n" + FILE, b"a")), "twice"),
        (parts((FIELD + b'; name="x"', b"a")), "twice"),
        (parts((b"Content-Disposition: form-data; name*=utf-8''model; name=x", b"a")), "odd form"),
        (parts((b"Content-Disposition: form-data", b"a")), "name"),
        (parts((b"Content-Type: text/plain", b"a")), "name"),
        (parts((b'Content-Disposition: form-data;\r\n name="model"', b"a")), "a line"),
        (parts((b'Content-Disposition: form-data; name="a"\nX: name="model"', b"a")), "a line"),
        (parts((b"X : y", b"a")), "a line"),
        (parts((FIELD, b"a" * (LONGEST_VALUE + 1))), "longer than"),
        (parts((FIELD, b"\xff")), "UTF-8"),
        (b"--B\r\n" + b"X: " + b"y" * LONGEST_HEAD + b"\r\n\r\n", "headers of a part"),
        (parts(*[(FILE, b"")] * 11), "too many parts"),
        (HEAD + b"\r\n\r\na\r\n--Bx\r\n", "goes on"),
        (parts((FILE, b"x--B\r\n" + FIELD + b"\r\n\r\nother"), (FIELD, b"a")), "inside a part"),
        (parts((FIELD, b"a--B")), "inside a part"),
        (parts((FILE + b"\r\nX: --B", b"")), "inside a part"),
        (HEAD + b"\r\n\r\na\r\n--B \r\n", "goes on"),
    ],
)
@pytest.mark.parametrize("cut", [1, 7, 1 << 20])
def test_what_could_be_read_in_two_ways_is_refused(raw: bytes, words: str, cut: int) -> None:
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        read(raw, cut)


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=B; boundary=C",
        'multipart/form-data; boundary="B\\"',
        "multipart/form-data; boundary=" + "B" * 71,
        "multipart/form-data; boundary=Bé",
    ],
)
def test_a_boundary_is_needed(kind: str) -> None:
    with pytest.raises(ValueError, match="boundary"):
        Form(kind, "model", 10)


def test_a_quoted_boundary_is_one() -> None:
    raw = parts((FIELD, b"a")).replace(b"--B", b"--x y:z")
    assert read(raw, content_type='Multipart/Form-Data; charset=x; Boundary="x y:z"')[0] == "a"
    assert is_form("Multipart/Form-Data ;boundary=x")
    assert not is_form("multipart/mixed; boundary=x")


@pytest.mark.parametrize("step", [1, 7, 5000])
def test_a_value_may_be_as_long_as_is_said_however_it_is_cut(step: int) -> None:
    boundary = "b" * 70
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="model"\r\n\r\n'
    whole = f"{head}{'v' * LONGEST_VALUE}\r\n--{boundary}--\r\n".encode()
    form = Form(f"multipart/form-data; boundary={boundary}", "model", 9)
    for at in range(0, len(whole), step):
        form.feed(whole[at : at + step])
    form.end()
    assert form.size == LONGEST_VALUE
