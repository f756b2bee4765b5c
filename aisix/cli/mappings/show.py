"""The verbs that show tables: list, show, diff, verbs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import msgspec

from aisix.cli.mappings import alias
from aisix.cli.mappings.chain import chain, full_keys, hint
from aisix.cli.mappings.output import (
    WHERE,
    Row,
    markdown_table,
    one_line,
    table,
    ticked,
    write_json,
)
from aisix.cli.mappings.select import effective, mapping_named
from aisix.mapping.grammar.rule import SOURCES
from aisix.mapping.mappings import Effective, Mapping, Mappings, load_mappings
from aisix.mapping.parse.structure import in_toml
from aisix.mapping.parse.toml_tree import Tree
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbs import adjustments, conversions, passes
from aisix.mapping.verbs.registry import Declared, Option, Verb
from aisix.mapping.verify import cases
from aisix.mapping.verify.check import changed_cases
from aisix.mapping.verify.compiled_source import sources
from aisix.mapping.verify.layers import Layers
from aisix.mapping.verify.liveness.narrowing import narrowed

FILES = ("request", "values", "answer", "errors")


def list_(args: argparse.Namespace, folders: list[Path]) -> int:
    mappings = load_mappings(folders)
    rows: list[Row] = []
    for name, mapping in mappings.mappings.items():
        models = mapping.tree.data.get("models") or {}
        rows.append(
            {
                "mapping": name,
                "adapter": "(variant)" if mapping.variant else mapping.adapter,
                "digest": mapping.digest,
                "models": len(models.get("model", {})),
                "traits": len(mapping.traits),
                "cases": sum(1 for _ in cases.find(mapping.folders, name)),
                "title": str(mapping.tree.data["mapping"]["title"]),
            }
        )
    if not args.json:
        for row in rows:
            del row["title"]  # the name says it
    table(rows, args.json)
    return 0


# ---------------------------------------------------------------- show
def show(args: argparse.Namespace, folders: list[Path]) -> int:
    mappings = load_mappings(folders)
    if args.alias:
        found = alias.served(args, mappings)
        mapping, tables = found.mapping, found.tables(args.version)
    else:
        mapping = mapping_named(mappings, args.mapping)
        tables = effective(mapping, args)
    if args.compiled:
        return _compiled(mapping, tables, args)
    if args.key:
        return _chain(mappings, tables, args)
    layers = Layers(mappings, tables.overlays)
    rows = [
        {"rule": path, "is": text, "from": layers.layer(where), WHERE: where}
        for path, text, where in [*_facts(mapping, tables), *_rules(tables.tree)]
        if not args.rule or f".{path}.".find(f".{args.rule}.") >= 0
    ]
    if args.json:
        write_json(
            {
                "mapping": tables.name,
                "digest": tables.digest,
                "model_row": tables.row,
                "version": tables.version,
                "traits": list(tables.traits),
                "rules": rows,
            }
        )
        return 0 if rows else 1
    traits = ", ".join(tables.traits) or "none"
    print(f"{tables.name}@{tables.digest}  model row {tables.row}  version {tables.version}")
    print(f"traits: {traits}\n")
    table(rows, False)
    if not rows:
        print(f"no rule is called {args.rule}")
    return 0 if rows else 1


def _chain(mappings: Mappings, tables: Effective, args: argparse.Namespace) -> int:
    """Each layer's word for one key, and who wins; a key without its file's name is found too."""
    keys = full_keys(mappings, tables, args.key)
    rows: list[Row] = [
        {
            "key": link.key,
            "layer": link.layer,
            "value": one_line(link.value),
            "wins": "wins" if link.wins else "",
            WHERE: link.where,
        }
        for key in keys or [args.key]
        for link in chain(mappings, tables, key)
    ]
    table(rows, args.json, wrap=True)
    if not rows and not args.json:
        print(f"no layer writes {args.key}{hint(tables, args.key)}")
    return 0 if rows else 1


def _compiled(mapping: Mapping, tables: Effective, args: argparse.Namespace) -> int:
    body = mapping.caller.sample
    if args.request:
        body = msgspec.json.decode(Path(args.request).read_bytes())
        if not isinstance(body, dict):
            raise ValueError(f"{args.request}: a request is a JSON object")
    found = dict(sources(tables, mapping.caller, body))
    if args.json:
        write_json({"mapping": tables.name, "model_row": tables.row, "sources": found})
        return 0
    print(f"# {tables.name}@{tables.digest}, model row {tables.row}")
    for title, source in found.items():
        print(f"\n# {'-' * 16} {title}\n{source}", end="")
    return 0


def _facts(mapping: Mapping, tables: Effective) -> Iterator[tuple[str, str, str]]:
    """What rules find under $model and $option, and where that was said."""
    tree = mapping.tree
    for name, value in tables.model.items():
        own = ("models", "model", tables.row, name)
        keys = own if own in tree.lines else ("models", "defaults", name)
        if value not in (None, []):
            yield f"model.{name}", one_line(value), tree.where(keys)
    for name, value in tables.option.items():
        keys = ("mapping", "option", name, "default")
        yield f"option.{name}", one_line(value), tree.where(keys)


def _rules(tree: Tree) -> Iterator[tuple[str, str, str]]:
    """Every rule and value: dotted path, the rule in short, where it was written."""

    def walk(node: Json, keys: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
        if not isinstance(node, dict) or not node or _is_one(tree, node, keys):
            yield ".".join(keys), one_line(node), tree.where(keys)
            return
        for key, value in node.items():
            yield from walk(value, (*keys, key))

    for file in FILES:
        yield from walk(tree.data.get(file) or {}, (file,))


def _is_one(tree: Tree, node: dict[str, Json], keys: tuple[str, ...]) -> bool:
    """Whether a table is shown whole: a rule from one place, or something on one line."""
    if any(isinstance(value, dict) for value in node.values()):
        return False
    places = [tree.where((*keys, key)) for key in node]
    if len(set(places)) == 1 < len(node):
        return True
    one_file = len({place.rpartition(":")[0] for place in places}) == 1
    return one_file and any(key in SOURCES for key in node)


# ---------------------------------------------------------------- diff
def diff(args: argparse.Namespace, folders: list[Path]) -> int:
    site = Path(args.folder)
    if not site.is_dir():
        raise ValueError(f"{site}: no such folder")
    ours, theirs = load_mappings(folders), load_mappings([*folders, site])
    rows: list[Row] = []
    for name in (*theirs.callers, *theirs.mappings):
        before, after = _flat(ours, name), _flat(theirs, name)
        for key in dict.fromkeys([*before, *after]):
            old, new = before.get(key), after.get(key)
            if old is None or new is None or old[0] != new[0]:
                rows.append(
                    {
                        "mapping": name,
                        "key": key,
                        "shipped": old[0] if old else "(none)",
                        "yours": new[0] if new else "(none)",
                        WHERE: (new or old or ("", ""))[1],
                    }
                )
    found = sorted(changed_cases(theirs)) if args.cases else []
    notes = [str(note) for note in narrowed(theirs)]
    if args.json:
        cases_ = {"cases": found} if args.cases else {}
        write_json({"notes": notes, "changes": rows, **cases_})
    else:
        for note in notes:
            print(f"note: {note}")
        for name in dict.fromkeys(str(row["mapping"]) for row in rows):
            print(f"{name}:")
            mine = [row for row in rows if row["mapping"] == name]
            table([{k: v for k, v in row.items() if k != "mapping"} for row in mine], False)
            print()
        if not rows:
            print("no difference")
        if args.cases:
            print(f"{len(found)} cases of earlier folders come out differently")
            for case in found:
                print(f"    {case}")
    return 1 if rows else 0


def _flat(mappings: Mappings, name: str) -> dict[str, tuple[str, str]]:
    out: dict[str, tuple[str, str]] = {}
    trees: list[tuple[str, Tree]] = []
    mapping = mappings.mappings.get(name)
    if mapping is not None:
        trees = [("", mapping.tree)]
        trees += [(f"traits.{n}.", tree) for n, tree in mapping.traits.items()]
    elif name in mappings.callers:
        trees = [("caller.", mappings.spoken[name])]
    for prefix, tree in trees:
        for path, text, where in _leaves(tree):
            out[prefix + path] = (text, where)
    return out


def _leaves(tree: Tree) -> Iterator[tuple[str, str, str]]:
    def walk(node: Json, keys: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
        if isinstance(node, dict) and node:
            for key, value in node.items():
                yield from walk(value, (*keys, key))
        elif keys:
            yield ".".join(keys), one_line(node), tree.where(keys)

    yield from walk(tree.data, ())


# ---------------------------------------------------------------- verbs
def verbs(args: argparse.Namespace, folders: list[Path]) -> int:
    if args.markdown:
        print(markdown(), end="")
    elif args.json:
        write_json([_as_json(kind, one) for kind, all_ in _KINDS.items() for one in all_])
    else:
        rows = [row for kind, all_ in _KINDS.items() for one in all_ for row in _rows(kind, one)]
        table(rows, False, wrap=True)
    return 0


# Where each kind is named in a table -> all there are, by name.
_KINDS: dict[str, list[Declared]] = {
    "as": [verb for _, verb in sorted(conversions.VERBS.items())],
    "arrange": [one for _, one in sorted(passes.PASSES.items())],
    "adjust": [one for _, one in sorted(adjustments.ADJUSTMENTS.items())],
}
_HEADS = {"as": "`as`", "arrange": "`arrange`", "adjust": "`[adjust.*]`"}


_NAME = "verb, - option"


def _rows(kind: str, one: Declared) -> Iterator[Row]:
    """A verb, and its options below it."""
    yield {
        "in": kind,
        _NAME: one.name,
        "type": "",
        "what it does": one.summary,
        "example": _example(one),
    }
    for o in one.options:
        yield {
            "in": "",
            _NAME: f"- {o.name}",
            "type": _type(o),
            "what it does": o.about,
            "example": in_toml(o.example),
        }


def _as_json(kind: str, one: Declared) -> Row:
    options = []
    for option in one.options:
        row = {"name": option.name, "type": option.kind.word, "required": option.required}
        if not option.required:
            row["default"] = option.default
        options.append({**row, "what it means": option.about, "example": option.example})
    about, example = one.summary, _example(one)
    return {
        "in": kind,
        "verb": one.name,
        "what it does": about,
        "options": options,
        "example": example,
    }


def _type(option: Option) -> str:
    """Its type, and what it is when it is not given: "" where that is nothing."""
    if option.required:
        return f"{option.kind.word} (required)"
    nothing = option.default is None or option.default in ("", (), {})
    return option.kind.word + ("" if nothing else f" ({in_toml(option.default)})")


def _example(one: Declared) -> str:
    if not isinstance(one, Verb) or one.example == (None, {}, None):
        return ""
    source, options, result = one.example
    given = "".join(f", {name} = {in_toml(value)}" for name, value in options.items())
    return f"{_json(source)}{given} → {_json(result)}"


def _json(value: Json) -> str:
    text = one_line(value) if value is not None else "(nothing)"
    return f'"{text}"' if isinstance(value, str) else text


def markdown() -> str:
    """The tables of verbs and of their options as they stand in mappings/REFERENCE.md."""
    out = []
    for kind, all_ in _KINDS.items():
        example = any(_example(one) for one in all_)
        out += markdown_table((_HEADS[kind], "what it does", *["example"][: int(example)]), [
            (f"`{one.name}`", one.summary, *([ticked(_example(one))] if example else []))
            for one in all_
        ])  # fmt: skip
        head = (_HEADS[kind], "option", "type (what it is else)", "what it means", "for example")
        out += markdown_table(head, [
            (f"`{one.name}`", f"`{option.name}`", _type(option), option.about,
             ticked(in_toml(option.example)))
            for one in all_ for option in one.options
        ])  # fmt: skip
    return "\n".join(out)
