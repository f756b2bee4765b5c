"""How many tokens a request would take, roughly: bytes of text, and flat counts for what is none.

`[count]` of a caller dialect says which fields count and how much; for callers who want to know
whether something fits. Knows no field by name.
"""

from __future__ import annotations

from aisix.mapping.syntax.paths import Json


def estimate(body: dict[str, Json], how: dict[str, Json]) -> int:
    """Tokens; at least one."""
    size, flat = 0, 0
    waiting = [body.get(name) for name in how["fields"]]
    while waiting:
        node = waiting.pop()
        if type(node) is dict:
            kind = node.get(how["by"])
            known = how["flat"].get(kind) if type(kind) is str else None
            if known is not None:
                flat += known
                continue
            size += sum(len(key) for key in node)
            waiting += node.values()
        elif type(node) is list:
            waiting += node
        elif node is not None:
            size += len(str(node).encode("utf-8", "replace"))
    return int(max(1, flat + -(-size // how["bytes"])))
