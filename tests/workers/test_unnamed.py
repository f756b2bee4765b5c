"""Files without a name, of several processes."""

from __future__ import annotations

import os

import pytest

from aisix.workers.unnamed import found, put, unnamed, write


def test_a_text_is_there_as_a_whole_or_not_at_all() -> None:
    file = unnamed()
    assert found(file) == b""
    put(file, b"a longer one")
    put(file, b"one")
    assert found(file) == b"one"
    write(file, b"x", 16)  # of another that is being written
    assert found(file) == b""


def test_what_a_disk_takes_in_pieces_is_written_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file, whole = unnamed(), os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda to, data, at: whole(to, data[:3], at))
    write(file, b"0123456789", 2)
    assert os.pread(file.fileno(), 99, 0) == b"\0\x000123456789"
