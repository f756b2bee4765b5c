"""Hints."""
from __future__ import annotations

from aisix.errors import Complaint
from aisix.mapping.mappings import Mappings


def hints(mappings: Mappings) -> list[Complaint]:
    return []
