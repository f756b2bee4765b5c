"""How a block grows from its deltas: functions over JSON, told by tables which field is which.

`[continuation.rebuild]` keeps the upstream's own blocks with it; `[accumulate]` makes a plain
answer of the very chunks a stream would have sent. Knows no block, delta or field by name.
"""

from __future__ import annotations

import msgspec

from aisix.mapping.syntax import paths
from aisix.mapping.syntax.answer import Accumulate, Parts
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbs import characters

_decode = msgspec.json.Decoder().decode


def add(blocks: dict[Json, dict[str, Json]], chunk: dict[str, Json], how: Accumulate) -> None:
    """One chunk of a stream added to the blocks so far."""
    number = paths.get(chunk, how.number.steps)
    if type(number) is not int:
        return
    begun = paths.get(chunk, how.begin.steps)
    if type(begun) is dict:
        blocks[number] = dict(begun)
    elif number in blocks:
        word = paths.get(chunk, how.by.steps)
        add_delta(blocks[number], how.rows.get(word, ()) if type(word) is str else (), chunk)


def add_delta(block: dict[str, Json], parts: Parts, delta: dict[str, Json]) -> None:
    """What one delta adds to a block: `whole` puts it there, the pieces wait till then."""
    for key, how, path in parts:
        value = paths.get(delta, path.steps)
        if (how == "list" and value is not None) or type(value) is str:
            block.setdefault(f" {how} {key}", []).append(value)


def whole(block: dict[str, Json]) -> dict[str, Json]:
    """The block once nothing more comes; JSON that is no object becomes the empty one."""
    out = {key: value for key, value in block.items() if not key.startswith(" ")}
    for waiting, pieces in block.items():
        if not waiting.startswith(" "):
            continue
        _, how, key = waiting.split(" ", 2)
        if how == "list":
            out[key] = [*(out.get(key) or ()), *pieces]
        elif how == "json":
            text = "".join(pieces)
            try:
                found = _decode(text) if text else {}
            except msgspec.DecodeError:
                found = characters.mended(characters.read(text.encode()), lambda name: None)
            out[key] = found if type(found) is dict else {}
        else:
            before = out.get(key)
            out[key] = "".join([before if type(before) is str else "", *pieces])
    return out
