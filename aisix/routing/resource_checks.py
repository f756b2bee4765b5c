"""Whether a document an admin writes fits the tables: adapters, variants, options, traits and the
tables it carries itself.

The store checks what it can know; this is the rest, told with the same paths at the same time.

Must never know: where the document comes from (the admin API, a file, an import).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aisix.config.original import ORIGINAL
from aisix.config.settings import Settings
from aisix.errors import Complaint, OperatorError, wrong_among
from aisix.mapping.effective import Mapping as Tables
from aisix.mapping.mappings import Mappings
from aisix.mapping.parse.meant import near
from aisix.mapping.verify.liveness.own_tables import dead_keys
from aisix.routing import key_checks, overlays
from aisix.routing.groups import unfit_member
from aisix.routing.target import has_base, no_base
from aisix.store.kinds.models import targets_of
from aisix.store.resources import ProviderKey
from aisix.store.snapshot import Entry, Snapshot


def faults(
    mappings: Mappings,
    settings: Settings,
    kind: str,
    document: Mapping[str, Any],
    snapshot: Snapshot,
    *,
    files: bool = True,
    idle: bool = True,
) -> list[Complaint]:
    """What the tables, the settings and (with `files`) this machine have against it.

    `snapshot` holds the provider keys it may refer to. idle: also what its overlay says and does
    nothing: whoever writes it is told, but what is kept already serves with it.
    """
    if kind == "provider_keys":
        found = _key_faults(mappings, settings, document, files)
        # The original loads a key that leads nowhere: its calls are refused.
        return wrong_among(found) if settings.names == ORIGINAL and not idle else found
    if kind == "models":
        found = _model_faults(mappings, document, snapshot)
        if not idle:
            return wrong_among(found)
        return found or _dead(mappings, document, snapshot)
    return []


def stored(
    mappings: Mappings, settings: Settings, snapshot: Snapshot, unfit: Sequence[Misfit]
) -> list[str]:
    """What is wrong with provider keys that are kept already, of which none is sent anywhere, with
    the targets of groups, and with the overlays of aliases (`misfits`)."""
    keys = [
        f"provider_keys/{entry.document.get('display_name')}: {one.path}: {one.text}"
        for entry in snapshot.entries("provider_keys")
        for one in _key_faults(mappings, settings, entry.document, True)
    ]
    groups = [
        f"models/{entry.document.get('display_name')}: {one.path}: {one.text}"
        for entry in snapshot.entries("models")
        for one in _passed_over(entry.document, snapshot)
    ]
    return [*keys, *groups, *(str(one) for one in unfit)]


def _passed_over(document: Mapping[str, Any], snapshot: Snapshot) -> Iterator[Complaint]:
    """The targets of a group that are never asked."""
    routing = document.get("routing")
    for place, rule in enumerate(routing["targets"] if isinstance(routing, dict) else ()):
        why = unfit_member(snapshot.named_model(rule["model"]))
        if why:
            path = f"routing.targets[{place}].model"
            yield Complaint("", path, f"{why}: it is passed over", idle=True)


@dataclass(frozen=True, slots=True)
class Misfit:
    """An alias whose overlay does not fit the tables: it is in quarantine."""

    id: str
    alias: str
    why: tuple[str, ...]

    def __str__(self) -> str:
        return f"models/{self.alias}: {'; '.join(self.why)}"


def misfits(mappings: Mappings, snapshot: Snapshot, idle: list[str] | None = None) -> list[Misfit]:
    """Every alias whose overlay does not fit these tables.

    idle: gets what overlays say and plainly does nothing; their aliases serve with it.
    """
    found = []
    for entry in _with_overlay(snapshot):
        alias = str(entry.document.get("display_name"))
        told = _model_faults(mappings, entry.document, snapshot)
        wrong = wrong_among(told)
        if wrong:
            found.append(Misfit(entry.id, alias, tuple(map(str, wrong))))
        elif idle is not None:
            idle += [f"models/{alias}: {one}" for one in told]
    return found


def of_overlays(mappings: Mappings, snapshot: Snapshot) -> list[Complaint]:
    """Everything there is to say of the overlays of aliases, as of files of a site."""
    return [
        Complaint(f"models/{entry.document.get('display_name')}", one.path, one.text, one.idle)
        for entry in _with_overlay(snapshot)
        for one in _model_faults(mappings, entry.document, snapshot)
        or _dead(mappings, entry.document, snapshot)
    ]


def _with_overlay(snapshot: Snapshot) -> Iterator[Entry]:
    yield from (one for one in snapshot.entries("models") if _has_overlay(one.document))


def _has_overlay(document: Mapping[str, Any]) -> bool:
    targets = (target for _, target in targets_of(dict(document)))
    return any(overlays.NAME in one for one in (document, *targets))


def _key_faults(
    mappings: Mappings, settings: Settings, document: Mapping[str, Any], files: bool
) -> list[Complaint]:
    found = [*_adapter_faults(mappings, document), *_header_faults(mappings, document)]
    return [*found, *key_checks.faults(settings, document, files)]


def _header_faults(mappings: Mappings, document: Mapping[str, Any]) -> Iterator[Complaint]:
    """Extra headers that would take the place of the one the credential goes out in."""
    headers = document.get("headers") or {}
    adapter = document.get("adapter") or document.get("provider")
    taken = set()
    for mapping in mappings.mappings.values() if headers else ():
        if mapping.adapter == adapter:
            taken |= mapping.effective(mapping.example(None)).upstream.get("auth", {}).keys()
    for name in sorted(taken & headers.keys()):
        yield Complaint("", f"headers.{name}", "is the credential's own: give it as `secret`")


def _adapter_faults(mappings: Mappings, document: Mapping[str, Any]) -> list[Complaint]:
    adapter = document.get("adapter") or document.get("provider")
    known = sorted({mapping.adapter for mapping in mappings.mappings.values()})
    if adapter is None:
        return []
    if adapter in known:
        provider = document.get("provider")
        if document.get("api_base") or has_base(provider, adapter):
            return []
        return [Complaint("", "api_base", no_base(provider, adapter), idle=True)]
    text = f'no mapping speaks "{adapter}" (one of: {", ".join(known)})'
    path = "adapter" if "adapter" in document else "provider"
    return [Complaint("", path, text, idle=True)]


def _model_faults(
    mappings: Mappings, document: Mapping[str, Any], snapshot: Snapshot
) -> list[Complaint]:
    found = []
    listed = _listed(document, snapshot)
    serving = {
        mapping.name
        for _, target, key in listed
        for mapping in _usable(mappings, document, target, key)[0]
    }
    for at, target, key in listed:
        found += _target_faults(mappings, document, target, at, key, serving)
    return list(dict.fromkeys(found))


def _listed(
    document: Mapping[str, Any], snapshot: Snapshot
) -> list[tuple[str, Mapping[str, Any], ProviderKey]]:
    """(where it stands, what it says, its key) of each target."""
    return [
        (at, target, key)
        for at, target in targets_of(dict(document))
        # else the store says so itself
        if (key := snapshot.provider_key(str(target.get("provider_key_id")))) is not None
    ]


def _dead(mappings: Mappings, document: Mapping[str, Any], snapshot: Snapshot) -> list[Complaint]:
    """Keys of its overlays with and without which every target does the same."""
    each = _each_target(mappings, document, snapshot)
    return dead_keys([use for one in each for use in overlays.uses(one)])


def notes(
    mappings: Mappings, kind: str, document: Mapping[str, Any], snapshot: Snapshot
) -> list[Complaint]:
    """What a document that nothing is wrong with says and may well mean."""
    if kind != "models":
        return []
    if not _has_overlay(document):
        return [*_passed_over(document, snapshot)]
    try:
        each = [*_each_target(mappings, document, snapshot)]
        return list(dict.fromkeys(note for one in each for note in overlays.noted(one)))
    except OperatorError:
        return []  # which `faults` tells


def _each_target(
    mappings: Mappings, document: Mapping[str, Any], snapshot: Snapshot
) -> Iterator[overlays.StoredTarget]:
    for at, target, key in _listed(document, snapshot):
        usable = _usable(mappings, document, target, key)[0]
        chosen = _chosen(document, target)
        yield overlays.StoredTarget(usable, document, dict(target), at, key.version, *chosen)


def _chosen(
    document: Mapping[str, Any], target: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Options and traits of a target."""
    options = {**(document.get("options") or {}), **(target.get("options") or {})}
    return options, tuple(target.get("traits", document.get("traits")) or ())


def _usable(
    mappings: Mappings, document: Mapping[str, Any], target: Mapping[str, Any], key: ProviderKey
) -> tuple[list[Tables], OperatorError | None]:
    """The mappings of a target, one for each caller dialect that has one; why not of another."""
    variant = target.get("mapping") or document.get("mapping")
    usable, missing = [], None
    for dialect in mappings.callers:
        try:
            usable.append(mappings.find(dialect, key.adapter, variant))
        except OperatorError as error:
            missing = error
    return usable, missing


def _target_faults(
    mappings: Mappings,
    document: Mapping[str, Any],
    target: Mapping[str, Any],
    at: str,
    key: ProviderKey,
    serving: set[str],
) -> list[Complaint]:
    variant = target.get("mapping") or document.get("mapping")
    options, traits = _chosen(document, target)
    usable, missing = _usable(mappings, document, target, key)
    if missing is not None and variant and not usable:
        return [Complaint("", f"{at}mapping", str(missing))]
    found = []
    # What one dialect's tables do not know another's may.
    for path, said, what, known in (
        ("options", options, "unknown option", {n for m in usable for n in m.known_options}),
        ("traits", traits, "no trait", {n for m in usable for n in m.known_traits}),
    ):
        for strange in [name for name in said if name not in known] if usable else ():
            found.append(Complaint("", at + path, f'{what} "{strange}"{near(strange, known)}'))
    if found:
        return found
    name = str(target.get("model_name", ""))
    for mapping in usable:
        try:
            mapping.effective(name, key.version, *mapping.own(options, traits))
        except OperatorError as error:
            return [Complaint("", at + (c.path or "options"), c.text) for c in error.complaints]
    own = dict(target), at, key.version, options, traits
    return overlays.faults(mappings, overlays.StoredTarget(usable, document, *own), serving)
