"""Whose a URL is that no handler answers, and which ones are answered.

Must never know: a request's key or body.
"""

from __future__ import annotations

import re
from collections.abc import Container
from urllib.parse import unquote

from aisix.mapping.mappings import Mappings

_SLASHES = re.compile("/+")


def dialect_of(mappings: Mappings, path: str, headers: Container[str]) -> str:
    """The caller dialect of an error about `path`: that of the route it stands below, however
    oddly it is spelt, else the one whose header was sent, else the default one."""
    plain = _SLASHES.sub("/", unquote(path)) + "/"
    callers = mappings.callers.values()
    for caller in callers:
        if plain.startswith(caller.data["route"] + "/"):
            return caller.name
    for caller in callers:
        if caller.models_header is not None and caller.models_header in headers:
            return caller.name
    return default_dialect(mappings)


def default_dialect(mappings: Mappings) -> str:
    callers = mappings.callers.values()
    return next((c.name for c in callers if c.data.get("default")), next(iter(callers)).name)


def routes(mappings: Mappings) -> str:
    """What is answered, for an error's text: nothing of it depends on what is stored."""
    found: dict[str, None] = {}  # in order, each once
    for caller in mappings.callers.values():
        found["POST " + caller.data["route"]] = None
        if caller.count is not None:
            found["POST " + caller.count["route"]] = None
    for caller in mappings.callers.values():
        if caller.models_route is not None:
            found["GET " + caller.models_route] = None
    return ", ".join(found)
