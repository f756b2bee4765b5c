"""read_head() and find_ca_file(): the two parts of the driver that need no socket."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from aisix.upstream import head
from aisix.upstream.head import read_head
from aisix.upstream.tls import find_ca_file


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(head).failed == 0


def test_names_are_lower_case_and_values_are_trimmed() -> None:
    lines = [b"HTTP/2 200 \r\n", b"X-Request-ID:  req_1 \r\n", b"empty:\r\n", b"\r\n"]
    assert read_head(lines) == (200, {"x-request-id": "req_1", "empty": ""})


def test_bytes_outside_ascii_are_kept() -> None:
    assert read_head([b"HTTP/1.1 200 \xe9\r\n", b"x: \xff:\x85\r\n", b"\r\n"]) == (
        200,
        {"x": "\xff:\x85".strip()},
    )


@pytest.mark.parametrize("cut", range(1, 7))
def test_a_head_is_only_complete_with_its_blank_line(cut: int) -> None:
    lines = [b"HTTP/1.1 103 Hints\r\n", b"a: 1\r\n", b"\r\n", b"HTTP/1.1 200 OK\r\n", b"b: 2\r\n"]
    lines += [b"\r\n"]
    assert read_head(lines[:cut]) == ((200, {"b": "2"}) if cut == 6 else None)


def test_what_follows_the_head_is_not_looked_at() -> None:
    lines = [b"HTTP/1.1 200 OK\n", b"\n", b"x-trailer: 1\n", b"\n"]
    assert read_head(lines) == (200, {})


def test_the_first_ca_file_that_exists_is_taken(tmp_path: Path) -> None:
    there = tmp_path / "ca.pem"
    there.write_text("")
    assert find_ca_file([str(tmp_path / "none.pem"), str(there)]) == str(there)
    own = tmp_path / "own.pem"
    assert find_ca_file([str(there)], str(own)) == str(there)
    own.write_text("")
    assert find_ca_file([str(there)], str(own)) == str(own)


def test_certifi_is_asked_last_and_need_not_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "certifi.py").write_text("def where(): return '/certifi/cacert.pem'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "certifi", raising=False)
    assert find_ca_file([]) == "/certifi/cacert.pem"
    monkeypatch.setitem(__import__("sys").modules, "certifi", None)
    assert find_ca_file([]) is None
