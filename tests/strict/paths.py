"""Whether what a refusal names stands in the body that was refused."""

from __future__ import annotations

import re
from typing import Any


def leads(path: str, body: Any, missing: int = 1) -> bool:
    """Whether a path is one of the body: at its end, so many names may be what is missing there.

    null is missing, and an object where a list may stand is a list of one.
    """
    steps = re.findall(r"[^.\[\]]+", path)
    for number, step in enumerate(steps):
        if isinstance(body, list):
            if not step.isdigit() or int(step) >= len(body):
                return False
            body = body[int(step)]
        elif isinstance(body, dict) and step in body:
            body = body[step]
        elif isinstance(body, dict) and step == "0":
            continue
        elif body is None or isinstance(body, dict):
            rest = steps[number:]
            return len(rest) <= missing and not any(name.isdigit() for name in rest)
        else:
            return False
    return True
