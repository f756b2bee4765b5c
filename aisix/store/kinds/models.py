"""The kind of models: the aliases callers ask for, each with one upstream model or several.

Must never know: which options, traits and mappings there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from aisix.store.kinds.declare import Argument, Column, Command, Field, Incoming, Kind
from aisix.store.kinds.group import ROUTING
from aisix.store.kinds.health import BACKGROUND_CHECK, COOLDOWN
from aisix.store.kinds.limits import ALLOWED_CIDRS, COST, RATE_LIMIT
from aisix.store.kinds.types import (
    ADAPTERS,
    FLAG,
    ID,
    MILLISECONDS,
    NAME,
    OPTIONS,
    OVERLAY,
    PATTERN,
    SLUG,
    SLUGS,
    tables,
    whole,
)
from aisix.store.resources import ROUTINGS, AliasGroup, Document, Model, ModelTarget

MOST_TARGETS = 32
GROUPS_COMPANY = "aisix"  # as callers see it in a list of models


def is_group(document: Document) -> bool:
    """Whether it leads to other aliases."""
    return isinstance(document.get("routing"), dict)


def targets_of(document: Document) -> list[tuple[str, Document]]:
    """(where it stands, the target) of a model: its `targets`, else itself.

    >>> targets_of({"targets": [{"model_name": "m"}]})
    [('targets[0].', {'model_name': 'm'})]
    """
    if is_group(document):
        return []
    targets = document.get("targets")
    if targets is None:
        return [("", document)]
    return [(f"targets[{place}].", target) for place, target in enumerate(targets)]


def _names(document: Document) -> Iterator[tuple[str, str, Any]]:
    """A group names other aliases."""
    if is_group(document):
        for place, target in enumerate(document["routing"].get("targets") or ()):
            yield f"routing.targets[{place}].model", "models", target.get("model")


def _check(incoming: Incoming, document: Document) -> None:
    alias = document.get("display_name")
    for at, target in targets_of(document):
        upstream = target.get("model_name")
        if alias and upstream and "*" in upstream and "*" not in alias:
            text = "may hold a `*` only when `display_name` holds one"
            incoming.refuse(f"{at}model_name", text)
    if is_group(incoming.body):
        _check_group(incoming, document)
    elif "routing" in incoming.body and "targets" not in incoming.body:
        incoming.refuse("routing", "chooses among `targets`, and there are none")


def _check_group(incoming: Incoming, document: Document) -> None:
    others = ("model_name", "provider_key_id", "targets", "cooldown", "background_model_check")
    for name in others:
        if name in incoming.body:
            incoming.refuse(name, "not in a group: that is the other aliases'")
    if "*" in str(document.get("display_name")):
        incoming.refuse("display_name", "a group has no `*`")


def _model(**values: Any) -> Model:
    """With targets, the first of them stands in the model itself."""
    if isinstance(values.get("routing"), AliasGroup):
        group = values.pop("routing")
        own = {"provider": GROUPS_COMPANY, "model_name": "", "provider_key_id": ""}
        return Model(**{**own, **values, "group": group})
    targets = values.get("targets")
    if targets:
        values["model_name"] = targets[0].model_name
        values["provider_key_id"] = targets[0].provider_key_id
    return Model(**values)


def _target(value: Document) -> ModelTarget:
    made = dict(value)
    for name, type in (("traits", SLUGS), ("overlay", OVERLAY)):
        if name in value:
            made[name] = type.made(value[name])
    return ModelTarget(**made)


def _timeout(name: str, help: str, example: int) -> Field:
    more = "milliseconds, 0: no limit, null: the gateway's setting"
    return Field(name, MILLISECONDS, f"{help}; {more}", example=example)


MODEL_NAME = Field(
    "model_name",
    PATTERN,
    "the provider's name for the model; one `*` takes what the alias's `*` held",
    example="m-large-2",
    required="required: the provider's name for the model",
    moves_into="targets",
    needless=is_group,
    argument=Argument(metavar="MODEL", help="the provider's name for it"),
    column=Column("upstream model"),
)
PROVIDER_KEY_ID = Field(
    "provider_key_id",
    ID,
    "the id of a provider key",
    example="prod",
    required="required: the id of a provider key (or `provider_key`: its name)",
    refers_to="provider_keys",
    moves_into="targets",
    needless=is_group,
    argument=Argument("--provider-key", "ID|NAME", "whose credential", required=True),
    column=Column("provider key"),
)
PROVIDER_KEY = Field(
    "provider_key",
    NAME,
    "a provider key by its display_name",
    instead_of="provider_key_id",
    refers_to="provider_keys",
)
MAPPING = Field("mapping", SLUG, "a variant of the mapping, by name", example="beta")
OPTIONS_OF = Field(
    "options",
    OPTIONS,
    "options of the mapping: `aisix mappings show` lists them",
    example={"default_max": 4096},
    empty={},
)
TRAITS = Field(
    "traits", SLUGS, "overlays of the mapping, by name", example=["no-sampling"], empty=[]
)
OVERLAY_OF = Field(
    "overlay",
    OVERLAY,
    "tables for this alias alone, laid over the mapping's behind its traits: as in a file of "
    "`traits/`, with `for` the mapping or caller dialect they are for",
    example={"for": "acme-chat", "request": {"field": {"limit": {"max": 4096}}}},
    argument=Argument("--overlay", "FILE", "tables for it alone: TOML or JSON; - is standard input",
                      file=True),
)  # fmt: skip

IN_EACH = "required in each target"
TARGETS = tables(
    (
        replace(PROVIDER_KEY_ID, required=IN_EACH, moves_into="", needless=None),
        replace(PROVIDER_KEY, help="a provider key by its display_name (only written)"),
        replace(MODEL_NAME, required=IN_EACH, moves_into="", needless=None),
        Field("weight", whole(1000), "its share of the traffic"),
        OPTIONS_OF,
        TRAITS,
        replace(OVERLAY_OF, argument=None),
        MAPPING,
    ),
    MOST_TARGETS,
    "targets",
    made=_target,
)

MODELS = Kind(
    name="models",
    noun="model",
    plural="models (aliases)",
    title="Model",
    command=Command("models", "list, create, change, delete its aliases"),
    id_prefix="model",
    resource=_model,
    check=_check,
    names=_names,
    fields=(
        Field(
            "display_name",
            PATTERN,
            "the alias callers put in `model`; unique. One `*` stands for any text: exact names "
            "win, then the most literal text",
            example="small",
            required="required: the name callers put in `model`",
            unique=True,
            searchable="only the one of this name",
            argument=Argument(metavar="ALIAS", help="what callers put in `model`"),
            column=Column("alias"),
        ),
        Field(
            "provider",
            SLUG,
            "the company, shown to callers",
            example="acme",
            required="required",
            needless=is_group,
            argument=Argument(
                "--provider", help="default: that of the provider key", like="provider_key_id"
            ),
        ),
        MODEL_NAME,
        PROVIDER_KEY_ID,
        Field("strict", FLAG, "refuse what would only be told of", example=True, empty=False),
        MAPPING,
        OPTIONS_OF,
        TRAITS,
        OVERLAY_OF,
        _timeout("timeout", "a whole answer", 600_000),
        _timeout("stream_timeout", "the longest silence of a stream", 60_000),
        _timeout("stream_total_timeout", "a stream from start to end", 900_000),
        _timeout("first_byte_timeout", "until an answer begins", 30_000),
        _timeout("connect_timeout", "name lookup, TCP and TLS together", 5_000),
        Field(
            "retries",
            whole(10),
            "further attempts, at the same target before the next one; null: the gateway's, "
            "and the next one first",
            example=2,
        ),
        Field(
            "retry_on_timeout",
            FLAG,
            "whether another attempt follows a timeout too; what was late may be billed as well",
            example=True,
            empty=False,
        ),
        Field(
            "targets",
            TARGETS,
            "several upstream models for one alias; then `model_name` and "
            "`provider_key_id` stand in each of them",
            example=[{"provider_key_id": "prod", "model_name": "m-large-2", "weight": 3}],
        ),
        Field(
            "routing",
            ROUTING,
            f"which of the `targets` is asked, default: {ROUTINGS[0]}; or a group: an object that "
            "leads to other aliases",
            example=ROUTINGS[0],
        ),
        Field(
            "adapters",
            ADAPTERS,
            "the adapter for callers of a dialect, where it is not the provider key's",
            example={"acme-chat": "acme"},
            empty={},
        ),
        ALLOWED_CIDRS,
        RATE_LIMIT,
        COST,
        COOLDOWN,
        BACKGROUND_CHECK,
        PROVIDER_KEY,
    ),
)
