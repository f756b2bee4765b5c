"""The options beside a `verb`: as it declares them, and what they name is there."""

from __future__ import annotations

from collections.abc import Mapping

from aisix.mapping.grammar import kinds
from aisix.mapping.parse.reader import Grammar
from aisix.mapping.parse.structure import found, in_toml
from aisix.mapping.parse.units import NO_PLACE, places_among, wanted
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbs.adjustments import ADJUSTMENTS
from aisix.mapping.verbs.passes import PASSES
from aisix.mapping.verbs.registry import Declared, Option

# What a unit's `verbs` names, but those whose options may be lookups.
VERBS: dict[str, Mapping[str, Declared]] = {"passes": PASSES, "adjustments": ADJUSTMENTS}


def option_kind(verbs: str, name: str) -> kinds.ValueKind | None:
    """What an option of this name holds, whichever verb has it; None where none does."""
    every = (option for one in VERBS.get(verbs, {}).values() for option in one.options)
    return next((option.kind for option in every if option.name == name), None)


class VerbOptions(Grammar):
    """What verbs, passes and adjustments are given."""

    def options(
        self, given: dict[str, Json], at: tuple[str, ...], one: Declared
    ) -> dict[str, Json]:
        """The options of a verb, a pass or an adjustment as it takes them, each one checked."""
        names = [option.name for option in one.options]
        # Options of the verb that stood here before somebody laid another one over it are gone.
        given = {k: v for k, v in given.items() if k in names or self.with_verb(k, at)}
        self.keys(given, at, names)
        missing = [o.name for o in one.options if o.required and o.name not in given]
        if missing:
            self.complain(at, f'"{one.name}" needs {", ".join(missing)}')
        sound = {}
        for option in one.options:
            if option.name in given:
                before, value = len(self.complaints), given[option.name]
                here = (*at, option.name)
                if option.wrong(value) and not self.with_verb(option.name, at):
                    left = f"`{option.name}` of the verb below it is left ({self.where(here)})"
                    write = f"write {option.name} = {in_toml(option.example)}, or the like"
                    self.complain((*at, "verb"), f"{left}, which this one cannot use: {write}")
                    continue
                self.option(option, value, here)
                vain = option.needs and option.needs not in given
                if vain and self.with_verb(option.name, at):
                    text = f'means nothing without "{option.needs}"'
                    self.complain((*at, option.name), text, idle=True)
                if len(self.complaints) == before:
                    sound[option.name] = value
        return one.read(sound)

    def with_verb(self, name: str, at: tuple[str, ...]) -> bool:
        """Whether who wrote an option had its verb before him."""
        return self.knew((*at, name), (*at, "verb"))

    def option(self, option: Option, value: Json, at: tuple[str, ...]) -> None:
        """One option: of its type, and what it names is there."""
        if option.wrong(value):
            example = f"{option.name} = {in_toml(option.example)}"
            text = f"expected {wanted((option.kind,), value)}, found {found(value)}"
            self.complain(at, f"{text}; for example {example}")
            return
        if option.words and value not in option.words:
            self.unknown(at, "unknown word", value, option.words)
        match option.kind:
            case kinds.PATH | kinds.PATHS:
                self.places(value, at)
            case kinds.MEMBER | kinds.MEMBERS:
                self.members(value, at)
            case kinds.PATH_OR_LOOKUP:
                if value.startswith("$"):
                    self.path(value, at)
                else:
                    self.members(value, at)
            case kinds.VALUES_BY_PATH:
                for text, below in value.items():
                    self.members(text, (*at, text))
                    self.scalar_or_path(below, (*at, text))
            case kinds.FAULT:
                self.fault(value, at)
            case kinds.REGISTER:
                self.sets(f"state.{value}", at)
            case kinds.CALLER_FIELD:
                self.reading(value, at)
            case kinds.ITEM_FIELD | kinds.PART_FIELD:
                self.below(value, at)
            case kinds.ITEM_LIKE | kinds.ITEM_FIELDS:
                for text in value:
                    self.below(text, at)
            case kinds.FIELD | kinds.FIELDS:
                for text in places_among(value):
                    self.complain(at, NO_PLACE.format(text))
            case kinds.PATTERN | kinds.PATTERNS | kinds.CHARACTERS:
                for text in value if isinstance(value, list) else [value]:
                    self.regex(f"[^{text}]" if option.kind == kinds.CHARACTERS else text, at)
            case kinds.DATE_FORMAT | kinds.ZONE:
                try:
                    option.kind.read(value)  # type: ignore[misc]
                except ValueError as error:
                    self.complain(at, str(error))

    def places(self, value: Json, at: tuple[str, ...]) -> None:
        for text in self.words(value, at):
            try:
                if not paths.parse(text).steps:
                    self.complain(at, f'"{text}" is no field')
            except ValueError as error:
                self.complain(at, str(error))

    def below(self, text: str, at: tuple[str, ...]) -> None:
        """A field of an item, or a path through its objects."""
        if text.startswith("$") or "" in text.split("."):
            self.complain(at, f'"{text}" is no path below an item, such as "function.name"')
        else:
            self.members(text, at)

    def members(self, value: Json, at: tuple[str, ...]) -> None:
        """Paths that lead through objects only."""
        self.places(value, at)
        for text in value if isinstance(value, list) else [value]:
            if "[" in text:
                self.complain(at, f'"{text}" reaches nothing: only fields of objects, no [ ]')
