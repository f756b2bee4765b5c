"""Where the shipped tables are: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

from aisix.errors import OperatorError


def shipped_mappings() -> Path:
    """The folder of the shipped mapping tables."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package.parent / "mappings", package / "mappings"):
        if any(folder.glob("*/caller.toml")):
            return folder
    raise OperatorError(f"the shipped mapping tables are missing beside {package}")
