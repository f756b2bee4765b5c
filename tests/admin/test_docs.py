"""docs/admin.md names every route, field, error code and verb there is."""

from __future__ import annotations

import re

from aisix.admin import base, openapi
from aisix.cli.main import _parser
from aisix.cli.resources import NOUNS
from aisix.store import schema
from tests.running import ROOT

TEXT = (ROOT / "docs" / "admin.md").read_text()
MARKED = set(re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", TEXT, flags=re.S)))
WORDS = {word for marked in MARKED for word in re.split(r"[^\w-]+", marked)}


def test_every_route_is_there() -> None:
    for path, operations in openapi.document()["paths"].items():
        shown = re.sub(r"/(provider_keys|models|apikeys)(?!/\{id\}/rotate)", "/<kind>", path)
        for method in {"get", "post", "put", "patch", "delete"} & set(operations):
            assert f"`{method.upper()} {shown}`" in TEXT, (method, path)


def test_every_field_is_there() -> None:
    for kind, rules in schema.FIELDS.items():
        for name, rule in rules.items():
            assert name in WORDS, (kind, name)
            for below in rule if isinstance(rule, dict) else ():
                assert below in WORDS, (kind, name, below)
        for name in schema.ALSO[kind]:
            assert name in WORDS, (kind, name)


def test_every_error_code_is_there_and_no_other() -> None:
    told = re.search(r"`code` is one of: ([^.]+)\.", base.__doc__ or "")
    assert told is not None
    codes = set(re.split(r",\s+", told[1]))
    rows = re.findall(r"^\| (`[a-z_`, ]+) \| [45]", TEXT, re.M)
    assert {code for row in rows for code in re.findall(r"`(\w+)`", row)} == codes
    assert set(base.HTTP_CODE.values()) | set(base.CODE_OF.values()) <= codes


def test_every_verb_is_there() -> None:
    for noun in NOUNS:
        help = _parser([noun])._actions[-1].choices[noun].format_help()  # type: ignore[index]
        verbs = re.findall(r"^    (\w+) {2,}", help, re.M)
        row = re.search(rf"^\| (`aisix {noun} .*?) \|", TEXT, re.M)
        assert row is not None
        named = re.findall(r"`(?:aisix \w+ )?(\w+)`", row[1])
        assert named == verbs, (noun, verbs)
    for verb in ("validate", "export", "import", "secrets rotate-key"):
        assert f"`aisix {verb}" in TEXT
