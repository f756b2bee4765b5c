"""Which kinds of resources there are: KINDS, in the order in which one may refer to another.

    KINDS["models"].noun, for kind in KINDS, KINDS.paths()["api_keys"]
    with KINDS.adding(TEAMS): ...   one more, for as long as that; for tests and experiments

Must never know: what a kind's fields mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from aisix.store.kinds.api_keys import API_KEYS
from aisix.store.kinds.declare import Kind
from aisix.store.kinds.models import MODELS
from aisix.store.kinds.provider_keys import PROVIDER_KEYS


class Registry:
    """Kinds by name; each refers only to those before it, so that they can be stored in order."""

    def __init__(self, kinds: Sequence[Kind]) -> None:
        self._kinds: dict[str, Kind] = {}
        for kind in kinds:
            self._add(kind)

    def __getitem__(self, name: str) -> Kind:
        """The kind of this name; KeyError for an alias or an unknown one."""
        return self._kinds[name]

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._kinds.values())

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._kinds)

    def paths(self) -> dict[str, Kind]:
        """Every name of a kind in URLs and files."""
        return {name: kind for kind in self for name in (kind.name, *kind.aliases)}

    @contextmanager
    def adding(self, kind: Kind) -> Iterator[None]:
        """One kind more; ValueError when it cannot be told from another, or refers to none."""
        self._add(kind)
        try:
            yield
        finally:
            del self._kinds[kind.name]

    def _add(self, kind: Kind) -> None:
        taken = {*self.paths(), *(one.command.name for one in self)}
        mine = {kind.name, *kind.aliases, kind.command.name}
        if mine & taken:
            raise ValueError(f"{kind.name}: taken: {', '.join(sorted(mine & taken))}")
        unknown = kind.refers_to - {*self._kinds}
        if unknown:
            raise ValueError(f"{kind.name}: refers to no kind: {', '.join(sorted(unknown))}")
        self._kinds[kind.name] = kind


KINDS = Registry((PROVIDER_KEYS, MODELS, API_KEYS))
