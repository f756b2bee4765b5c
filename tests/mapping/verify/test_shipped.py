"""What is packed with the tables is what a check would have found out (tests/test_wheel.py), or
nothing."""

from __future__ import annotations

from pathlib import Path

from aisix.mapping.verify.shipped import make
from tests.mapping.laid import laid


def test_what_is_wrong_is_told_and_nothing_is_proven(tmp_path: Path) -> None:
    alone = laid(tmp_path, {"values.toml": '[mine]\na = "b"\n'})
    assert make(alone, tmp_path / "results")
    assert not list(tmp_path.glob("results/proofs-*"))
