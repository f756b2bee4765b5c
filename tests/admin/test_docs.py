"""docs/admin.md names every route, error code and verb there is; its tables of fields are made anew.

AISIX_WRITE_DOCS=1 writes the tables instead of comparing them.
"""

from __future__ import annotations

import json
import re

from aisix.admin import base, openapi
from aisix.cli.main import _parser
from aisix.store.kinds.declare import Field, Kind
from aisix.store.kinds.registry import KINDS
from tests.running import ROOT
from tests.test_docs import generated

PAGE = ROOT / "docs" / "admin.md"
TEXT = PAGE.read_text()


def test_every_route_is_there() -> None:
    for path, operations in openapi.document()["paths"].items():
        shown = re.sub(
            r"/(provider_keys|models|apikeys)(?!/\{id\}/rotate|/status)", "/<kind>", path
        )
        for method in {"get", "post", "put", "patch", "delete"} & set(operations):
            assert f"`{method.upper()} {shown}`" in TEXT, (method, path)


def test_the_tables_of_fields_are_what_the_kinds_declare() -> None:
    for kind in KINDS:
        generated(PAGE, f"the fields of {kind.name}", table_of(kind))


def table_of(kind: Kind) -> str:
    """The fields of one kind, for people."""
    rows = ["| field | may be | meaning | such as |", "|---|---|---|---|"]
    rows += [f"| `{f.name}` | {_may_be(kind, f)} | {f.help} | {_example(f)} |" for f in kind.fields]
    return "\n".join(["", *rows, "", ""])


def _may_be(kind: Kind, field: Field) -> str:
    told = [field.type.words]
    if field.type.fields:
        told[0] += f" of {', '.join(f'`{below.name}`' for below in field.type.fields)}"
    if field.required:
        ways = [f"or `{way}`" for way in kind.other_ways(field.name)]
        told.append(", ".join(["required", *ways]))
    if field.instead_of:
        told.append(f"only written, for `{field.instead_of}`")
    if field.refers_to:
        told.append(f"of `{field.refers_to}`")
    told += [word for word in ("unique", "searchable", "secret") if getattr(field, word)]
    return "; ".join(told)


def _example(field: Field) -> str:
    return "" if field.example is None else f"`{json.dumps(field.example)}`"


def test_every_error_code_is_there_and_no_other() -> None:
    told = re.search(r"`code` is one of: ([^.]+)\.", base.__doc__ or "")
    assert told is not None
    codes = set(re.split(r",\s+", told[1]))
    rows = re.findall(r"^\| (`[a-z_`, ]+) \| [45]", TEXT, re.M)
    assert {code for row in rows for code in re.findall(r"`(\w+)`", row)} == codes
    assert set(base.HTTP_CODE.values()) | set(base.CODE_OF.values()) <= codes


def test_every_verb_is_there() -> None:
    for noun in (kind.command.name for kind in KINDS):
        help = _parser([noun])._actions[-1].choices[noun].format_help()  # type: ignore[index]
        verbs = re.findall(r"^    (\w+) {2,}", help, re.M)
        row = re.search(rf"^\| (`aisix {noun} .*?) \|", TEXT, re.M)
        assert row is not None
        named = re.findall(r"`(?:aisix \w+ )?(\w+)`", row[1])
        assert named == verbs, (noun, verbs)
    for verb in ("validate", "export", "import", "secrets rotate-key"):
        assert f"`aisix {verb}" in TEXT
