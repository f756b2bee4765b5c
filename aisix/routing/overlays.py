"""The tables an alias carries itself: whom they are laid over, what is wrong with them, and those
with which an alias served last.

An overlay that stops fitting when the tables change puts its alias in quarantine, and no other: it
serves on as it did, or, where this process never had it, not at all. Never without its overlay,
which may be what keeps something from being sent.

Must never know: a wire name, how a request is translated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from aisix.errors import Complaint, OperatorError, wrong_among
from aisix.mapping.effective import Mapping as Tables
from aisix.mapping.mappings import Mappings
from aisix.mapping.model_tables import Effective
from aisix.mapping.parse.inline import FOR, Inline, in_resource, read_inline
from aisix.mapping.parse.meant import near
from aisix.mapping.verify.inline import misfits, notes
from aisix.mapping.verify.liveness.own_tables import Use
from aisix.store.kinds.types import OVERLAY
from aisix.store.resources import Document, Model, ModelTarget, ProviderKey

NAME = "overlay"
ANY = "*"  # in a name of many models
MOST = 4096  # aliases whose last tables are kept; wildcards make as many as callers think of


# ---------------------------------------------------------------- serving
def tables_of(
    dialect: str, model: Model, targets: Sequence[tuple[ModelTarget, ProviderKey]], known: Mappings
) -> list[Effective]:
    """The tables of each target; OperatorError when one cannot be had."""
    usable = [
        known.find(dialect, key.adapter, stored.mapping or model.mapping) for stored, key in targets
    ]
    made = []
    for (stored, key), mapping in zip(targets, usable, strict=True):
        traits = model.traits if stored.traits is None else stored.traits
        own = mapping.own({**model.options, **stored.options}, traits)
        laid = (*read_inline(model.overlay), *read_inline(stored.overlay))
        names = [each.name for each in usable]
        wrong = [*_not_meant(laid, names, known, (dialect,))]
        if laid and not wrong:
            wrong = wrong_among(misfits(mapping, stored.model_name, key.version, *own, laid))
        if wrong:
            raise OperatorError(wrong)
        made.append(mapping.effective(stored.model_name, key.version, *own, laid))
    return made


class LastGood:
    """The tables with which each alias that carries an overlay was served last."""

    def __init__(self, known: Mapping[bytes, list[Effective]] | None = None) -> None:
        self._known = dict(known or {})

    def copy(self) -> LastGood:
        """For tables that are made ready: they may never serve."""
        return LastGood(self._known)

    def tables(
        self,
        dialect: str,
        model: Model,
        targets: Sequence[tuple[ModelTarget, ProviderKey]],
        known: Mappings,
    ) -> list[Effective]:
        """Those of now, or when the overlay does not fit them, the last; OperatorError."""
        if not model.overlay and not any(stored.overlay for stored, _ in targets):
            return tables_of(dialect, model, targets, known)
        asked = dialect, model, [(key.adapter, key.version) for _, key in targets]
        name = hashlib.sha256(repr(asked).encode()).digest()
        try:
            found = tables_of(dialect, model, targets, known)
        except OperatorError:
            last = self._known.get(name)
            if last is None:
                raise
            return last
        self._known.pop(name, None)
        if len(self._known) >= MOST:
            del self._known[next(iter(self._known))]
        self._known[name] = found
        return found


# ---------------------------------------------------------------- what is wrong with one
@dataclass(frozen=True, slots=True)
class StoredTarget:
    """One target of a model as it is stored, and the mappings it may be served by."""

    usable: Sequence[Tables]
    document: Mapping[str, object]  # the model
    target: Document
    at: str  # its path in the document: "targets[1]."; "" of a model that is its own target
    version: str | None
    options: dict[str, object]
    traits: tuple[str, ...]

    @property
    def model_name(self) -> str:
        return str(self.target.get("model_name", ""))

    def own(self, mapping: Tables) -> tuple[dict[str, object], tuple[str, ...]]:
        """Options and traits that a mapping knows."""
        return mapping.own(self.options, self.traits)

    def overlays(self) -> tuple[list[Inline], list[Complaint]]:
        """Those laid over its tables, and what cannot be read of them."""
        given = [(NAME, self.document.get(NAME))]
        if self.at:
            given.append((self.at + NAME, self.target.get(NAME)))
        laid: list[Inline] = []
        wrong: list[Complaint] = []
        for path, value in given:
            try:
                texts = () if value is None else OVERLAY.made(value)
                laid += read_inline(texts, path, listed=isinstance(value, list))
            except OperatorError as error:
                wrong += [in_resource(one, path) for one in error.complaints]
        return laid, wrong


def faults(known: Mappings, stored: StoredTarget, serving: Collection[str]) -> list[Complaint]:
    """With the paths inside the resource. serving: names of all mappings that serve the alias."""
    laid, wrong = stored.overlays()
    if wrong or not laid:
        return wrong
    wrong = [*_not_meant(laid, serving, known, tuple(known.callers))]
    if wrong:
        return wrong
    name = stored.model_name
    found = {
        mapping.name: misfits(mapping, name, stored.version, *stored.own(mapping), laid)
        for mapping in stored.usable
    }
    if ANY in name:  # what does nothing for one model may act for another
        found = {mapping: wrong_among(told) for mapping, told in found.items()}
    return list(dict.fromkeys(_told(found, laid)))


def uses(stored: StoredTarget) -> Iterator[Use]:
    """Where they are laid over the tables of a target in which nothing was wrong."""
    laid, _ = stored.overlays()
    name = stored.model_name
    for mapping in stored.usable if laid else ():
        own = stored.own(mapping)
        rows = mapping.rows if ANY in name else [mapping.row_for(name)]
        over = tuple(one for one in laid if one.meant_for(mapping.name))
        brought = (mapping.settled(row, stored.version, *own).traits for row in rows)
        for traits in dict.fromkeys(brought):
            yield Use(mapping, traits, over)


def noted(stored: StoredTarget) -> Iterator[Complaint]:
    """What one may well mean and is told of all the same, when nothing was wrong."""
    laid, _ = stored.overlays()
    for mapping in stored.usable if laid else ():
        own = stored.own(mapping)
        yield from notes(mapping.effective(stored.model_name, stored.version, *own, laid))


def _not_meant(
    laid: Sequence[Inline], names: Collection[str], known: Mappings, dialects: Sequence[str]
) -> Iterator[Complaint]:
    """What one is for and is never laid over: `names` serve the alias to these caller dialects."""
    for inline in laid:
        for word in inline.wanted:
            dialect, mark, _ = word.partition("/")
            if word not in known.mappings and word not in known.callers:
                text = f'no mapping or caller dialect "{word}"'
                text += near(word, (*known.mappings, *known.callers))
            elif dialect in dialects and not any(
                word == name if mark else name.startswith(f"{word}/") for name in names
            ):
                text = f'"{word}" never serves this alias{near("", names)}'
            else:
                continue
            yield Complaint("", f"{inline.name}.{FOR}", text)


def _told(found: dict[str, list[Complaint]], laid: Sequence[Inline]) -> Iterator[Complaint]:
    """What is wrong for some of the mappings is told with those it fits."""
    fits = [name for name, wrong in found.items() if not wrong]
    for name, wrong in found.items():
        for complaint in wrong:
            inline, own = next(
                ((one, told) for one in laid if (told := one.own(complaint))),
                (laid[-1], _with(laid[-1], complaint)),
            )
            good = [one for one in fits if inline.meant_for(one)]
            more = ""
            if good:
                words = ", ".join(f'"{one}"' for one in good)
                said = words if len(good) == 1 else f"[{words}]"
                more = f" (in {name}; it fits {', '.join(good)}: say {FOR} = {said})"
            elif any(other != wrong for one, other in found.items() if inline.meant_for(one)):
                more = f" (in {name})"
            yield Complaint("", own.path, own.text + more, own.idle)


def _with(inline: Inline, complaint: Complaint) -> Complaint:
    """One about what stands elsewhere."""
    return Complaint("", inline.name, f"with it, {complaint}", complaint.idle)
