"""What a site's folders write and nothing comes of: told at its line, with the rule that wins.

found = found_dead(mappings, told)      # told: what has been complained about already
found.complaints, found.untried         # file -> how many keys there was no time for
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from aisix.errors import Complaint, OperatorError
from aisix.mapping.grammar.rule import SOURCES
from aisix.mapping.mappings import Mappings
from aisix.mapping.parse.overlays import DROP
from aisix.mapping.parse.toml_tree import Keys
from aisix.mapping.syntax.paths import Json, get
from aisix.mapping.verify.liveness.program import Traits
from aisix.mapping.verify.liveness.sources import Part, replaced
from aisix.mapping.verify.liveness.tried import Tried, declared
from aisix.mapping.verify.liveness.units import FILES, Unit
from aisix.mapping.verify.touched import whole_file

MOST_READ = 12_000  # units that are read for one folder before the rest is left to --all: some 2 s


@dataclass(slots=True)
class Found:
    complaints: list[Complaint] = field(default_factory=list)
    untried: dict[str, int] = field(default_factory=dict)  # file -> keys

    @property
    def left_out(self) -> list[str]:
        return [f"whether {n} keys of {file} change anything" for file, n in self.untried.items()]


def found_dead(
    mappings: Mappings, told: Collection[Complaint] = (), most: int | None = MOST_READ
) -> Found:
    """Every key of the folders after the first that changes nothing; `most` None: however long."""
    found = Found()
    for number in range(1, len(mappings.table_folders)):
        try:
            _Folder(mappings.up_to(number), number, told, most, found).look()
        except OperatorError:
            continue  # whole only with a later one, which is looked at with it
    return found


def idle_in_examples(mappings: Mappings) -> Iterator[Complaint]:
    """Of each mapping a folder after the first writes in, what plainly does nothing for its
    unknown models."""
    written = {path for folder in mappings.table_folders[1:] for path in folder.files}
    for mapping in mappings.mappings.values():
        if any(path.startswith(f"{name}/") for name in mapping.line for path in written):
            with contextlib.suppress(OperatorError):  # no reason not to serve the others
                yield from mapping.effective(mapping.example()).idle


class Search:
    """What is tried, at most so many units, and what has been found."""

    def __init__(
        self, told: Collection[Complaint], most: int | None, found: Found | None = None
    ) -> None:
        self.most, self.found = most, found or Found()
        self.told = [(one.where.rpartition(":")[0], one.where, one.path) for one in told]
        self.tried: dict[str, Tried] = {}

    @property
    def spent(self) -> bool:
        count = sum(one.program.reader.count for one in self.tried.values())
        return self.most is not None and count >= self.most

    def is_told(self, where: str, path: str) -> bool:
        """Whether something has been said of a key, of what is in it or around it."""
        file = where.rpartition(":")[0]
        return any(
            line == where
            or (other == file and f"{told}.".startswith(f"{path}."))
            or (other == file and told and f"{path}.".startswith(f"{told}."))
            for other, line, told in self.told
        )


class _Folder(Search):
    """One folder over those before it."""

    def __init__(
        self,
        mappings: Mappings,
        number: int,
        told: Collection[Complaint],
        most: int | None,
        found: Found,
    ) -> None:
        super().__init__(told, most, found)
        self.mappings, self.number = mappings, number

    def look(self) -> None:
        for path in dict.fromkeys(map(whole_file, self.mappings.table_folders[self.number].files)):
            folder = "/".join(path.split("/")[:2])
            # Who has it as his own first; whoever is like him has it too.
            users = [
                name
                for name, mapping in self.mappings.mappings.items()
                if folder in (name, *mapping.line)
            ]
            users.sort(key=lambda name: name != folder)
            files = [(one, part) for one in self._users(users) for part in self._parts(one, path)]
            if files:
                LookedAt(self, files).look(files[0][1].tree.data, ())

    def _users(self, names: list[str]) -> Iterator[Tried]:
        for name in names:
            if name not in self.tried:
                mapping = self.mappings.mappings[name]
                self.tried[name] = Tried.of(self.mappings.table_folders, mapping)
            yield self.tried[name]

    def _parts(self, one: Tried, path: str) -> Iterator[Part]:
        for part in one.sources.parts:
            own = part.path == path and part.folder == self.number
            if own and (part.trait or part.file in FILES):
                yield part


@dataclass(slots=True)
class LookedAt:
    """One file, as each mapping has it that it is part of."""

    search: Search
    files: list[tuple[Tried, Part]]

    @property
    def part(self) -> Part:
        return self.files[0][1]

    def look(self, tree: dict[str, Json], above: Keys) -> None:
        for key, value in tree.items():
            keys = (*above, key)
            if self.search.spent:
                where = self.part.tree.where(keys).rpartition(":")[0]
                untried = self.search.found.untried
                untried[where] = untried.get(where, 0) + sum(1 for _ in _leaves(value, keys))
            elif not self._for_people(keys):
                self._look(keys, value, len(tree) == 1 and len(above) > 1)

    def _look(self, keys: Keys, value: Json, alone: bool) -> None:
        """`alone`: nothing stands beside it, so it acts as the table around it does."""
        let = keys[1:] if self.part.trait and keys[0] == "request" else keys
        if len(let) == 2 and let[0] == "let" and not self._asked_for(let[1]):
            self._tell(keys, keys)
        elif all(readers := [one.read_by(part, keys) for one, part in self.files]):
            self._tell(keys, keys, f"{readers[0]} reads this field, so none of it is left over")
        elif alone or any(one.acts(part, keys) for one, part in self.files):
            if isinstance(value, dict):
                self.look(value, keys)
        else:
            self._look_at_dead(keys, value)

    def _look_at_dead(self, keys: Keys, value: Json) -> None:
        leaves = [
            leaf
            for leaf in _leaves(value, keys)
            if not self._for_people(leaf[0]) and not (leaf[0][-1] == DROP and leaf[1] is True)
        ]  # what is taken away and was there is gone, if used no more: else another says so
        restating = [leaf for leaf in leaves if self._restates(*leaf)]
        if restating and isinstance(value, dict):
            self.look(value, keys)
        elif leaves and not restating:
            while isinstance(value, dict) and len(value) == 1:
                ((key, value),) = value.items()
                keys = (*keys, key)
            self._tell(leaves[0][0] if isinstance(value, dict) else keys, keys)

    def _asked_for(self, name: str) -> bool:
        """Whether anything asks for a let; one that only keeps a field from being told is none."""
        unit = ("request", "let", name)
        return any(
            unit in one.program.reached(traits).forms
            for one, _ in self.files
            for traits in one.lists
        )

    def _restates(self, keys: Keys, value: Json) -> bool:
        return any(one.restates(part, keys, value) for one, part in self.files)

    def _for_people(self, keys: Keys) -> bool:
        key = declared(self.part, keys)
        return key is not None and key.for_people

    def _tell(self, first: Keys, keys: Keys, why: str = "") -> None:
        """`first`: the first line of what is dead, where there is one; `why`: when it is known."""
        where = self.part.tree.where(first)
        if self.search.is_told(where, ".".join(keys)):
            return
        for one, part in self.files:
            why = why or winner(one, part, keys) or winner(one, part, first)
        why = why or _unread(keys[1:] if self.part.trait else keys)
        told = Complaint(where, ".".join(keys), f"changes nothing: {why}", idle=True)
        self.search.found.complaints.append(told)


def _leaves(value: Json, keys: Keys) -> Iterator[tuple[Keys, Json]]:
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from _leaves(below, (*keys, key))
    else:
        yield keys, value


def _unread(keys: Keys) -> str:
    if keys[:1] == ("let",) and len(keys) == 2:
        return f"nothing asks for `$let.{keys[1]}`"
    return "nothing reads it here"


# ---------------------------------------------------------------- the rule that wins
def winner(tried: Tried, part: Part, keys: Keys) -> str:
    """The key without which this one would act, and where it stands; "" when there is none."""
    changes = tried.sources.changes(part, keys)
    if len(changes) != 1:
        return ""
    ((_, unit),) = changes
    below = (keys if part.trait else (part.file, *keys))[len(unit) :]
    other = tried.program.changed(changes)
    for traits in tried.asked(part, changes):
        data, without = tried.program.data(unit, traits), other.data(unit, traits)
        if not below or not isinstance(data, dict) or not isinstance(without, dict):
            continue
        for sibling in _siblings(data, below, unit):
            one, two = (_less(tables, sibling) for tables in (data, without))
            if one is None or two is None:
                continue
            if tried.program.read(unit, one).form != tried.program.read(unit, two).form:
                own = (*unit, *sibling) if part.trait else (*unit[1:], *sibling)
                here = part.tree.lines.get(own)  # who writes both has made it so himself
                return f"`{sibling[-1]}` of {here or _where(tried, unit, sibling, traits)} wins"
    return ""


def _siblings(data: dict[str, Json], below: Keys, unit: Unit) -> Iterator[Keys]:
    """Keys beside it, then those beside the tables it is in."""
    choosing = unit[1] in ("event", "shape")  # there `first` chooses, and is no source
    for length in range(len(below) - 1, -1, -1):
        table = get(data, below[:length])
        for key in table if isinstance(table, dict) else ():
            if key != below[length] and (choosing or key not in SOURCES):
                yield (*below[:length], key)


def _less(data: dict[str, Json], keys: Keys) -> Json:
    return None if get(data, keys) is None else replaced(data, keys, None)


def _where(tried: Tried, unit: Unit, below: Keys, traits: Traits) -> str:
    """file:line of who said it last."""
    keys = (*unit, *below)
    for name in reversed(tried.program.touching(unit, traits)):
        if keys in tried.program.trees[name].lines:
            return tried.program.trees[name].where(keys)
    return tried.program.trees[""].where(keys)
