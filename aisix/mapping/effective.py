"""One mapping, and the effective tables of one kind of model: base, traits and options.

    tables = mapping.effective("claude-opus-5-5", version, options, traits)

Which model row an upstream model has, what its options are, which overlays they bring; the tables
laid over each other, parsed, and kept. `mappings.py` reads the files.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from aisix.errors import Complaint, OperatorError, wrong_among
from aisix.mapping.dialect.upstream_errors import CallerDialect
from aisix.mapping.model_tables import Effective
from aisix.mapping.parse import schema
from aisix.mapping.parse.inline import Inline
from aisix.mapping.parse.lineage import is_base
from aisix.mapping.parse.meant import near
from aisix.mapping.parse.model_rows import IDS, LIKE, facts_of, line_of, rows_of
from aisix.mapping.parse.options import option_faults, option_value
from aisix.mapping.parse.registers import told_of
from aisix.mapping.parse.toml_tree import Tree
from aisix.mapping.parsed import ANSWER, ERRORS, REQUEST, Parsed
from aisix.mapping.syntax.paths import Json

Options = dict[str, Json]
MOST_EFFECTIVE = 4096  # of one mapping: each overlay of an alias makes tables of its own


class Settled(NamedTuple):
    """Of one kind of model: its version, facts, options, the traits laid over the base."""

    version: str
    facts: dict[str, Json]
    options: Options
    traits: tuple[str, ...]
    complaints: tuple[Complaint, ...]


@dataclass(slots=True)
class Mapping:
    """One caller dialect to one upstream dialect."""

    name: str
    folders: tuple[Path, ...]
    tree: Tree
    traits: dict[str, Tree]
    caller: CallerDialect
    digest: str
    line: tuple[str, ...] = ()  # the mappings and bases it is made of, itself last
    lender: tuple[str, ...] = ()  # and those whose rows of models it has
    differs: tuple[str, ...] = ()  # parts whose compiled form is known to be wrong
    words: frozenset[str] | None = None  # the fields that callers of its dialect may send
    written: frozenset[str] | None = None  # the fields that its base or a trait writes
    _effective: dict[tuple[Json, ...], Effective] = field(default_factory=dict)
    _rows: list[tuple[str, str]] = field(default_factory=list)
    _parsed: Parsed = field(default_factory=Parsed, repr=False, compare=False)

    @property
    def variant(self) -> bool:
        """Whether it is used only where it is named."""
        return bool(self.tree.data["mapping"].get("variant"))

    @property
    def kin(self) -> tuple[str, ...]:
        """What it is like, the furthest first, and itself: its line without bases."""
        return tuple(name for name in self.line if not is_base(name))

    @property
    def adapter(self) -> str:
        return str(self.tree.data["mapping"]["adapter"])

    @property
    def upstream(self) -> dict[str, Json]:
        return dict(self.tree.data["mapping"]["upstream"])

    # ------------------------------------------------------------------ models
    @property
    def rows(self) -> list[str]:
        """The names of the model rows."""
        return list((self.tree.data.get("models") or {}).get("model") or {})

    def row_for(self, upstream_model: str) -> str:
        """The name of the model row: the longest `match` that begins what follows `after`.

        An id without `after` is looked up whole; one of no row is `unknown`, or `outside` where
        the tables tell those apart.
        """
        models = self.tree.data.get("models") or {}
        if not self._rows:
            rows = models.get("model") or {}
            pairs = [
                (-len(prefix), -len(line_of(rows, name)), prefix, name)
                for name, row in rows.items()
                for prefix in row.get("match", [name])
            ]
            self._rows = [pair[2:] for pair in sorted(pairs, key=lambda pair: pair[:2])]
        after = str(models.get("after", ""))
        text = upstream_model.lower()
        _, inside, rest = text.partition(after) if after else ("", "", text)
        text = rest if inside else text
        for prefix, name in self._rows:
            rest = text[len(prefix) :]
            if text.startswith(prefix) and not rest[:1].isalnum():
                return name
        unknown = models.get("unknown", "")
        return str(unknown if inside or not after else models.get("outside", unknown))

    @property
    def known_ids(self) -> list[str]:
        """The upstream ids that lists of models show, in the order of the rows."""
        rows = (self.tree.data.get("models") or {}).get("model") or {}
        return [id for row in rows.values() for id in row.get(IDS, ())]

    def example(self, row: str | None = None) -> str:
        """An upstream model id of this row; without one, of the row for unknown ids."""
        models = self.tree.data.get("models") or {}
        row = row or str(models.get("unknown", ""))
        after = str(models.get("after", ""))
        ids = [after + str(one) for one in models.get("model", {}).get(row, {}).get("match", [row])]
        return next((id for id in ids if self.row_for(id) == row), ids[0])

    def facts(self, row: str) -> dict[str, Json]:
        models = self.tree.data.get("models") or {}
        facts = facts_of(models, row)
        facts.pop("match", None)
        facts.pop(LIKE, None)
        facts.pop(IDS, None)
        more = (one.get("more_traits", ()) for one in rows_of(models, row))
        facts["more_traits"] = [name for names in more for name in names]
        for key, value in facts.items():
            if isinstance(value, str) and value.startswith("$"):
                facts[key] = facts.get(value[1:])
        return facts

    def options(
        self, given: Options, facts: dict[str, Json]
    ) -> tuple[Options, list[str], list[str]]:
        """(every option's value, traits they bring, complaints)."""
        known: dict[str, Json] = self.tree.data["mapping"].get("option", {})
        values: Options = {}
        traits: list[str] = []
        wrong = [
            f'unknown option "{name}"{near(name, known)}' for name in given if name not in known
        ]
        for name, row in known.items():
            value = given.get(name)
            if value is None:
                value = row.get("default")
                if isinstance(value, str) and value.startswith("$model."):
                    value = facts.get(value.removeprefix("$model."))
            else:
                value = option_value(row, value)
                wrong += option_faults(name, row, value)
            values[name] = value
            word = str(value).lower() if isinstance(value, bool) else value
            if isinstance(word, str):
                traits += row.get("traits", {}).get(word, [])
        return values, traits, wrong

    @property
    def known_options(self) -> dict[str, Json]:
        return dict(self.tree.data["mapping"].get("option", {}))

    @property
    def was_traits(self) -> dict[str, tuple[str, Json]]:
        """Names of traits that are options now: (option, the value it means)."""
        return schema.was_traits(self.tree.data["mapping"])

    @property
    def known_traits(self) -> set[str]:
        """What an alias may name under `traits`."""
        return {*self.traits, *self.was_traits}

    def own(self, options: Options, traits: Sequence[str]) -> tuple[Options, tuple[str, ...]]:
        """Those this mapping knows: an alias names options for callers of every dialect at once."""
        kept = {name: value for name, value in options.items() if name in self.known_options}
        return kept, tuple(trait for trait in traits if trait in self.known_traits)

    # ------------------------------------------------------------------ effective tables
    def effective(
        self,
        upstream_model: str,
        version: str | None = None,
        options: Options | None = None,
        traits: Sequence[str] = (),
        overlays: Sequence[Inline] = (),
    ) -> Effective:
        """The tables for one upstream model; OperatorError when a thing asked for is not there.

        overlays: those of an alias; those meant for other mappings are left out.
        """
        options = options or {}
        row = self.row_for(upstream_model)
        laid = tuple(one for one in overlays if one.meant_for(self.name))
        key = (
            row,
            version,
            tuple(sorted((k, repr(v)) for k, v in options.items())),
            tuple(traits),
            tuple((one.name, one.digest) for one in laid),
        )
        found = self._effective.pop(key, None)
        if found is None:
            if len(self._effective) >= MOST_EFFECTIVE:  # whoever uses the oldest keeps it
                self._effective.pop(next(iter(self._effective), key), None)
            try:
                found = self._build(row, version, options, traits, laid)
            except (TypeError, AttributeError, KeyError, ValueError, IndexError) as error:
                place = traceback.extract_tb(error.__traceback__)[-1].name
                text = f"cannot be read ({place}: {error}); look for a value of the wrong kind"
                raise OperatorError([Complaint(self.name, "", text)]) from None
        self._effective[key] = found
        return found

    def settled(
        self, row: str, version: str | None, options: Options, extra: Sequence[str]
    ) -> Settled:
        """What is laid over what for such a model, before any table of it is read."""
        versions = self.tree.data["mapping"].get("versions", {})
        version = version or versions.get("default", "")
        complaints: list[Complaint] = []
        known = versions.get("known", {})
        if known and version not in known:
            words = ", ".join(known)
            complaints.append(
                Complaint("", "version", f'unknown version "{version}" (one of: {words})')
            )
        facts = self.facts(row)
        values, from_options, wrong = self.options(options, facts)
        complaints += [Complaint("", "options", text) for text in wrong]
        names = [
            *facts.get("traits", ()),
            *facts.get("more_traits", ()),
            *known.get(version, {}).get("traits", ()),
            *from_options,
            *extra,
        ]
        was = self.was_traits
        values.update(was[name] for name in names if name in was)
        names = [name for name in names if name not in was]
        return Settled(version, facts, values, tuple(names), tuple(complaints))

    def _build(
        self,
        row: str,
        version: str | None,
        options: Options,
        extra: Sequence[str],
        laid: tuple[Inline, ...],
    ) -> Effective:
        settled = self.settled(row, version, options, extra)
        version, facts, values, names = settled[:4]
        complaints = list(settled.complaints)
        for name in extra:  # those of rows, versions and options are told where they stand
            if name not in self.known_traits:
                hint = near(name, self.traits)
                complaints.append(Complaint("", "traits", f'no trait "{name}"{hint}'))
        there = tuple(name for name in names if name in self.traits)
        tables = self._parsed.laid(self.tree, self.traits, there, laid)
        complaints += tables.complaints
        tree = tables.tree
        known = {
            "model": facts,
            "option": values,
            "fault": self.caller.data.get("fault", {}),
            "credentials": frozenset(name.lower() for name, _ in self.caller.credentials),
            "placed": tables.placed,
            "ranks": tree.ranks,
            "removed": tables.removed,
            "words": self.words,
            "written": self.written,
            "reads": self.caller.reads,
        }
        errors, request, answer = (
            self._parsed.part(part, tables, known, keep=not laid)
            for part in (ERRORS, REQUEST, ANSWER)
        )
        complaints += errors.complaints + request.complaints + answer.complaints
        told = tuple(dict.fromkeys(complaints))
        if wrong_among(told):
            raise OperatorError(told)
        written = told_of(request.registers, tree) | told_of(answer.registers, tree)
        return Effective(
            self.name,
            self.digest,
            row,
            facts,
            values,
            version,
            names,
            laid,
            tree,
            request.tables,
            answer.tables,
            errors.tables,
            self.upstream,
            request.used | answer.used | errors.used,
            tables.known,
            written,
            request.registers.read | answer.registers.read,
            self.differs,
            told,
        )
