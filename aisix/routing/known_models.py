"""The models of the tables that aliases with a wildcard serve, for lists of models.

    known_models(snapshot, mappings)    # [Model(display_name="fast-4-5", ...)]

An alias `fast-*` of the model `acme-fast-*` serves `acme-fast-4-5`, which the tables know, as
`fast-4-5`. What they do not know such an alias serves all the same.

Must never know: a wire name, a key.
"""

from __future__ import annotations

from collections.abc import Iterator

from aisix import log
from aisix.mapping.mappings import Mappings
from aisix.routing.target import has_base
from aisix.store.resources import Glob, Model
from aisix.store.snapshot import Snapshot

MOST = 10_000  # names of all wildcards together


def known_models(snapshot: Snapshot, mappings: Mappings) -> list[Model]:
    """As `Snapshot.model` gives them, each once: of several aliases the one that answers."""
    found: dict[str, Model] = {}
    for entry in snapshot.entries("models"):
        wildcard = entry.resource
        if not isinstance(wildcard, Model) or "*" not in wildcard.display_name:
            continue
        for name in _names(wildcard, snapshot, mappings):
            if len(found) >= MOST:
                text = "lists of models name the first %d that aliases with a wildcard serve"
                log.often("known models", text, MOST)
                return list(found.values())
            model = snapshot.model(name)
            if model is not None:
                found[name] = model
    return list(found.values())


def _names(wildcard: Model, snapshot: Snapshot, mappings: Mappings) -> Iterator[str]:
    """What callers call the models that an alias serves. Whose server it is is not known where it
    only speaks a provider's dialect: then the alias has to say more of its models than `*`."""
    key, glob = snapshot.provider_key(wildcard.provider_key_id), Glob.of(wildcard.model_name)
    if key is None or "*" not in wildcard.model_name:
        return
    if wildcard.model_name == "*" and not has_base(key.provider, key.adapter):
        return
    for mapping in mappings.mappings.values():
        upstream = mapping.name.partition("/")[2]
        if wildcard.mapping in (mapping.name, upstream) or (
            not wildcard.mapping and not mapping.variant and mapping.adapter == key.adapter
        ):
            for id in mapping.known_ids:
                part = glob.captures(id)
                if part:
                    yield wildcard.display_name.replace("*", part)
