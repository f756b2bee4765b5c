"""Where results are kept: the user's cache as its specification has it."""

from __future__ import annotations

from pathlib import Path

from aisix.config.cache import cache_folder, shipped_results


def test_the_cache_is_the_users() -> None:
    own = Path("/c/aisix/tables")
    assert cache_folder({"XDG_CACHE_HOME": "/c", "HOME": "/h"}) == own
    assert cache_folder({"XDG_CACHE_HOME": "c", "HOME": "/h"}) == Path("/h/.cache/aisix/tables")
    assert cache_folder({"HOME": "/h"}) == Path("/h/.cache/aisix/tables")
    assert cache_folder({}) is None


def test_a_checkout_has_no_shipped_results() -> None:
    assert shipped_results() is None
