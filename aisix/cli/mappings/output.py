"""Rows as tables that fit the terminal's width, as JSON, as Markdown.

The only place that imports tabulate.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

import msgspec

from aisix.mapping.syntax.paths import Json

NARROWEST = 12  # a column is not cut below this
TIGHT = 7  # nor wrapped below this
ROOMY, WIDE = 24, 36  # nor below these, while another one is wider
PADDING = 2  # a heading is shown with so much room
GAP = 2
WHERE = "file:line"
Row = dict[str, Json]


def table(rows: list[Row], as_json: bool, wrap: bool = False, wide: bool = False) -> None:
    """One row a line; places below a folder all share are shown without it.

    What does not fit is cut with "…", or goes on below when `wrap` is asked for; `wide`: each row
    stays on its line, whatever the terminal's width.
    """
    if as_json:
        write_json(rows)
        return
    if not rows:
        return
    from tabulate import tabulate

    width = sys.maxsize if wide else shutil.get_terminal_size((100, 24)).columns
    names = [n for n in rows[0] if n == WHERE or any(str(row[n]) for row in rows)]
    shared = _shared([str(row[WHERE]) for row in rows if row.get(WHERE)])
    if shared:
        print(f"files below {shared}\n")
    cells = [[_cell(row, n, shared) for n in names] for row in rows]
    limits = _limits(names, cells, width, TIGHT if wrap else NARROWEST)
    fit = _wrapped if wrap else cut
    shown = [
        [
            (_end_of if names[i] == WHERE and not wrap else fit)(text, limits[i])
            for i, text in enumerate(line)
        ]
        for line in cells
    ]
    print(tabulate(shown, names, tablefmt="simple", disable_numparse=True))


def _cell(row: Row, name: str, shared: str) -> str:
    text = str(row[name]).replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return text.removeprefix(shared) if name == WHERE else text


def _limits(names: list[str], cells: list[list[str]], width: int, least_of_all: int) -> list[int]:
    """The widths of the columns. What a row is about, and where it stands, give way last."""
    limits = [
        max(len(name) + PADDING, *(len(line[i]) for line in cells)) for i, name in enumerate(names)
    ]
    middle = [i for i, name in enumerate(names) if i and name != WHERE]
    where = [i for i, name in enumerate(names) if name == WHERE]
    steps = (
        *((middle, ROOMY), ([0], WIDE), (middle, NARROWEST), (where, WIDE), ([0], ROOMY)),
        *((where, ROOMY), ([0, *middle, *where], NARROWEST), (middle, least_of_all)),
        ([0, *middle, *where], least_of_all),
    )
    for free, least in steps:
        while sum(limits) + GAP * (len(names) - 1) > width:
            wide = [i for i in free if limits[i] > max(least, len(names[i]) + PADDING)]
            if not wide:
                break
            limits[max(wide, key=lambda i: limits[i])] -= 1
    return limits


def _shared(places: list[str]) -> str:
    """The folder all files are in, with its slash; "" when they share none."""
    folders = {place.rpartition("/traits/")[0] or place.rpartition("/")[0] for place in places}
    return f"{folders.pop()}/" if len(folders) == 1 and "" not in folders else ""


def cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _end_of(place: str, limit: int) -> str:
    """Of a place the end counts: file and line."""
    return place if len(place) <= limit else "…" + place[-(limit - 1) :]


def _wrapped(text: str, limit: int) -> str:
    return "\n".join(textwrap.wrap(text, limit)) or text


def one_line(value: Json) -> str:
    """A text as itself, anything else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=repr).decode()


def write_json(value: Any) -> None:
    print(msgspec.json.format(msgspec.json.encode(value, enc_hook=repr), indent=2).decode())


def markdown_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Lines of one table, and a blank one."""
    escaped = ([c.replace("|", "\\|").replace("\n", "\\n") for c in row] for row in rows)
    lines = [f"| {' | '.join(row)} |" for row in escaped]
    return [f"| {' | '.join(head)} |", "|" + "---|" * len(head), *lines, ""]


def ticked(text: str) -> str:
    """As code; "" stays."""
    return f"`{text}`" if text else ""
