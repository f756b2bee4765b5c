"""Shapes of the simple table files (mapping.toml, models.toml, caller.toml), and their complaints.

Rules, shapes and conditions have a grammar of their own and are checked by `parse/rules.py`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator
from functools import cache

import voluptuous as v

from aisix.errors import Complaint
from aisix.mapping.parse.options import TYPES, option_faults, words_of
from aisix.mapping.parse.structure import found
from aisix.mapping.parse.toml_tree import Keys, Tree
from aisix.mapping.syntax.paths import Json


@cache
def _schemas() -> dict[str, v.Schema]:
    option = {
        v.Required("type"): v.In(sorted(TYPES)),
        "default": object,
        "one_of": [object],
        "help": str,
        "traits": {str: [str]},
        "was_trait": {str: str},
    }
    mapping = {
        v.Required("format"): one,
        v.Required("title"): str,
        v.Required("adapter"): str,
        "variant": bool,
        "models": str,
        v.Required("upstream"): {
            "api_base": str,
            v.Required("path"): str,
            "strip": [str],
            "bare": str,
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
        "outside": str,
        "defaults": row,
        "model": {str: row},
    }
    caller = {
        v.Required("route"): str,
        "title": str,
        "default": bool,
        "auth": {str: str},
        v.Required("request"): {
            v.Required("alias"): str,
            "stream": str,
            "wants_usage": str,
            "sample": dict,
            "counts": {str: [str]},
        },
        v.Required("stream"): {
            v.Required("content_type"): str,
            v.Required("done"): str,
            v.Required("ping"): str,
            "told": str,
            v.Required("frame"): framed,
            v.Required("error_frame"): framed,
        },
        v.Required("error"): {"request_id": str, v.Required("body"): dict},
        "limits": {"requests": {str: str}, "tokens": {str: str}},
        "models": {
            v.Required("route"): str,
            "header": str,
            v.Required("list"): dict,
            v.Required("item"): dict,
        },
        "count": {
            v.Required("route"): str,
            v.Required("header"): str,
            v.Required("answer"): dict,
        },
        "estimate": {
            v.Required("bytes"): positive,
            v.Required("fields"): [str],
            v.Required("by"): str,
            v.Required("flat"): {str: positive},
        },
        v.Extra: object,  # its sections are looked at before, its faults after
    }
    return {"mapping": v.Schema(mapping), "models": v.Schema(models), "caller": v.Schema(caller)}


# What the templates of a caller.toml may ask for.
ASKED: dict[Keys, tuple[str, ...]] = {
    ("error", "body"): ("message", "type", "param", "code", "status", "request_id"),
    ("models", "list"): ("models", "first", "last"),
    ("models", "item"): ("alias", "created", "created_at", "provider"),
    ("count", "answer"): ("count",),
    ("limits",): ("most", "left", "reset", "reset_at"),
}


def near(word: str, known: Iterable[str]) -> str:
    """' (did you mean "x"?)' or ' (one of: ...)'."""
    names = sorted(map(str, known))
    close = difflib.get_close_matches(str(word), names, 1, 0.6)
    if close:
        return f' (did you mean "{close[0]}"?)'
    return f" (one of: {', '.join(names)})" if names else ""


def check_mapping(
    tree: Tree, traits: dict[str, Tree], complaints: list[Complaint], lent: Collection[str] = ()
) -> None:
    """mapping.toml and models.toml of one mapping; `lent`: facts that another one's rules read."""
    for name in ("mapping", "models"):
        _check_shape(name, tree.data.get(name, {}), tree, (name,), complaints)
    was = was_traits(tree.data.get("mapping") or {})
    for name in was.keys() & traits.keys():
        text = f"no trait any more but the option {was[name][0]}: lay yours over"
        text += " the rules that ask for it"
        complaints.append(Complaint(traits[name].where(()), "", text))
    known = {**dict.fromkeys(was, Tree()), **traits}
    _check_versions(tree, known, complaints)
    _check_options(tree, known, complaints)
    _check_rows(tree, known, complaints)
    _check_facts(tree, known, complaints, lent)


def was_traits(mapping: dict[str, Json]) -> dict[str, tuple[str, Json]]:
    """{trait of earlier tables: (the option it is now, the value it means)}."""
    return {
        trait: (name, {"true": True, "false": False}.get(word, word))
        for name, row in mapping.get("option", {}).items()
        for word, trait in row.get("was_trait", {}).items()
    }


HEADERS = (("error", "body"),)  # where a header of the answer may be asked for


def check_caller(tree: Tree, complaints: list[Complaint]) -> None:
    """The caller.toml of one dialect, save its faults."""
    _check_shape("caller", tree.data, tree, (), complaints)
    for keys, known in ASKED.items():
        node: Json = tree.data
        for key in keys:
            node = node.get(key, {})
        for at, word in _quoted(node, keys):
            if word not in known and not (keys in HEADERS and word.startswith("header.")):
                text = f'nothing is called "{word}" here{near(word, known)}'
                complaints.append(Complaint(tree.where(at), ".".join(at), text))


def _quoted(node: Json, at: Keys) -> Iterator[tuple[Keys, str]]:
    """(place, word) of every "$word" in a template; in a header's text it is {word}."""
    if isinstance(node, dict):
        for key, below in node.items():
            yield from _quoted(below, (*at, key))
    elif isinstance(node, str) and at[0] == "limits":
        yield from ((at, word) for word in re.findall(r"\{(\w+)\}", node))
    elif isinstance(node, str) and node.startswith("$"):
        yield at, node[1:]


def _check_shape(name: str, data: Json, tree: Tree, at: Keys, complaints: list[Complaint]) -> None:
    shape = _schemas()[name]
    try:
        shape(data)
    except v.MultipleInvalid as many:
        for error in many.errors:
            keys = tuple(str(part) for part in error.path)
            text = _said(error, shape, data)
            complaints.append(Complaint(tree.where((*at, *keys)), ".".join(keys), text))
        for error in many.errors:
            _take_out(data, tuple(error.path))


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


def framed(value: Json) -> Json:
    if not isinstance(value, str) or "{data}" not in value:
        raise v.Invalid("expected text with {data} in it")
    return value


def positive(value: Json) -> Json:
    if type(value) is not int or value < 1:
        raise v.Invalid("expected a whole number from 1")
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


def _check_versions(tree: Tree, traits: dict[str, Tree], complaints: list[Complaint]) -> None:
    versions = (tree.data.get("mapping") or {}).get("versions", {})
    known = versions.get("known", {})
    default = versions.get("default")
    if known and default not in known:
        where = tree.where(("mapping", "versions", "default"))
        text = f'no version "{default}"{near(str(default), known)}' if default else "missing"
        complaints.append(Complaint(where, "versions.default", text))
        versions["default"] = next(iter(known))  # so that the rest can be read
    for name, row in known.items():
        at = ("mapping", "versions", "known", name, "traits")
        row["traits"] = _known_traits(row.get("traits", []), at, tree, traits, complaints)


def _check_options(tree: Tree, traits: dict[str, Tree], complaints: list[Complaint]) -> None:
    models = tree.data.get("models") or {}
    facts = {fact for row in models.get("model", {}).values() for fact in row}
    facts |= set(models.get("defaults", {}))
    for name, row in (tree.data.get("mapping") or {}).get("option", {}).items():
        at = ("mapping", "option", name)
        default = row.get("default")
        if isinstance(default, str) and default.startswith("$model."):
            fact = default.removeprefix("$model.")
            if fact not in facts:
                text = f'no fact of models.toml "{fact}"{near(fact, facts)}'
                where = tree.where((*at, "default"))
                complaints.append(Complaint(where, f"option.{name}.default", text))
        elif default is not None:
            where = tree.where((*at, "default"))
            complaints += [
                Complaint(where, f"option.{name}.default", text.partition(": ")[2])
                for text in option_faults(name, row, default)
            ]
        words = [str(word).lower() if isinstance(word, bool) else word for word in words_of(row)]
        for word in list(row.get("traits", {})):
            here: Keys = (*at, "traits", word)
            if words and word not in words:
                text = f"the option has no such value{near(word, words)}"
                complaints.append(Complaint(tree.where(here), ".".join(here[1:]), text))
                del row["traits"][word]
                continue
            given = row["traits"][word]
            row["traits"][word] = _known_traits(given, here, tree, traits, complaints)


def _known_traits(
    given: list[str], at: Keys, tree: Tree, traits: dict[str, Tree], complaints: list[Complaint]
) -> list[str]:
    """Those that are there; the others are told."""
    for trait in given:
        if trait not in traits:
            text = f'no trait "{trait}"{near(trait, traits)}'
            complaints.append(Complaint(tree.where(at), ".".join(at[1:]), text))
    return [trait for trait in given if trait in traits]


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
    for key in ("unknown", "outside") if "outside" in models else ("unknown",):
        if rows and (name := models.get(key)) not in rows:
            text = f'no model row "{name}"{near(str(name), rows)}'
            complaints.append(Complaint(tree.where(("models", key)), key, text))


def _check_facts(
    tree: Tree, traits: dict[str, Tree], complaints: list[Complaint], lent: Collection[str]
) -> None:
    """A fact no rule reads is a slip of the pen; one of another type than usual is another."""
    models = tree.data.get("models") or {}
    usual = models.get("defaults") or {}
    known = {"match", "traits", "more_traits", *usual, *lent}
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
