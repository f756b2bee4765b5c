"""How often that is tried which is tried at random: AISIX_LONG=20, twenty times as often as usual."""

from __future__ import annotations

import os

LONG = int(os.environ.get("AISIX_LONG", "1"))


def times(usual: int) -> int:
    return usual * LONG
