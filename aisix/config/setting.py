"""What one setting is: its name, check, default and help.

Must never know: which settings there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Setting:
    """`check` answers with the value as it is used, or raises Invalid."""

    name: str
    check: Callable[[Any], Any]
    default: Any
    help: str
