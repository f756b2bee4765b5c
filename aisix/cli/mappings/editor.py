"""The verbs for whoever edits tables: schema, init."""

from __future__ import annotations

import argparse
from pathlib import Path

from aisix.cli.mappings.output import write_json
from aisix.cli.mappings.select import mapping_named
from aisix.errors import OperatorError
from aisix.mapping.editor import site
from aisix.mapping.editor.folder import SCHEMAS, beside_tables
from aisix.mapping.editor.schema import schema
from aisix.mapping.grammar.tables import FILES
from aisix.mapping.mappings import Mappings, load_mappings


def schema_(args: argparse.Namespace, folders: list[Path]) -> int:
    """Schemas of every kind of file, anew; with --json printed, and nothing is written."""
    if args.json:
        write_json({name: schema(name) for name in FILES})
        return 0
    if args.site:
        files = site.beside_tables(_loaded(folders, Path(args.site)))
        return _write(Path(args.site), files, anew=True)
    return _write(Path(args.folder or "."), beside_tables(), anew=True)


def init(args: argparse.Namespace, folders: list[Path]) -> int:
    """A folder with a README, schemas and an example; files that are there already stay."""
    folder = Path(args.folder)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file, not a folder")
    mappings = load_mappings(folders)
    example = site.example(mapping_named(mappings, None))
    made = {site.README: site.readme(args.folder, example)} | dict([example] if example else [])
    _write(folder, made, anew=False)
    return _write(folder, site.beside_tables(mappings), anew=True)


def _loaded(folders: list[Path], own: Path) -> Mappings:
    """The tables with the site's own names in them; while those are wrong, without."""
    if not own.is_dir():
        raise ValueError(f"{own}: no such folder")
    try:
        return load_mappings([*folders, own])
    except OperatorError:
        return load_mappings(folders)


def _write(folder: Path, files: dict[str, str], anew: bool) -> int:
    """Write texts below a folder and say which; a file that is there is kept unless `anew`."""
    schemas = 0
    for path, text in files.items():
        file = folder / path
        if file.exists() and not anew:
            print(f"kept     {file}")
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        if path.endswith(".json"):
            schemas += 1
        else:
            print(f"written  {file}")
    if schemas:
        print(f"written  {schemas} schemas below {folder / SCHEMAS}")
    return 0
