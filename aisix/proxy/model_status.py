"""How every stored model does, as the original AISIX tells it.

    model_rows(gateway)      [{"id", "display_name", "kind": "direct", "status": "healthy"}, ...]
    health_of(gateway)       {"status": "ok", "models": [{"id", "name", "health": 0}], "config": {}}

Must never know: how that is found out.
"""

from __future__ import annotations

from typing import Any

from aisix.config.original import ORIGINAL
from aisix.proxy.gateway import Gateway
from aisix.store.resources import Model
from aisix.store.snapshot import Snapshot

DIRECT, GROUP = "direct", "routing"
NOT_APPLICABLE = "not_applicable"
DEGRADED_FAILURES, DOWN_FAILURES = 4, 8  # in a row
STALE_SECS = 300.0  # a configuration that has not been proved for so long is a trouble
OK, DEGRADED, UNHEALTHY = "ok", "degraded", "unhealthy"


def model_rows(gateway: Gateway) -> list[dict[str, Any]]:
    """In the order they were stored. Of aliases of our own shape, `our_targets` say more: what this
    worker has found, told in our own form alone."""
    balancers = gateway.balancers()
    ours = gateway.settings.names != ORIGINAL
    breakers = gateway.targets() if ours else {}
    rows = []
    for entry in balancers.snapshot.entries("models"):
        model = entry.resource
        assert isinstance(model, Model)
        state = balancers.state(entry.id)
        single = model.group is None
        row: dict[str, Any] = {
            "id": entry.id,
            "display_name": model.display_name,
            "kind": DIRECT if single else GROUP,
            "status": NOT_APPLICABLE if state is None else state.status,
        }
        if state is not None:
            more = {
                "cooldown_until": _moment(state.cooldown_until),
                "last_checked_at": _moment(state.last_checked_at),
                "last_check_status": state.last_check_status,
                "status_reason": state.status_reason,
            }
            row |= {name: value for name, value in more.items() if value is not None}
        if ours and model.targets:
            names = _target_names(balancers.snapshot, model)
            row["our_targets"] = {name: breakers[name] for name in names if name in breakers}
        rows.append(row)
    return rows


def _target_names(snapshot: Snapshot, model: Model) -> list[str]:
    """As their circuit breakers are called."""
    keys = ((snapshot.provider_key(one.provider_key_id), one) for one in model.targets)
    return [f"{key.display_name}/{one.model_name}" for key, one in keys if key is not None]


def _moment(at: float | None) -> dict[str, int] | None:
    """Unix seconds as the original writes them."""
    if at is None:
        return None
    whole = int(at)
    return {"secs_since_epoch": whole, "nanos_since_epoch": int((at - whole) * 1e9)}


def health_of(gateway: Gateway) -> dict[str, Any]:
    """Of all models and of the configuration. A resources file has no age: it is read when somebody
    says so."""
    balancers, store = gateway.balancers(), gateway.store
    models = []
    for entry in balancers.snapshot.entries("models"):
        state = balancers.state(entry.id)
        failures = 0 if state is None else state.failures
        level = (failures >= DEGRADED_FAILURES) + (failures >= DOWN_FAILURES)
        name = entry.document["display_name"]
        models.append({"id": entry.id, "name": name, "health": level})
    found: dict[str, Any] = {"status": OK, "models": models}
    fresh = True
    if gateway.settings.resources_file is None:
        age = store.age
        fresh = age is not None and age <= STALE_SECS
        found["config"] = {
            "snapshot_revision": balancers.snapshot.revision,
            "snapshot_age_seconds": None if age is None else int(age),
        }
    worst = max((one["health"] for one in models), default=0)
    if worst == 2:
        found["status"] = UNHEALTHY
    elif worst or not fresh:
        found["status"] = DEGRADED
    return found
