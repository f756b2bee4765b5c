"""[upstream.pass.NAME] of a mapping and [pass.NAME] of its caller.toml: each needs the other.

Must never know: where a request goes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aisix.errors import Complaint, wrong_among
from aisix.mapping.parse.meant import near
from aisix.mapping.parse.toml_tree import Keys, Tree
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.paths import Json

Where = Callable[[Keys], str]


def check_passes(caller: Tree, mappings: Sequence[Tree], complaints: list[Complaint]) -> None:
    """Tell of one that has no other, of two with one URL, and of paths that are none."""
    known = _rows(caller.data.get("pass"))
    routes: dict[str, str] = {}
    for name, row in known.items():
        route = row.get("route")
        other = routes.setdefault(str(route), name)
        if other != name:
            text = f'[pass.{other}] has "{route}" already'
            complaints.append(Complaint(caller.where(("pass", name)), f"pass.{name}.route", text))
    taken: set[str] = set()
    for tree in mappings:
        at: Keys = ("mapping", "upstream", "pass")
        upstream = tree.data.get("mapping", {}).get("upstream")
        rows = _rows(upstream.get("pass") if isinstance(upstream, dict) else None)
        taken |= rows.keys()
        for name, row in rows.items():
            path = f"upstream.pass.{name}"
            if known and name not in known:  # a dialect without any may lend from one that has
                text = f"there is no [pass.{name}] in caller.toml{near(name, known)}"
                complaints.append(Complaint(tree.where((*at, name)), path, text))
            tokens = row.get("tokens")
            for counter, given in tokens.items() if isinstance(tokens, dict) else ():
                for text in given if isinstance(given, list) else [given]:
                    where = tree.where((*at, name, "tokens", counter))
                    _check_path(text, where, f"{path}.tokens.{counter}", complaints)
    if wrong_among(complaints):
        return  # a mapping that cannot be read may be the one
    for name in known.keys() - taken:
        text = "no mapping of this dialect has an [upstream.pass] of this name: nobody answers it"
        where = caller.where(("pass", name))
        complaints.append(Complaint(where, f"pass.{name}", text, idle=True))


def _check_path(given: Json, where: str, path: str, complaints: list[Complaint]) -> None:
    try:
        found = paths.parse(given) if isinstance(given, str) else None
    except ValueError as error:
        complaints.append(Complaint(where, path, str(error)))
        return
    if found is None or found.root or not found.steps or not isinstance(found.steps[0], str):
        text = 'expected the path of a field of the answer, such as "usage.read"'
        complaints.append(Complaint(where, path, text))


def _rows(given: Json) -> dict[str, dict[str, Json]]:
    rows = given.items() if isinstance(given, dict) else ()
    return {name: row for name, row in rows if isinstance(row, dict)}
