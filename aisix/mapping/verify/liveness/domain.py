"""What rules can know before a body is seen: every model row, version and word of an option.

A condition that asks for nothing else is decided here, over all of them at once: `fold` leaves out
the tests that hold everywhere, and answers None for a condition that holds nowhere. What a single
configuration says is no answer: a rule that one model never uses, another does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

from aisix.mapping.effective import Mapping
from aisix.mapping.interpret.view import meets
from aisix.mapping.parse.options import words_of
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.paths import Json, Path
from aisix.mapping.syntax.rules import Condition, Test

KNOWN = ("model", "option", "version")  # roots of what is known before a body is
MOST_WORLDS = 20_000  # of one condition; one that asks for more is taken as it is written
World = dict[str, Json]  # root -> what stands there
Key = tuple[Json, ...]  # of a test: True and 1 are two
Asked = tuple[
    tuple[Key, ...], tuple[Key, ...]
]  # the tests of a condition that are known: when, unless


@dataclass(slots=True)
class Domain:
    """The rows, versions and options of one mapping."""

    rows: tuple[World, ...]  # facts of each row
    versions: tuple[str, ...]
    options: dict[str, Json]  # [option.NAME] of mapping.toml
    decided: dict[Asked, frozenset[Key] | None] = field(default_factory=dict)  # by what was asked

    @classmethod
    def of(cls, mapping: Mapping) -> Domain:
        data = mapping.tree.data
        rows = (data.get("models") or {}).get("model") or {}
        facts = tuple(mapping.facts(row) for row in rows) or (mapping.facts(""),)
        versions = data["mapping"].get("versions") or {}
        known = tuple(versions.get("known") or ()) or (str(versions.get("default", "")),)
        return cls(facts, known, mapping.known_options)

    def fold(self, condition: Condition | None) -> Condition | None:
        """The condition without tests that hold everywhere; NEVER when it holds nowhere."""
        if condition is None:
            return None
        when = [test for test in condition.when if _known(test)]
        unless = [test for test in condition.unless if _known(test)]
        if not when and not unless:
            return condition
        key = tuple(_key(test) for test in when), tuple(_key(test) for test in unless)
        if key not in self.decided:
            self.decided[key] = self._decide(when, unless)
        decided = self.decided[key]
        if decided is None:
            return NEVER
        left = Condition(
            tuple(test for test in condition.when if _key(test) not in decided),
            tuple(test for test in condition.unless if _key(test) not in decided),
        )
        return left if left.when or left.unless else None

    def _decide(self, when: list[Test], unless: list[Test]) -> frozenset[Key] | None:
        """Those of the tests that need not be asked; None when they never hold together."""
        worlds = self._worlds([*when, *unless])
        if worlds is None:
            return frozenset()
        held = {_key(test): [_holds(test, world) for world in worlds] for test in (*when, *unless)}
        wanted = [held[_key(test)] for test in when]
        unwanted = [held[_key(test)] for test in unless]
        if not any(
            all(one[n] for one in wanted) and not any(one[n] for one in unwanted)
            for n in range(len(worlds))
        ):
            return None
        always = {_key(test) for test in when if all(held[_key(test)])}
        return frozenset(always | {_key(test) for test in unless if not any(held[_key(test)])})

    def _worlds(self, tests: Sequence[Test]) -> list[World] | None:
        """All there can be for these tests; None when they cannot be counted."""
        asked = {path for test in tests for path in _paths(test)}
        facts = sorted(
            {str(path.steps[0]) for path in asked if path.root == "model" and path.steps}
        )
        named = sorted(
            {str(path.steps[0]) for path in asked if path.root == "option" and path.steps}
        )
        if any(not path.steps for path in asked if path.root != "version"):
            return None
        versions = self.versions if any(path.root == "version" for path in asked) else ("",)
        out: dict[str, World] = {}
        for row in self.rows:
            words = [self.values_of(name, row) for name in named]
            if any(values is None for values in words):
                return None
            seen = {fact: row.get(fact) for fact in facts}
            for version, *given in product(versions, *(values or () for values in words)):
                world = {
                    "model": seen,
                    "option": dict(zip(named, given, strict=True)),
                    "version": version,
                }
                out[repr(world)] = world
                if len(out) > MOST_WORLDS:
                    return None
        return list(out.values())

    def values_of(self, name: str, facts: World) -> list[Json] | None:
        """What an option can be for a model; None when an alias may write anything there."""
        row = self.options.get(name)
        if row is None:
            return [None]
        words = words_of(row)
        if not words:
            return None
        default = row.get("default")
        if isinstance(default, str) and default.startswith("$model."):
            default = facts.get(default.removeprefix("$model."))
        return words if default in words else [*words, default]


NEVER = Condition((Test(Path("never", "", ("never",)), "never"),))


def _paths(test: Test) -> Iterator[Path]:
    yield test.path
    if isinstance(test.value, Path):
        yield test.value


def _key(test: Test) -> Key:
    value = test.value.text if isinstance(test.value, Path) else test.value
    return test.path.text, test.kind, type(test.value).__name__, value


def _known(test: Test) -> bool:
    return all(path.root in KNOWN for path in _paths(test))


def _holds(test: Test, world: World) -> bool:
    wanted = _find(test.value, world) if isinstance(test.value, Path) else None
    return meets(test, _find(test.path, world), wanted)


def _find(path: Path, world: World) -> Json:
    return paths.get(world[path.root], path.steps)
