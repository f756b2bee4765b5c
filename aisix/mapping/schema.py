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
from aisix.mapping.skeleton import found
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
        v.Required("format"): one,
        v.Required("title"): str,
        v.Required("adapter"): str,
        "variant": bool,
        v.Required("upstream"): {
            "api_base": str,
            v.Required("path"): str,
            "strip": [str],
            "whole": str,
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
        data = tree.data.get(name, {})
        try:
            shape(data)
        except v.MultipleInvalid as many:
            for error in many.errors:
                keys = tuple(str(part) for part in error.path)
                text = _said(error, shape, data)
                complaints.append(Complaint(tree.where((name, *keys)), ".".join(keys), text))
            for error in many.errors:
                _take_out(data, tuple(error.path))
    _check_rows(tree, traits, complaints)


def _said(error: v.Invalid, shape: v.Schema, data: Json) -> str:
    """voluptuous's words in ours: what was expected, what was found."""
    keys = tuple(error.path)
    if "extra keys" in error.msg:
        return f"unknown key{near(str(keys[-1]), _known(shape, tuple(map(str, keys[:-1]))))}"
    if "required key" in error.msg:
        return "missing"
    for key in keys:
        try:
            data = data[key.schema if isinstance(key, v.Marker) else key]
        except (KeyError, TypeError, IndexError):
            return error.msg
    words = {
        "expected str": "expected text",
        "expected bool": "expected true or false",
        "expected int": "expected whole number",
        "expected float": "expected number",
        "expected a dictionary": "expected table",
        "expected a list": "expected list",
        "not a valid value": "expected text, number, true or false",
    }
    return f"{words.get(error.msg, error.msg)}, found {found(data)}"


def _take_out(data: Json, keys: tuple[Json, ...]) -> None:
    """What was complained about is left out, so that the rest can be read."""
    for key in keys[:-1]:
        if not isinstance(data, dict) or key not in data:
            return
        data = data[key]
    if isinstance(data, dict) and keys:
        data.pop(keys[-1], None)


def one(value: Json) -> Json:
    if value != 1 or type(value) is not int:
        raise v.Invalid("expected 1")
    return value


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
        matches = row.get("match", [name])
        for prefix in matches if isinstance(matches, list) else ():
            at = ("models", "model", name)
            if prefix in seen:
                text = f'"{prefix}" is matched by "{seen[prefix]}" too; each prefix has one row'
                complaints.append(Complaint(tree.where(at), f"model.{name}", text))
            elif isinstance(prefix, str) and prefix != prefix.lower():
                text = f'never reached: "{prefix}" is compared with lower case'
                where = tree.where((*at, "match"))
                complaints.append(Complaint(where, f"model.{name}.match", text))
            seen[str(prefix)] = name
        for key in ("traits", "more_traits"):
            given = row.get(key, ())
            for trait in given if isinstance(given, list) else ():
                if trait not in traits:
                    where = tree.where(("models", "model", name, key))
                    text = f'no trait "{trait}"{near(trait, traits)}'
                    complaints.append(Complaint(where, f"model.{name}.{key}", text))
    _check_facts(tree, traits, complaints)
    unknown = models.get("unknown")
    if rows and unknown not in rows:
        text = f'no model row "{unknown}"{near(str(unknown), rows)}'
        complaints.append(Complaint(tree.where(("models", "unknown")), "unknown", text))


def _check_facts(tree: Tree, traits: dict[str, Tree], complaints: list[Complaint]) -> None:
    """A fact no rule reads is a slip of the pen; one of another type than usual is another."""
    models = tree.data.get("models") or {}
    usual = models.get("defaults") or {}
    known = {"match", "traits", "more_traits", *usual}
    for one_tree in (tree, *traits.values()):
        known |= _facts_read(one_tree.data)
    for name, row in (models.get("model") or {}).items():
        for fact, value in row.items():
            at = ("model", name, fact)
            standard = usual.get(fact)
            if isinstance(standard, str) and standard.startswith("$"):
                standard = usual.get(standard[1:])
            if fact not in known:
                text = f"no rule reads this fact{near(fact, known)}"
            elif (
                standard is None
                or type(value) is type(standard)
                or (isinstance(value, str) and value.startswith("$"))
            ):
                continue
            else:
                text = f"expected {found(standard)} or the like, found {found(value)}"
            complaints.append(Complaint(tree.where(("models", *at)), ".".join(at), text))


def _facts_read(data: Json) -> set[str]:
    """The NAMEs of every "$model.NAME" in it, keys included."""
    if isinstance(data, dict):
        return set().union(*(_facts_read(part) for pair in data.items() for part in pair))
    if isinstance(data, list):
        return set().union(*map(_facts_read, data))
    if isinstance(data, str) and data.startswith("$model."):
        return {data.removeprefix("$model.").partition(".")[0].partition("[")[0]}
    return set()


def option_faults(name: str, row: dict[str, Json], value: Json) -> list[str]:
    """What is wrong with the value an alias gives an option."""
    wanted = TYPES[row["type"]]
    if not isinstance(value, wanted) or (isinstance(value, bool) and row["type"] != "boolean"):
        return [f'option "{name}": expected {row["type"]}, found {value!r}']
    if "one_of" in row and value not in row["one_of"]:
        words = ", ".join(map(str, row["one_of"]))
        return [f'option "{name}": expected one of {words}, found {value!r}']
    return []
