"""What `aisix check` and `aisix doctor` have to say, one thing each.

Must never know: what was looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

OK, WARNING, FAULT = "ok", "warning", "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    level: str  # ok | warning | fault
    about: str
    text: str

    def __str__(self) -> str:
        return f"{self.about}: {self.text}" if self.about else self.text
