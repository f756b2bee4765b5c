"""Which mapping, model, version, options and traits a verb is about: what its arguments say."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from aisix.errors import OperatorError, wrong_among
from aisix.mapping.mappings import Effective, Mapping, Mappings
from aisix.mapping.parse.inline import read_inline
from aisix.mapping.parse.meant import near
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verify.inline import misfits


def add_choice(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--model", default="", help="upstream model; default: the row of unknown ids")
    sub.add_argument("--version", help="API version of the upstream")
    sub.add_argument("--strict", action="store_true", help="refuse instead of dropping")
    sub.add_argument("--option", action="append", default=[], metavar="NAME=VALUE",
                     help="an option of the alias")  # fmt: skip
    sub.add_argument("--trait", action="append", default=[], metavar="NAME",
                     help="a trait of the alias")  # fmt: skip
    sub.add_argument("--overlay", action="append", default=[], metavar="FILE",
                     help="tables the alias carries itself: TOML or JSON")  # fmt: skip


def mapping_named(mappings: Mappings, name: str | None) -> Mapping:
    """The mapping; without a name, the first of the default dialect. ValueError when unknown."""
    names = sorted(mappings.mappings)
    if name is None:
        plain = [m for m in mappings.mappings.values() if not m.variant]
        return next((m for m in plain if m.caller.data.get("default")), plain[0])
    found = [n for n in names if name in (n, n.partition("/")[2])]
    if len(found) != 1:
        raise ValueError(f"no mapping {name}{near(name, names)}")
    return mappings.mappings[found[0]]


def effective(mapping: Mapping, args: argparse.Namespace) -> Effective:
    """The tables that the options choose; what does nothing in them is told beside."""
    options: dict[str, Json] = {}
    for text in args.option:
        name, sign, value = text.partition("=")
        if not sign:
            raise ValueError(f"--option {text}: write NAME=VALUE")
        try:
            options[name] = msgspec.json.decode(value)
        except msgspec.DecodeError:
            options[name] = value
    laid = [
        inline
        for file in args.overlay
        for inline in read_inline([Path(file).read_text("utf-8")], file)
    ]
    for inline in laid:
        if not inline.meant_for(mapping.name):
            raise ValueError(f"{inline.name}: is for {', '.join(inline.wanted)}: see --mapping")
    found = misfits(mapping, args.model, args.version, options, tuple(args.trait), laid)
    wrong = wrong_among(found)
    if wrong:
        raise OperatorError(wrong)
    tables = mapping.effective(args.model, args.version, options, tuple(args.trait), laid)
    for idle in dict.fromkeys((*tables.idle, *found)):  # who asks wonders why nothing changed
        print(f"warning: {idle}", file=sys.stderr)
    return tables
