"""Headers that tell a caller of a limit, `[limits.<what is counted>]` of a caller dialect, made
ready once: they are told with every answer.

    told = LimitHeaders({"x-most": "{most}", "x-reset": "{reset}"})
    told.names, told.filled(most=10, left=7, reset=59.5, now=0.0)     # ["10", "59.5s"]

Knows no header.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import ceil

from aisix.mapping.dialect import durations

_WORD = re.compile(r"\{(\w+)\}")


class LimitHeaders:
    """`row`: text by header; in it `{most}`, `{left}`, `{reset}` (time left), `{reset_secs}`
    (the same in whole seconds) and `{reset_at}`."""

    __slots__ = ("_moment", "_text", "names")

    def __init__(self, row: Mapping[str, str]) -> None:
        self.names = tuple(row)
        text = "\n".join(row.values())
        self._moment = "{reset_at}" in text
        self._text = _WORD.sub(r"%(\1)s", text.replace("%", "%%"))

    def filled(self, most: int, left: int, reset: float, now: float) -> list[str]:
        """The values of `names`; `reset` in seconds, `now` in Unix seconds."""
        known = {
            "most": most,
            "left": left,
            "reset": durations.written(reset),
            "reset_secs": ceil(reset),
        }
        if self._moment:
            known["reset_at"] = durations.moment(now + reset)
        return (self._text % known).split("\n")
