"""What the status pages say, put together of the parts of a worker.

    pages_of(gateway, settings)    /status/*, beside the metrics
    board_of(gateway, settings)    how the models do, for the admin API
    moved_in(gateway, settings)    what of the original's form does nothing here

Must never know: HTTP.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec

from aisix.admin.health import HealthBoard
from aisix.config.original import ORIGINAL
from aisix.config.settings import Settings
from aisix.listener.probes import live, ready
from aisix.proxy.gateway import Gateway
from aisix.proxy.model_status import health_of, model_rows
from aisix.telemetry.status_pages import StatusPages

_json = msgspec.json.encode


def pages_of(gateway: Gateway, settings: Settings) -> StatusPages:
    """/status/config, /status/ready, /status/models."""
    store = gateway.store
    return StatusPages(
        config=lambda: _json(store.config_state().shown(time.time(), settings.said)),
        ready=lambda: store.unready is None,
        models=lambda: _json(model_rows(gateway)),
    )


def board_of(gateway: Gateway, settings: Settings) -> HealthBoard:
    """In the original's form it also lives and is ready in its words."""
    theirs = settings.names == ORIGINAL

    def is_ready(verbose: bool) -> tuple[int, bytes]:
        return ready(gateway.draining, gateway.store.unready is None, verbose)

    return HealthBoard(
        models=lambda: _json(model_rows(gateway)),
        health=lambda: health_of(gateway),
        live=(lambda verbose: live(gateway.draining, verbose)) if theirs else None,
        ready=is_ready if theirs else None,
    )


def moved_in(gateway: Gateway, settings: Settings) -> dict[str, Any]:
    """What is set and stored in the original's form and does nothing here, or something else; what
    would restrict and is not enforced is `trouble`."""
    found = gateway.store.config_state()
    told = found.moved_in(settings.said)
    if found.record.unguarded:
        told["trouble"] = "; ".join(found.record.unguarded)
    return told
