"""Where results of checks are kept: the user's cache, and what came with the tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aisix.config.shipped import shipped_mappings

RESULTS = "results"  # beside the packed cases of a wheel


def cache_folder(environ: Mapping[str, str]) -> Path | None:
    """The folder `aisix/tables` of the user's cache; None for who has no home."""
    base = environ.get("XDG_CACHE_HOME", "")
    if base.startswith("/"):  # as its specification has it: any other is ignored
        return Path(base, "aisix", "tables")
    home = environ.get("HOME", "")
    return Path(home, ".cache", "aisix", "tables") if home.startswith("/") else None


def shipped_results() -> Path | None:
    """What was shown of the shipped tables when the wheel was made; None in a checkout."""
    folder = shipped_mappings().parent / RESULTS
    return folder if folder.is_dir() and folder.parent.name == "aisix" else None
