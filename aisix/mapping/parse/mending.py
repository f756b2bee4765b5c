"""`[mend]` and `[estimate]` of answer.toml: how an answer is made whole, and counted."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from aisix.mapping.parse.rules import Parser
from aisix.mapping.syntax.answer import Estimate
from aisix.mapping.syntax.mending import BlockMends, ChoiceMends
from aisix.mapping.syntax.paths import Json

At = tuple[str, ...]
NULL = "$null"
RULES = ("made", "made_call")
RULE_TABLES = ("fill", "whole_fill")


class MendParser(Parser):
    """Reads `[mend.blocks]`, `[mend.choices]` and `[estimate]`."""

    def mends(self, data: Json, at: At) -> tuple[BlockMends | None, ChoiceMends | None]:
        data = self.unit(data, at, "mend")
        blocks, choices = data.get("blocks"), data.get("choices")
        return (
            None if blocks is None else BlockMends(**self._read(BlockMends, blocks, at, "blocks")),
            None
            if choices is None
            else ChoiceMends(**self._read(ChoiceMends, choices, at, "choices")),
        )

    def estimate(self, data: Json, at: At) -> Estimate:
        """`[estimate]`: what of an answer is counted by its bytes."""
        data = self.unit(data, at, "answer_estimate")
        said, skip = (tuple(data.get(name, ())) for name in ("said", "skip"))
        return Estimate(said, frozenset(skip), data.get("bytes", 4))

    def _read(self, kind: type, data: Json, above: At, name: str) -> dict[str, Any]:
        at = (*above, name)
        data = self.unit(data, at, f"mend_{name}")
        names = [one.name for one in fields(kind) if one.name != "place"]
        made: dict[str, Any] = {"place": self.place(at)}
        for key in names:
            where = (*at, key)
            if key in RULES:
                made[key] = self.rule(data.get(key, ""), where)
            elif key in RULE_TABLES and kind is ChoiceMends:
                made[key] = self.rules(data.get(key, {}), where)
            elif key == "alone":
                made[key] = data.get(key, False)
            elif key in ("fill", "last_fill", "kinds", "begun"):
                made[key] = _nulls(data.get(key, {}))
            else:
                made[key] = data.get(key, "")
        if kind is BlockMends:
            self._check(made, at)
        return made

    def _check(self, made: dict[str, Any], at: At) -> None:
        kinds = made["kinds"]
        named = [("lone", made["lone"]), *((f"begun.{k}", v) for k, v in made["begun"].items())]
        for key, name in named:
            if name not in kinds:
                self.unknown((*at, *key.split(".")), "no kind", str(name), kinds)


def _nulls(value: Json) -> Json:
    """`$null` is written as null."""
    if isinstance(value, dict):
        return {key: _nulls(one) for key, one in value.items()}
    return None if value == NULL else value
