"""Shapes of the simple table files (mapping.toml, models.toml, caller.toml), and their complaints.

Rules, shapes and conditions have a grammar of their own and are checked by `parse/rules.py`.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Sequence

from aisix.errors import Complaint
from aisix.mapping.grammar.caller import RAISED, SAID
from aisix.mapping.grammar.declared import TRAIT
from aisix.mapping.grammar.tables import FILES, UNITS
from aisix.mapping.parse import overlays
from aisix.mapping.parse.meant import meant, near
from aisix.mapping.parse.model_rows import (
    LIKE,
    facts_of,
    line_of,
    odd_references,
    odd_words,
    rows_of,
)
from aisix.mapping.parse.options import OF_GATEWAY, option_faults, words_of
from aisix.mapping.parse.structure import found
from aisix.mapping.parse.toml_tree import Keys, Tree
from aisix.mapping.parse.units import all_sound, not_filled
from aisix.mapping.syntax.paths import Json


def stray(tree: Tree, keys: Keys) -> Complaint:
    """A row that wants to stand before one that is not there, or where there is no order."""
    if len(keys) > 2 and keys[-3] not in overlays.ORDERED:
        text = "means nothing here: these rows are not tried or run in order"
        return Complaint(tree.where(keys), ".".join(keys[1:]), text, idle=True)
    node = tree.data
    for key in keys[:-2]:
        node = node[key]
    siblings = [name for name in node if name != keys[-2]]
    word = str(node[keys[-2]][keys[-1]])
    text = f'no row "{word}" here{near(word, siblings)}'
    return Complaint(tree.where(keys), ".".join(keys[1:]), text)


def check_mapping(
    tree: Tree, traits: dict[str, Tree], complaints: list[Complaint], lent: Collection[str] = ()
) -> None:
    """mapping.toml and models.toml of one mapping; `lent`: facts that another one's rules read."""
    for name in ("mapping", "models"):
        tree.data[name] = read(tree.data.get(name, {}), name, tree, (name,), complaints)
    for trait in traits.values():
        _check_trait(trait, tree, complaints)
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


def _check_trait(trait: Tree, tree: Tree, complaints: list[Complaint]) -> None:
    """Its tables begin with the name of a file; what does not is told and left out."""
    unit = UNITS[TRAIT]
    sections = {
        name: f"{file}.{name}"
        for file in reversed(unit.names)
        for name in (*UNITS[file].names, *(tree.data.get(file) or {}))
    }
    for name in [name for name in trait.data if name not in unit.by_name]:
        close = difflib.get_close_matches(name, [*unit.names, *sections], 1, 0.6)
        if name in dict(unit.elsewhere):
            text = f"means nothing here: {dict(unit.elsewhere)[name]}"
        else:
            text = "unknown key: a trait's tables begin with the name of a file"
            text += f' (did you mean "{sections.get(close[0], close[0])}"?)' if close else ""
        complaints.append(Complaint(trait.where((name,)), name, text))
        del trait.data[name]


def was_traits(mapping: dict[str, Json]) -> dict[str, tuple[str, Json]]:
    """{trait of earlier tables: (the option it is now, the value it means)}."""
    return {
        trait: (name, {"true": True, "false": False}.get(word, word))
        for name, row in mapping.get("option", {}).items()
        for word, trait in row.get("was_trait", {}).items()
    }


def check_caller(tree: Tree, complaints: list[Complaint]) -> None:
    """The caller.toml of one dialect."""
    tree.data = read(tree.data, "caller", tree, (), complaints)
    for key in ("frame", "error_frame"):
        given = tree.data.get("stream", {}).get(key, "{data}")
        if "{data}" not in given:
            at = ("stream", key)
            text = f"expected text with {{data}} in it, found {found(given)}"
            complaints.append(Complaint(tree.where(at), ".".join(at), text))


def check_faults(caller: Tree, mappings: Sequence[Tree], complaints: list[Complaint]) -> None:
    """Names that texts of faults ask for: what the gateway says, or a [check] of some mapping. A
    fault of a later folder that nothing raises and that is nearly another one is a slip; others
    may be for what an alias carries."""
    faults = caller.data.get("fault", {})
    own = [kind for kind in faults if caller.rank(("fault", kind))]
    raised = RAISED.union(*(_words(tree.data) for tree in mappings)) if own else RAISED
    known = {*RAISED, *faults}
    for kind in own:
        hint = meant(kind, known - {kind})
        if kind not in raised and hint.startswith("did you"):
            text = f"nothing raises this fault ({hint})"
            at = ("fault", kind)
            complaints.append(Complaint(caller.where(at), ".".join(at), text, idle=True))
    said = set(SAID)
    for tree in mappings:
        checks = (tree.data.get("request") or {}).get("check")
        for row in checks.values() if isinstance(checks, dict) else ():
            given = row.get("values") if isinstance(row, dict) else None
            said.update(given if isinstance(given, dict) else ())
    for kind, row in faults.items():
        for above, words in _said(row):
            for name in ("code", "message", "headers"):
                for keys, text in not_filled({name: words.get(name, "")}, said, lookups=False):
                    place = ("fault", kind, *above, *keys)
                    complaints.append(Complaint(caller.where(place), ".".join(place), text))


def _said(row: Json) -> Iterator[tuple[Keys, dict[str, Json]]]:
    """The tables of a fault that hold words: itself, and each of `of`."""
    if isinstance(row, dict):
        yield (), row
        variants = row.get("of")
        for name, variant in variants.items() if isinstance(variants, dict) else ():
            if isinstance(variant, dict):
                yield ("of", name), variant


def _words(data: Json) -> set[str]:
    """Every text in it."""
    if isinstance(data, dict | list):
        return set().union(*map(_words, data.values() if isinstance(data, dict) else data))
    return {data} if isinstance(data, str) else set()


def read(
    data: Json, name: str, tree: Tree, at: Keys, complaints: list[Complaint]
) -> dict[str, Json]:
    """A whole file as it is declared: what is wrong in it is told and left out."""

    def complain(keys: Keys, text: str, /, *, idle: bool = False) -> None:
        path = ".".join(keys[len(at) :])
        complaints.append(Complaint(tree.where(keys), path, text, idle))

    def knew(key: Keys, other: Keys) -> bool:
        return tree.rank(key) >= tree.rank(other)

    return all_sound(data, at, UNITS[FILES[name].unit], complain, tree.where, knew)


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
    asked = {*OF_GATEWAY}.union(*(_asked(one.data, OPTION) for one in (tree, *traits.values())))
    last = max(tree.ranks.values(), default=0)
    for name, row in (tree.data.get("mapping") or {}).get("option", {}).items():
        at = ("mapping", "option", name)
        if name not in asked and not row.get("traits") and tree.rank(at) == last:
            text = f"no rule reads this option{near(name, asked)}"
            complaints.append(Complaint(tree.where(at), f"option.{name}", text, idle=True))
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
    after = str(models.get("after", ""))
    named = {models.get("unknown"), models.get("outside"), *(r.get(LIKE) for r in rows.values())}
    for name, row in rows.items():
        matches = row.get("match", [name])
        for prefix in matches if isinstance(matches, list) else ():
            at = ("models", "model", name)
            other = seen.get(prefix)
            if other and not {name, other} & {
                *line_of(rows, name)[:-1],
                *line_of(rows, other)[:-1],
            }:
                text = f'"{prefix}" is matched by "{seen[prefix]}" too; each prefix has one row'
                complaints.append(Complaint(tree.where(at), f"model.{name}", text, idle=True))
            elif isinstance(prefix, str) and prefix != prefix.lower():
                text = f'never reached: "{prefix}" is compared with lower case'
                where = tree.where((*at, "match"))
                complaints.append(Complaint(where, f"model.{name}.match", text, idle=True))
            elif after and after in str(prefix) and ("match" in row or name not in named):
                rest = str(prefix).partition(after)[2]
                text = f'never reached: "{prefix}" is compared with what follows "{after}"'
                text += f' (did you mean "{rest}"?)' if rest else ""
                where, key = tree.where((*at, "match")), ".match" if "match" in row else ""
                complaints.append(Complaint(where, f"model.{name}{key}", text, idle=True))
            seen[str(prefix)] = name
        if LIKE in row and (wrong := _not_like(rows, name, models)):
            where = tree.where(("models", "model", name, LIKE))
            complaints.append(Complaint(where, f"model.{name}.{LIKE}", wrong))
        for key in ("traits", "more_traits"):
            given = row.get(key, ())
            for trait in given if isinstance(given, list) else ():
                if trait not in traits:
                    where = tree.where(("models", "model", name, key))
                    text = f'no trait "{trait}"{near(trait, traits)}'
                    complaints.append(Complaint(where, f"model.{name}.{key}", text))
        for trait in _brought_twice(models, name):
            where = tree.where(("models", "model", name, "more_traits"))
            text = f'the row has the trait "{trait}" without it'
            complaints.append(Complaint(where, f"model.{name}.more_traits", text, idle=True))
    for key in ("unknown", "outside") if "outside" in models else ("unknown",):
        if rows and (name := models.get(key)) not in rows:
            text = f'no model row "{name}"{near(str(name), rows)}'
            complaints.append(Complaint(tree.where(("models", key)), key, text))


def _brought_twice(models: dict[str, Json], name: str) -> list[str]:
    """Those of a row's `more_traits` that it has already."""
    *others, own = rows_of(models, name)
    had = facts_of(models, name).get("traits", [])
    had = [
        *(had if isinstance(had, list) else ()),
        *(trait for one in others for trait in one.get("more_traits", ())),
    ]
    more = own.get("more_traits", ())
    return [trait for trait in more if trait in had] if isinstance(more, list) else []


def _not_like(rows: dict[str, Json], name: str, models: dict[str, Json]) -> str:
    """What is wrong with the row it is like; "" when nothing is."""
    other = rows[name][LIKE]
    if other not in rows:
        id = str(other).removeprefix(str(models.get("after", "")))
        holds = (n for n, row in rows.items() if n != name and id in row.get("match", ()))
        row = next(holds, "")
        hint = f' ("{row}" is the row that matches it)' if row else near(str(other), rows)
        return f'no model row "{other}"{hint}'
    line = line_of(rows, name)
    return "goes round in a circle" if rows[line[0]].get(LIKE) in line else ""


def _check_facts(
    tree: Tree, traits: dict[str, Tree], complaints: list[Complaint], lent: Collection[str]
) -> None:
    """A fact no rule reads is a slip of the pen; one of another type than usual is another."""
    models = tree.data.get("models") or {}
    usual = models.get("defaults") or {}
    known = {*UNITS["model_row"].names, *lent}
    for one_tree in (tree, *traits.values()):
        known |= _asked(one_tree.data, FACT)
    rows = [usual, *(models.get("model") or {}).values()]
    known |= {v[1:] for row in rows for v in row.values() if isinstance(v, str) and v[:1] == "$"}
    last = max(tree.ranks.values(), default=0)
    for fact in usual:
        at: Keys = ("models", "defaults", fact)
        if (
            fact not in known and tree.rank(at) == last
        ):  # else what is laid over it reads it no more
            text = f"no rule reads this fact{near(fact, known)}"
            complaints.append(Complaint(tree.where(at), f"defaults.{fact}", text, idle=True))
    known |= usual.keys()
    for name, row in (models.get("model") or {}).items():
        for fact, value in row.items():
            at = ("model", name, fact)
            idle = fact not in known
            standard = usual.get(fact)
            if isinstance(standard, str) and standard.startswith("$"):
                standard = usual.get(standard[1:])
            if idle:
                if tree.rank(("models", *at)) < last:
                    continue  # as above
                text = f"no rule reads this fact{near(fact, known)}"
            elif (
                standard is None
                or type(value) is type(standard)
                or (isinstance(value, str) and value.startswith("$"))
            ):
                continue
            else:
                text = f"expected {found(standard)} or the like, found {found(value)}"
            where = tree.where(("models", *at))
            complaints.append(Complaint(where, ".".join(at), text, idle))
    for keys, text in odd_references(models):
        complaints.append(Complaint(tree.where(("models", *keys)), ".".join(keys), text))
    for keys, text in odd_words(models, (tree.data.get("mapping") or {}).get("option", {})):
        complaints.append(Complaint(tree.where(("models", *keys)), ".".join(keys), text))


FACT, OPTION = "$model.", "$option."


def _asked(data: Json, root: str) -> set[str]:
    """The NAMEs of every "$model.NAME" in it, or of another root's, keys included."""
    if isinstance(data, dict):
        return set().union(*(_asked(part, root) for pair in data.items() for part in pair))
    if isinstance(data, list):
        return set().union(*(_asked(part, root) for part in data))
    if isinstance(data, str) and data.startswith(root):
        return {data.removeprefix(root).partition(".")[0].partition("[")[0]}
    return set()
