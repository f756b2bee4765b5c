"""Where the shipped tables are: beside the package in a checkout, inside it in a wheel.

    table_folders(settings.names, settings.mappings)     what is laid over each other, in order

Where a gateway speaks in the words of another one (`names`), the folder of that name in
`overlays/` lies between the shipped tables and the site's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aisix.errors import OperatorError


def shipped_mappings() -> Path:
    """The folder of the shipped mapping tables."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package.parent / "mappings", package / "mappings"):
        if any(folder.glob("*/caller.toml")):
            return folder
    raise OperatorError(f"the shipped mapping tables are missing beside {package}")


def shipped_overlays() -> list[Path]:
    """Those that `names` may ask for."""
    return sorted(path for path in (shipped_mappings() / "overlays").glob("*") if path.is_dir())


def table_folders(names: str, extra: Sequence[Path]) -> list[Path]:
    """The shipped tables, the overlay of this name where there is one, and the site's own."""
    overlays = [path for path in shipped_overlays() if path.name == names]
    return [shipped_mappings(), *overlays, *extra]
