"""voluptuous shapes of the simple table files (mapping.toml, models.toml), and their complaints.

Rules, shapes and conditions have a grammar of their own and are checked by `parse.py`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import cache

import voluptuous as v

from aisix.errors import Complaint
from aisix.mapping.paths import Json
from aisix.mapping.source import Tree

TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "array": list,
    "object": dict,
}


@cache
def _schemas() -> dict[str, v.Schema]:
    option = {
        v.Required("type"): v.In(sorted(TYPES)),
        "default": object,
        "one_of": [object],
        "help": str,
        "traits": {str: [str]},
    }
    mapping = {
        v.Required("format"): 1,
        v.Required("title"): str,
        v.Required("adapter"): str,
        "variant": bool,
        v.Required("upstream"): {
            "api_base": str,
            v.Required("path"): str,
            "strip": [str],
            "auth": {str: str},
        },
        "versions": {"default": str, "known": {str: {"traits": [str]}}},
        "option": {str: option},
    }
    row = {
        "match": v.All([str], v.Length(min=1)),
        "traits": [str],
        "more_traits": [str],
        v.Extra: v.Any(str, bool, int, float),
    }
    models = {
        "after": str,
        "unknown": str,
        "defaults": row,
        "model": {str: row},
    }
    return {"mapping": v.Schema(mapping), "models": v.Schema(models)}


def near(word: str, known: Iterable[str]) -> str:
    """' (did you mean "x"?)' or ' (one of: ...)'."""
    names = sorted(map(str, known))
    close = difflib.get_close_matches(str(word), names, 1, 0.6)
    if close:
        return f' (did you mean "{close[0]}"?)'
    return f" (one of: {', '.join(names)})" if names else ""


def check_mapping(tree: Tree, traits: dict[str, Tree], complaints: list[Complaint]) -> None:
    """mapping.toml and models.toml of one mapping."""
    for name, shape in _schemas().items():
        try:
            shape(tree.data.get(name, {}))
        except v.MultipleInvalid as many:
            for error in many.errors:
                keys = tuple(str(part) for part in error.path)
                text = error.msg
                if "extra keys" in text:
                    text = f"unknown key{near(keys[-1], _known(shape, keys[:-1]))}"
                complaints.append(Complaint(tree.where((name, *keys)), ".".join(keys), text))
    _check_rows(tree, traits, complaints)


def _known(shape: v.Schema, keys: tuple[str, ...]) -> list[str]:
    node: Json = shape.schema
    for key in keys:
        node = (
            next((value for name, value in node.items() if str(name) == key or name is str), {})
            if isinstance(node, dict)
            else {}
        )
    return [str(key) for key in node if key is not str] if isinstance(node, dict) else []


def _check_rows(tree: Tree, traits: dict[str, Tree], complaints: list[Complaint]) -> None:
    models = tree.data.get("models") or {}
    rows = models.get("model", {})
    seen: dict[str, str] = {}
    for name, row in rows.items():
        for prefix in row.get("match", [name]) if isinstance(row, dict) else ():
            if prefix in seen:
                text = f'"{prefix}" is matched by "{seen[prefix]}" too; each prefix has one row'
                complaints.append(
                    Complaint(tree.where(("models", "model", name)), f"model.{name}", text)
                )
            seen[prefix] = name
        for trait in row.get("traits", ()) if isinstance(row, dict) else ():
            if trait not in traits:
                at = tree.where(("models", "model", name, "traits"))
                text = f'no trait "{trait}"{near(trait, traits)}'
                complaints.append(Complaint(at, f"model.{name}.traits", text))
    unknown = models.get("unknown")
    if rows and unknown not in rows:
        text = f'no model row "{unknown}"{near(str(unknown), rows)}'
        complaints.append(Complaint(tree.where(("models", "unknown")), "unknown", text))


def option_faults(name: str, row: dict[str, Json], value: Json) -> list[str]:
    """What is wrong with the value an alias gives an option."""
    wanted = TYPES[row["type"]]
    if not isinstance(value, wanted) or (isinstance(value, bool) and row["type"] != "boolean"):
        return [f'option "{name}": expected {row["type"]}, found {value!r}']
    if "one_of" in row and value not in row["one_of"]:
        words = ", ".join(map(str, row["one_of"]))
        return [f'option "{name}": expected one of {words}, found {value!r}']
    return []
