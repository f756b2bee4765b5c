"""docs/moving-in.md says what the declarations say."""

from __future__ import annotations

from collections.abc import Iterator

from aisix.movein.declared import OUTCOMES, SAME, TheirRow, kinds, settings
from tests.running import ROOT
from tests.test_docs import generated

PAGE = ROOT / "docs" / "moving-in.md"
SERVED = {name: rows for name, rows in kinds().items() if rows.served}


def _line(row: TheirRow, first: str) -> str:
    """One row of a table: what it is called, what becomes of it."""
    ours = f"`{row.ours}`" if row.ours not in ("", row.name) else ""
    return f"| `{first}` | {OUTCOMES[row.outcome]} | {ours} | {row.why} |\n"


def _unchanged(rows: Iterator[TheirRow]) -> str:
    return ", ".join(f"`{row.name}`" for row in rows if row.outcome == SAME and not row.why)


def _table(rows: dict[str, TheirRow]) -> str:
    told = [row for row in rows.values() if row.outcome != SAME or row.why]
    head = "| there | | here | |\n|---|---|---|---|\n"
    return head + "".join(_line(row, row.name) for row in told)


def test_settings() -> None:
    rows = settings()
    same = f"Unchanged: {_unchanged(iter(rows.values()))}.\n\n"
    generated(PAGE, "settings of the original", f"\n{same}{_table(rows)}\n")


def test_documents() -> None:
    text = ""
    for name, kind in SERVED.items():
        rows = dict(kind.fields)
        same = f"Unchanged: {_unchanged(iter(rows.values()))}.\n\n"
        text += f"\n### {name}\n\n{same}{_table(rows)}"
    generated(PAGE, "documents of the original", f"{text}\n")


def test_kinds_that_are_not_served() -> None:
    head = "\n| kind | |\n|---|---|\n"
    lines = [
        f"| `{name}` | {'restricts: told as NOT enforced' if rows.restricts else 'told'} |\n"
        for name, rows in kinds().items()
        if not rows.served
    ]
    generated(PAGE, "kinds of the original", head + "".join(lines) + "\n")
