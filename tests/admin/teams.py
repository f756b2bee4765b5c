"""One more kind of resource, teams, declared in this file alone; `python -m` runs a gateway with it.

with KINDS.adding(TEAMS): ...
python -m tests.admin.teams serve --config config.yaml
"""

from __future__ import annotations

import sys

from aisix.cli.main import main
from aisix.store.kinds.declare import Argument, Column, Command, Field, Kind
from aisix.store.kinds.registry import KINDS
from aisix.store.kinds.types import ID, MONEY, NAME, NAMES, SECRET

TEAMS = Kind(
    name="teams",
    noun="team",
    plural="teams",
    title="Team",
    command=Command("teams", "list, create, change, delete teams"),
    aliases=("crews",),
    id_prefix="team",
    fields=(
        Field("display_name", NAME, "what people call it; unique", required="required",
              unique=True, searchable="only the one of this name", column=Column("name"),
              example="search"),
        Field("description", NAME, "what it is for", example="finds things"),
        Field("members", NAMES, "who is in it", empty=[], column=Column("members", "(nobody)"),
              argument=Argument("--member", help="one of them; again for more"), example=["ann"]),
        Field("monthly_budget", MONEY, "what it may spend", column=Column("budget", "no limit"),
              argument=Argument("--budget"), example=250.5),
        Field("webhook_token", SECRET, "goes with what it is told", secret=True,
              argument=Argument("--token"), example="a-token-of-16-letters"),
        Field("model_id", ID, "the model it uses", required="required: the id of a model",
              refers_to="models", column=Column("model"), example="small",
              argument=Argument("--model", "ID|NAME", required=True)),
        Field("model", NAME, "a model by its display_name", instead_of="model_id",
              refers_to="models"),
    ),
)  # fmt: skip

if __name__ == "__main__":
    with KINDS.adding(TEAMS):
        sys.exit(main())
