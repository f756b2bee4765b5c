"""A site's folder for an editor: schemas that know the tables below it, a README, an example.

The schemas of a mapping's files hold its names: a table laid over a rule of the shipped ones is
known to be a rule, though its source stands only there, and hover shows what stands there now.
"""

from __future__ import annotations

from aisix.mapping.editor import folder, known
from aisix.mapping.editor.schema import in_lines, schema
from aisix.mapping.grammar.declared import TRAIT
from aisix.mapping.mappings import Mapping, Mappings
from aisix.mapping.parse.files import FILES, TRAITS
from aisix.mapping.parse.structure import in_toml

README = "README.md"
EXAMPLE = "example-limit"
EXAMPLE_LIMIT = 1024


def beside_tables(mappings: Mappings) -> dict[str, str]:
    """Path below the site's folder -> text: the schemas of every kind of file, then of every
    mapping's files, and which is for which."""
    out = folder.beside_tables()
    config = out.pop(folder.CONFIG)
    for name, mapping in mappings.mappings.items():
        for kind in (*FILES, TRAIT):
            path = f"{folder.SCHEMAS}/{name}/{kind}.json"
            out[path] = in_lines(schema(kind, known.names(kind, mapping.tree)))
            places = [f"**/{name}/{place.removeprefix('**/')}" for place in folder.globs(kind)]
            config += folder.rule(places, path)
    return {**out, folder.CONFIG: config}


def example(mapping: Mapping) -> tuple[str, str] | None:
    """Path and text of an overlay that holds and changes nothing until an alias names it: the
    first field with a largest number gets a smaller one."""
    rules = (mapping.tree.data.get("request") or {}).get("field") or {}
    name = next((n for n, rule in rules.items() if isinstance(rule, dict) and "max" in rule), "")
    if not name:
        return None
    there = mapping.tree.where(("request", "field", name, "max"))
    path = f"{mapping.name}/{TRAITS}/{EXAMPLE}.toml"
    depth = "../" * path.count("/")
    return (
        path,
        f"""\
{folder.DIRECTIVE}{depth}{folder.SCHEMAS}/{mapping.name}/{TRAIT}.json
# An overlay holds only what differs. This one is a trait: it counts for the aliases that name it,
# "traits": ["{EXAMPLE}"], and for nobody else. For every alias, write the same without the word
# "request" into {mapping.name}/request.toml of this folder.

[request.field.{_key(name)}]
max = {EXAMPLE_LIMIT}     # was {in_toml(rules[name]["max"])}, in {there}
""",
    )


def _key(name: str) -> str:
    return in_toml({name: 0}).removeprefix("{ ").partition(" = ")[0]


def readme(name: str, made: tuple[str, str] | None) -> str:
    """What the folder is, and what to do with it."""
    begin = f"Begin with `{made[0]}`: it is an example, change it or delete it.\n\n" if made else ""
    return f"""\
# Our own translation tables

What stands here is laid over the tables that aisix brings, key by key, in a tree of the same
shape: `<caller>/<upstream>/request.toml`, `answer.toml`, `values.toml`, `errors.toml`,
`models.toml`, `mapping.toml`, `traits/*.toml`, `cases/*/`. Write only what differs; an upgrade
touches nothing here.

{begin}```sh
aisix mappings check {name}                    # every complaint at once, with file and line
aisix mappings diff {name}                     # what this folder changes
aisix mappings explain request.json --dir {name}   # each field of a request, and why
aisix mappings keys request.field              # what may stand where
aisix mappings schema --for {name}             # the editor's schemas anew, after an upgrade
```

Name the folder in `config.yaml` (`mappings: [{name}]`) and send the gateway a SIGHUP.

An editor with Taplo ("Even Better TOML" of VS Code) completes, explains and checks these files by
`schemas/` and `.taplo.toml`, when it has this folder open or a file begins with a line `#:schema`.
"""
