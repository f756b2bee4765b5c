"""models.toml: what each model can do."""

from __future__ import annotations

from dataclasses import replace

from aisix.mapping.grammar.declared import ANY, Key, file, unit
from aisix.mapping.grammar.kinds import (
    FACT,
    FILLED_WORDS,
    INTEGER,
    MODEL_ROW,
    TEXT,
    TRAITS,
    UNIT,
    UNITS_BY_NAME,
    WORDS,
)

MODELS = file(
    "models",
    "what each model can do: facts for rules ($model.NAME), overlays",
    Key("after", TEXT, "ids are looked up by what follows this", "acme-"),
    Key("unknown", MODEL_ROW, "the row of an id that no row matches", "large"),
    Key("outside", MODEL_ROW, "... of an id without `after` in it", "other", needs=("after",)),
    Key("defaults", UNIT, "facts of every row", {"most": 4096}, below="model_defaults"),
    Key(
        "model",
        UNITS_BY_NAME,
        "a row for models that can do the same",
        {"large": {"match": ["large-2"], "most": 8192}},
        below_each="model_row",
    ),
    example="""
after = "acme-"
unknown = "large"
[defaults]
most = 4096
[model.large]
match = ["large", "large-2"]
most = 8192
traits = ["no-sampling"]
""",
)
_TRAITS = Key("traits", TRAITS, "overlays, in this order", ["no-sampling"], [])
_MORE = Key("more_traits", TRAITS, "overlays behind those of `traits`", ["loud"], [])
_CONTEXT = Key("context", INTEGER, "tokens it can read", 200000, for_people=True)
_FACT = Key(ANY, FACT, "a fact; $OTHER is another fact of the row", 8192)
DEFAULTS = unit(
    "model_defaults",
    "facts of every row that does not say otherwise",
    _TRAITS,
    _MORE,
    _CONTEXT,
    free=replace(_FACT, about="a fact of every model that does not say otherwise"),
    example="""
[defaults]
most = 4096
most_at_once = "$most"
""",
)
MODEL = unit(
    "model_row",
    "models that can do the same; the longest `match` that begins an id wins",
    Key(
        "match",
        FILLED_WORDS,
        "what their ids begin with, in lower case; without it, the row's own name",
        ["large", "large-2"],
    ),
    Key(
        "ids",
        WORDS,
        "upstream ids that lists of models show, where an alias with * serves them",
        ["acme-large-2"],
    ),
    Key(
        "like",
        MODEL_ROW,
        "another row, whose facts and traits it has; a prefix that both match is this one's",
        "large",
    ),
    _TRAITS,
    _MORE,
    _CONTEXT,
    free=_FACT,
    example="""
[model.large]
match = ["large", "large-2"]
most = 8192
traits = ["no-sampling"]
""",
)
