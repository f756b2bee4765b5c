"""The balancer of each alias, over one snapshot and one set of tables, made when it is asked for.

Must never know: what a target leads to, HTTP.
"""

from __future__ import annotations

from dataclasses import replace

from aisix.config.settings import Settings
from aisix.errors import OperatorError
from aisix.mapping.mappings import Mappings
from aisix.routing.balancer import Balancer
from aisix.routing.circuit_breaker import CircuitBreaker, CircuitBreakers
from aisix.routing.groups import GroupBalancer, Member, price
from aisix.routing.known_models import known_models
from aisix.routing.overlays import LastGood
from aisix.routing.target import Target, make_targets
from aisix.store.resources import NO_LIMIT, AliasGroup, ApiKey, Model
from aisix.store.snapshot import Snapshot

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
    ) -> None:
        self.snapshot = snapshot
        self.mappings = mappings
        self.breakers = breakers
        self.last_good = last_good or LastGood()
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
        return make_targets(*given, self.last_good)

    def _group(self, dialect: str, model: Model, group: AliasGroup) -> GroupBalancer:
        """Those of its aliases that can be asked; OperatorError when none can."""
        members, skipped = [], {}
        for rule in group.targets:
            other = self.snapshot.named_model(rule.model)
            why = _unfit(other)
            if other is None or why:
                skipped[rule.model] = why
                continue
            try:
                [target] = self._targets(dialect, _within(model, group, other))
            except OperatorError as error:
                skipped[rule.model] = str(error)
                continue
            # Limits and name are the group's, as for any alias.
            whole = replace(model, strict=other.strict, cost=other.cost)
            mine = replace(target, alias=model.display_name, model=whole)
            cost = price(other.cost.input_per_1k, other.cost.output_per_1k)
            members.append(Member(rule, mine, cost))
        if not members:
            why = "; ".join(f"{name}: {text}" for name, text in skipped.items())
            raise OperatorError(f"group {model.display_name}: no target can be asked: {why}")
        return GroupBalancer(group, members, skipped)

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
        """How the targets do of all aliases that have several, for a status page."""
        known = [one for one in self._found.values() if isinstance(one, Balancer)]
        several = (balancer for balancer in known if balancer.only is None)
        found = {id(t.breaker): t.breaker for balancer in several for t in balancer.targets}
        return list(found.values())


def _narrowed(whole: Balancer, found: dict[int, Target]) -> Balancer | None:
    """The same balancer over some of its targets, by their places; None: over none."""
    if not found:
        return None
    if isinstance(whole, GroupBalancer):
        return whole.of(found)
    targets = [*found.values()]
    return Balancer(targets, targets[0].model.routing if targets[0].model.targets else None)


def _unfit(other: Model | None) -> str:
    """Why a group cannot ask an alias; "": it can."""
    if other is None:
        return "there is no such alias"
    if other.group is not None:
        return "is a group itself"
    if other.targets:
        return "has several upstream models"
    if other.rate_limit != NO_LIMIT:
        return "has a rate limit of its own, which does not hold within a group yet"
    return ""


def _within(model: Model, group: AliasGroup, other: Model) -> Model:
    """An alias as its group asks it: what it does not say, the group does."""
    return replace(
        other,
        timeout=model.timeout if other.timeout is None else other.timeout,
        stream_timeout=model.stream_timeout
        if other.stream_timeout is None
        else other.stream_timeout,
        retries=group.retries if other.retries is None else other.retries,
    )


def _afresh(error: OperatorError) -> OperatorError:
    """The same without where it was raised, which would hold on to a request."""
    return type(error)(error.complaints)
