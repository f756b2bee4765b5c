"""The half of a schema that is shown: a sentence for each key, its words, what may stand below.

It stands where a failure means nothing, so it may say more than is so: all options of all verbs.
"""

from __future__ import annotations

from collections.abc import Iterable

from aisix.mapping.editor.json_types import Schema, typed, types_of
from aisix.mapping.editor.options import KINDS, VERB, options
from aisix.mapping.grammar.kinds import VERB_NAMES
from aisix.mapping.grammar.tables import UNITS, Key, Unit
from aisix.mapping.parse.overlays import BEFORE, DROP
from aisix.mapping.parse.structure import in_toml

SHOWN = "-shown"  # behind a unit's name
LONGEST_EXAMPLE = 80
DROP_SAYS = "true: this table of the shipped ones is taken away; false: it is there again"
BEFORE_SAYS = "the row beside it that this one comes before"


def refer(unit: str) -> Schema:
    return {"$ref": f"#/definitions/{unit}{SHOWN}"}


def definitions(names: Iterable[str]) -> dict[str, Schema]:
    """Of each of these units, and of those they hold, under its name and SHOWN."""
    found: dict[str, Schema] = {}
    ahead = [*names]
    while ahead:
        unit = UNITS[ahead.pop()]
        if unit.name + SHOWN in found:
            continue
        found[unit.name + SHOWN] = _table(unit)
        held = (*unit.keys, *([unit.free] if unit.free else ()))
        ahead += [below for key in held for below in (key.below, key.below_each) if below]
    return dict(sorted(found.items()))


def _table(unit: Unit) -> Schema:
    keys: dict[str, Schema] = {}
    if unit.verbs:
        keys |= _options(unit.verbs)
    keys |= {
        DROP: {"description": DROP_SAYS, "type": "boolean"},
        BEFORE: {"description": BEFORE_SAYS, "type": "string"},
    }
    for key in unit.keys:
        keys[key.name] = _verb(key, unit.verbs) if unit.verbs and key.name == VERB else shown(key)
    table: Schema = {"properties": keys}
    if unit.free:
        table["additionalProperties"] = _own(unit, unit.free)
    return table


def _own(unit: Unit, free: Key) -> Schema:
    """What a name of the writer's own holds. It is shown at declared keys too, so it says little
    where there are some."""
    if unit.keys:
        return refer(free.below) if free.below else {}
    return shown(free)


def shown(key: Key) -> Schema:
    """One key: its sentence, with default and example, and what completion may offer."""
    schema: Schema = {"description": sentence(key), **typed(types_of(key.kinds))}
    if key.words:
        schema |= {"enum": [*key.words]}
    if VERB_NAMES in key.kinds:
        schema |= _verbs("verbs")
    if key.below:
        schema["anyOf"] = [refer(key.below)]
    if key.below_each:
        about = UNITS[key.below_each].about
        schema["additionalProperties"] = {"description": about, "anyOf": [refer(key.below_each)]}
    return schema


def sentence(key: Key) -> str:
    """What is said about a key, in Markdown."""
    lines = [key.about[:1].upper() + key.about[1:] + "."]
    if key.default is not None:
        lines.append(f"Without it: `{in_toml(key.default)}`.")
    if key.needs:
        lines.append(f"Needs {_or(key.needs)} beside it.")
    if key.loses_to:
        lines.append(f"Does nothing beside {_or(key.loses_to)}.")
    example = f"{key.name} = {in_toml(key.example)}"
    if key.name != "*" and len(example) <= LONGEST_EXAMPLE:
        lines.append(f"For example `{example}`.")
    return "\n\n".join(lines)


def _or(names: Iterable[str]) -> str:
    return " or ".join(f"`{name}`" for name in names)


# ---------------------------------------------------------------- verbs
def _verb(key: Key, kind: str) -> Schema:
    return {"description": sentence(key), "type": "string", **_verbs(kind)}


def _verbs(kind: str) -> Schema:
    known = sorted(KINDS[kind].items())
    said = [one.summary for _, one in known]
    return {"enum": [name for name, _ in known], "x-taplo": {"docs": {"enumValues": said}}}


def _options(kind: str) -> dict[str, Schema]:
    """Every option of every verb; the sentence says of which."""
    out: dict[str, Schema] = {}
    for verb, known in options(kind).items():
        for name, key in known.items():
            said = f"`{verb}`: {sentence(key)}"
            if name in out:
                said = f"{out[name]['description']}\n\n{said}"
            out[name] = {"description": said, **typed(types_of(key.kinds[:1]))}
    return out
