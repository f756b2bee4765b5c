"""The files an editor needs are beside the shipped tables, and each table names its schema.

AISIX_WRITE_DOCS=1 writes them instead of comparing them.
"""

from __future__ import annotations

import os
import tomllib

import pytest

from aisix.mapping.editor.folder import CONFIG, beside_tables, directive
from aisix.mapping.parse.files import read_folders
from tests.running import ROOT

SHIPPED = ROOT / "mappings"
WRITE = bool(os.environ.get("AISIX_WRITE_DOCS"))
FILES = beside_tables()


@pytest.mark.parametrize("path", FILES)
def test_the_shipped_file_is_what_is_declared(path: str) -> None:
    file = SHIPPED / path
    if WRITE:
        file.parent.mkdir(exist_ok=True)
        file.write_text(FILES[path])
    assert file.read_text() == FILES[path], f"AISIX_WRITE_DOCS=1 pytest {__file__}"


def without_its_schema(tables: dict[str, bytes]) -> list[str]:
    """Paths of table files that do not begin with their own."""
    return [
        path
        for path, content in tables.items()
        if not content.startswith(directive(path).encode() + b"\n")
    ]


def test_every_shipped_table_begins_with_its_schema() -> None:
    tables = read_folders([SHIPPED])[0].files
    if WRITE:
        for path in without_its_schema(tables):
            file = SHIPPED / path
            file.write_text(f"{directive(path)}\n{file.read_text()}")
        tables = read_folders([SHIPPED])[0].files
    assert not without_its_schema(tables), f"AISIX_WRITE_DOCS=1 pytest {__file__}"
    for path in tables:
        schema = (SHIPPED / path).parent / directive(path).partition(" ")[2]
        assert schema.is_file(), path


def test_every_kind_of_file_has_a_rule() -> None:
    rules = tomllib.loads(FILES[CONFIG])["rule"]
    assert {rule["schema"]["path"] for rule in rules} == {*FILES} - {CONFIG}
