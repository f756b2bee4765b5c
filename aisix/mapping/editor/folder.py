"""The files an editor needs beside tables: schemas, and which schema is for which file."""

from __future__ import annotations

from aisix.mapping.editor.schema import in_lines, schema
from aisix.mapping.grammar.declared import TRAIT
from aisix.mapping.grammar.tables import FILES
from aisix.mapping.parse.files import CASES, PARTS, TRAITS

SCHEMAS = "schemas"
CONFIG = ".taplo.toml"
CASE = "case"
DIRECTIVE = "#:schema "
_HEAD = """\
# Which schema is for which table file: for Taplo and the editors that use it ("Even Better TOML").
# Made by `aisix mappings schema`.
"""


def globs(file: str) -> list[str]:
    """Where files of one kind stand in a folder of tables.

    >>> globs("request"), globs("trait")
    (['**/request.toml', '**/request/*.toml'], ['**/traits/*.toml'])
    """
    if file == TRAIT:
        return [f"**/{TRAITS}/*.toml"]
    if file == CASE:
        return [f"**/{CASES}/*/{CASE}.toml"]
    return [f"**/{file}.toml", *([f"**/{file}/*.toml"] if file in PARTS else ())]


def beside_tables() -> dict[str, str]:
    """Path below a folder of tables -> text."""
    out = {f"{SCHEMAS}/{name}.json": in_lines(schema(name)) for name in FILES}
    out[CONFIG] = _HEAD + "".join(rule(globs(name), f"{SCHEMAS}/{name}.json") for name in FILES)
    return out


def rule(places: list[str], path: str) -> str:
    """A rule of Taplo's; of several that fit a file the last one counts."""
    listed = ", ".join(f'"{place}"' for place in places)
    return f'\n[[rule]]\ninclude = [{listed}]\n[rule.schema]\npath = "{path}"\n'


def directive(path: str) -> str:
    """The line that says which schema is for the table file at this path below its folder.

    >>> directive("a/b/request/accept.toml"), directive("a/b/values.toml")
    ('#:schema ../../../schemas/request.json', '#:schema ../../schemas/values.json')
    """
    parts = path.split("/")
    kind = next((name for name in parts[2:3] if name in PARTS), parts[-1].removesuffix(".toml"))
    if parts[2:3] == [TRAITS]:
        kind = TRAIT
    return f"{DIRECTIVE}{'../' * (len(parts) - 1)}{SCHEMAS}/{kind}.json"
