"""What an alias of a gateway is translated by: its mapping, upstream model, options and traits.

Read from a running gateway by its admin API, or from a resources file (`--resources`). Of several
targets the first is taken, or the one that `--model` names.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aisix.cli.resources import client_of
from aisix.cli.store import ANY_ENVIRONMENT
from aisix.config.settings import load_settings
from aisix.mapping.mappings import Effective, Mapping, Mappings, Options
from aisix.mapping.parse.inline import Inline, read_inline
from aisix.store import yaml_document

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Served:
    """One target of an alias."""

    alias: str
    mapping: Mapping
    model: str
    version: str | None
    options: Options
    traits: tuple[str, ...]
    overlays: tuple[Inline, ...]

    def tables(self, version: str | None) -> Effective:
        """Those it is translated by; `version`: another one than its provider key says."""
        own = self.options, self.traits, self.overlays
        return self.mapping.effective(self.model, version or self.version, *own)


def served(args: argparse.Namespace, mappings: Mappings) -> Served:
    """What `--alias` names, for callers of the dialect of `--mapping` (default: the default one).
    ValueError when there is no such alias."""
    models, keys = _resources(args)
    model = _named(models, args.alias)
    targets = model.get("targets") or [model]
    chosen = next((t for t in targets if t.get("model_name") == args.model), targets[0])
    key = next((k for k in keys if chosen["provider_key_id"] in (k.get("id"),)), None)
    if key is None:
        raise ValueError(f"alias {args.alias}: its provider key is not there")
    asked = args.mapping or ""
    dialect = asked.partition("/")[0] if asked.partition("/")[0] in mappings.callers else ""
    if not dialect:
        default = (c.name for c in mappings.callers.values() if c.data.get("default"))
        dialect = next(default, next(iter(mappings.callers)))
    variant = chosen.get("mapping") or model.get("mapping")
    adapter = key.get("adapter") or key["provider"]
    mapping = mappings.find(dialect, adapter, variant)
    options = {**(model.get("options") or {}), **(chosen.get("options") or {})}
    traits = chosen.get("traits")
    traits = model.get("traits") if traits is None or chosen is model else traits
    own = mapping.own(options, tuple(traits or ()))
    name = args.model or str(chosen["model_name"])
    laid = [] if chosen is model else [chosen.get("overlay")]
    overlays = _overlays(model.get("overlay"), *laid, name=f"alias {args.alias}")
    return Served(args.alias, mapping, name, key.get("version"), *own, overlays)


def _resources(args: argparse.Namespace) -> tuple[list[Row], list[Row]]:
    """(models, provider keys)."""
    if args.resources:
        file = Path(args.resources)
        items, _ = yaml_document.read(file.read_text(), file.name, ANY_ENVIRONMENT)
        kinds = ("models", "provider_keys")
        models, keys = (
            [{"id": one.id, **one.body} for one in items if one.kind == kind] for kind in kinds
        )
        return models, keys
    settings = load_settings(getattr(args, "config", None), os.environ)
    client = client_of(args, settings)
    models, keys = (
        [{"id": one["id"], **one["value"]} for one in client.every(kind)]
        for kind in ("models", "provider_keys")
    )
    return models, keys


def _overlays(*given: Any, name: str) -> tuple[Inline, ...]:
    """The tables of its own that an alias carries, as it stands in its resource."""
    texts: list[str] = []
    for one in given:
        for text in one if isinstance(one, list) else [one] if one else []:
            texts.append(text if isinstance(text, str) else json.dumps(text))
    return read_inline(texts, name)


def _named(models: list[Row], alias: str) -> Row:
    """The model of this name, else that of the longest pattern it fits ("gpt-*")."""
    names = {str(model["display_name"]): model for model in models}
    if alias in names:
        return names[alias]
    fits = [n for n in names if n.endswith("*") and alias.startswith(n[:-1])]
    if not fits:
        known = ", ".join(sorted(names)[:12]) or "none"
        raise ValueError(f"no alias {alias} (there are: {known})")
    return names[max(fits, key=len)]
