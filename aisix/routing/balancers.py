"""The balancer of each alias, over one snapshot and one set of tables, made when it is asked for.

Must never know: what a target leads to, HTTP.
"""

from __future__ import annotations

from dataclasses import replace

from aisix.config.settings import Settings
from aisix.errors import OperatorError
from aisix.mapping.mappings import Mappings, NoMapping
from aisix.routing.balancer import Balancer
from aisix.routing.circuit_breaker import CircuitBreaker, CircuitBreakers
from aisix.routing.groups import GroupBalancer, Member, price, unfit_member
from aisix.routing.known_models import known_models
from aisix.routing.model_health import ModelCells, ModelHealth, ModelState
from aisix.routing.overlays import LastGood
from aisix.routing.target import Target, make_targets
from aisix.store.resources import AliasGroup, ApiKey, BackgroundCheck, Model
from aisix.store.snapshot import Snapshot

ALONE = 1024  # models known of where no workers share that
MOST = 4096  # aliases kept; wildcards make as many as callers think of


class Balancers:
    """The balancer of each alias, over one snapshot and one set of tables."""

    def __init__(
        self,
        settings: Settings,
        snapshot: Snapshot,
        mappings: Mappings,
        breakers: CircuitBreakers,
        last_good: LastGood | None = None,
        health: ModelHealth | None = None,
    ) -> None:
        self.snapshot = snapshot
        self.mappings = mappings
        self.breakers = breakers
        self.last_good = last_good or LastGood()
        self.health = health or ModelHealth(rows=ALONE)
        self._cells: dict[str, ModelCells] = {}  # by a model's id
        self._listed: set[str] | None = None  # aliases that are in a group
        self._checked: list[tuple[Model, BackgroundCheck]] | None = None  # when somebody asks
        self._settings = settings
        # What does not work either is found out once: its tables are read for nothing.
        self._known: list[Model] | None = None  # looked for when somebody asks
        self._found: dict[tuple[str, str], Balancer | OperatorError] = {}
        self._passing: dict[tuple[str, str, str], Balancer | None] = {}

    def find(self, dialect: str, alias: str) -> Balancer | None:
        """None when there is no such alias, OperatorError when it cannot work."""
        found = self._found.get((dialect, alias))
        if found is None:
            model = self.snapshot.model(alias)
            if model is None:
                return None
            if len(self._found) >= MOST:
                self._found.clear()
            found = self._found[dialect, alias] = self._made(dialect, model)
        if isinstance(found, OperatorError):
            raise _afresh(found)
        return found

    def passing(self, dialect: str, alias: str, name: str) -> Balancer | None:
        """Those of its targets that take requests of [pass.NAME] as they are; None when none does,
        or there is no such alias. OperatorError as `find`."""
        whole = self.find(dialect, alias)
        place = dialect, alias, name
        if place not in self._passing:
            if len(self._passing) >= MOST:
                self._passing.clear()
            told = enumerate(whole.targets) if whole is not None else ()
            found = {n: replace(t, url=t.pass_urls[name]) for n, t in told if name in t.pass_urls}
            self._passing[place] = _narrowed(whole, found) if whole is not None else None
        return self._passing[place]

    def _made(self, dialect: str, model: Model) -> Balancer | OperatorError:
        try:
            if model.group is not None:
                return self._group(dialect, model, model.group)
            targets = self._targets(dialect, model)
        except OperatorError as error:
            return _afresh(error)
        return Balancer(targets, model.routing if model.targets else None)

    def _targets(self, dialect: str, model: Model) -> list[Target]:
        given = dialect, model, self.snapshot, self.mappings, self._settings, self.breakers
        targets = make_targets(*given, self.last_good)
        if model.targets:
            return targets
        return [replace(one, cells=self.cells_of(model.id)) for one in targets]

    def state(self, model_id: str) -> ModelState | None:
        """How a model with one upstream model does; None: there is no such model."""
        entry = self.snapshot.entry("models", model_id)
        model = entry.resource if entry is not None else None
        if not isinstance(model, Model) or model.group is not None or model.targets:
            return None
        return self.cells_of(model_id).state()

    def checked(self) -> list[tuple[Model, BackgroundCheck]]:
        """The models that are to be asked in the background; not those of which a caller's alias
        says which one it is."""
        if self._checked is None:
            models = [entry.resource for entry in self.snapshot.entries("models")]
            self._checked = [
                (one, one.background_model_check)
                for one in models
                if isinstance(one, Model)
                and one.background_model_check is not None
                and one.background_model_check.enabled
                and not one.targets
                and "*" not in one.model_name
            ]
        return self._checked

    def cells_of(self, model_id: str) -> ModelCells:
        """Of a model that is stored and leads to one upstream model."""
        cells = self._cells.get(model_id)
        if cells is None:
            entry = self.snapshot.entry("models", model_id)
            assert entry is not None and isinstance(entry.resource, Model)
            model, listed = entry.resource, self._in_groups()
            key = self.snapshot.provider_key(model.provider_key_id)
            said = key and repr((replace(key, created_at=0), key.secret, key.headers))
            watched = model.display_name in listed
            cells = self._cells[model_id] = self.health.of(model, said or "", watched)
        return cells

    def _in_groups(self) -> set[str]:
        if self._listed is None:
            models = [entry.resource for entry in self.snapshot.entries("models")]
            groups = [one.group for one in models if isinstance(one, Model) and one.group]
            self._listed = {rule.model for group in groups for rule in group.targets}
        return self._listed

    def _group(self, dialect: str, model: Model, group: AliasGroup) -> GroupBalancer:
        """Those of its aliases that can be asked; OperatorError when none can."""
        members, skipped, errors = [], {}, []
        for rule in group.targets:
            other = self.snapshot.named_model(rule.model)
            why = unfit_member(other)
            if other is None or why:
                skipped[rule.model] = why
                continue
            try:
                [target] = self._targets(dialect, _within(model, group, other))
            except OperatorError as error:
                skipped[rule.model] = str(error)
                errors.append(error)
                continue
            # Name and limit at the entry are the group's, as for any alias.
            whole = replace(model, strict=other.strict, cost=other.cost)
            waits = bool(target.stream_timeouts.idle_ms) and _own_silence(model, other) is not None
            cells = self.cells_of(other.id)
            mine = replace(
                target, alias=model.display_name, model=whole, member=other, head_waits=waits
            )
            cost = price(other.cost.input_per_1k, other.cost.output_per_1k)
            members.append(Member(rule, mine, cells, cost, other.allowed_cidrs))
        if not members:
            if len(errors) == len(skipped) and all(type(one) is NoMapping for one in errors):
                raise errors[0]  # another dialect may have one
            why = "; ".join(f"{name}: {text}" for name, text in skipped.items())
            raise OperatorError(f"group {model.display_name}: no target can be asked: {why}")
        return GroupBalancer(model.id, group, members, skipped, self.health)

    def models_for(self, api_key: ApiKey) -> list[Model]:
        """What the key may call, by name: aliases, names it lists that a wildcard answers to, and
        of wildcards the models that the tables know."""
        if self._known is None:
            self._known = known_models(self.snapshot, self.mappings)
        found = {model.display_name: model for model in self.snapshot.models_for(api_key)}
        for model in self._known:
            if model.display_name not in found and api_key.may_use(model.display_name):
                found[model.display_name] = model
        return [found[name] for name in sorted(found)]

    def in_use(self) -> list[CircuitBreaker]:
        """How the targets do of all aliases that list several, for a status page; how those of a
        group do, `state` says."""
        found = self._found.values()
        known = [b for b in found if isinstance(b, Balancer) and not isinstance(b, GroupBalancer)]
        several = (balancer for balancer in known if balancer.only is None)
        breakers = {id(t.breaker): t.breaker for balancer in several for t in balancer.targets}
        return list(breakers.values())


def _narrowed(whole: Balancer, found: dict[int, Target]) -> Balancer | None:
    """The same balancer over some of its targets, by their places; None: over none."""
    if not found:
        return None
    if isinstance(whole, GroupBalancer):
        return whole.of(found)
    targets = [*found.values()]
    return Balancer(targets, targets[0].model.routing if targets[0].model.targets else None)


def _within(model: Model, group: AliasGroup, other: Model) -> Model:
    """An alias as its group asks it: what it does not say, the group does."""
    return replace(
        other,
        timeout=_own_timeout(model, other),
        stream_timeout=_own_silence(model, other),
        retries=group.retries if other.retries is None else other.retries,
    )


def _own_timeout(model: Model, other: Model) -> int | None:
    return model.timeout if other.timeout is None else other.timeout


def _own_silence(model: Model, other: Model) -> int | None:
    """How long a stream may be silent, ms: as the alias says, else its group, else the time either
    of them gives a whole answer; 0: no limit, None: the settings'.

    Who moved in without a word of streams has its `timeout` in both fields, which says no more.
    """
    for one in (other, model):
        if one.stream_timeout and one.stream_timeout != one.timeout:
            return one.stream_timeout
    return _own_timeout(model, other)


def _afresh(error: OperatorError) -> OperatorError:
    """The same without where it was raised, which would hold on to a request."""
    return type(error)(error.complaints)
