"""How many tokens a request or an answer takes, roughly: by bytes of text.

Of a request `[estimate]` of the caller dialect says which fields count, and how much what is no
text; of an answer `[estimate]` of answer.toml says where its text stands. Knows no field by name.
"""

from __future__ import annotations

from collections.abc import Sequence

from aisix.mapping.syntax.answer import Estimate
from aisix.mapping.syntax.paths import Json

MOST_PARTS = 20_000  # of a request that is looked at for its length alone


def estimate(body: dict[str, Json], how: dict[str, Json], length: int = 0) -> int:
    """Tokens of a request; at least one. With its `length` in bytes, one of very many parts is
    not looked at but taken to be all text."""
    size = flat = seen = 0
    by, kinds = how["by"], how["flat"]
    waiting = [body[name] for name in how["fields"] if name in body]
    while waiting:
        node = waiting.pop()
        seen += 1
        if length and seen > MOST_PARTS:
            return int(max(1, -(-length // how["bytes"])))
        if type(node) is str:
            size += len(node) if node.isascii() else len(node.encode("utf-8", "replace"))
        elif type(node) is dict:
            kind = node.get(by)
            known = kinds.get(kind) if type(kind) is str else None
            if known is not None:
                flat += known
                continue
            seen += len(node)
            for name, value in node.items():
                size += len(name)
                if type(value) is str and value.isascii():  # most of them: at once
                    size += len(value)
                else:
                    waiting.append(value)
        elif type(node) is list:
            waiting += node
        elif node is not None:
            size += len(str(node))
    return int(max(1, flat + -(-size // how["bytes"])))


def said(answer: Json, how: Estimate) -> int:
    """Bytes of text in a whole answer, or in one event of a stream."""
    if type(answer) is not dict:
        return 0
    size = 0
    waiting = [answer.get(name) for name in how.said] if how.said else list(answer.values())
    while waiting:
        node = waiting.pop()
        if type(node) is str:
            size += len(node) if node.isascii() else len(node.encode("utf-8", "replace"))
        elif type(node) is dict:
            waiting += [value for key, value in node.items() if key not in how.skip]
        elif type(node) is list:
            waiting += node
    return size


def text_in(size: int, events: int, latest: Sequence[tuple[int, Json]], how: Estimate) -> float:
    """Bytes of text in so many events of a stream, `size` bytes in all, of which only the `latest`
    are there, (bytes, event): what stands around the text in those is taken to stand around it in
    all of them."""
    around = found = texts = 0
    for length, event in latest:
        text = said(event, how)
        if text:
            found += 1
            texts += text
            around += length - text
    if events <= len(latest):
        return texts
    return max(0.0, size - events * around / found) if found else 0.0
