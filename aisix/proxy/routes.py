"""From an alias to everything an attempt upstream needs, settled once per configuration.

A `Route` is made from the stored model, its provider key and the effective tables, and kept until
one of them changes. The secret is in `lines`, which no repr shows.

Must never know: a wire name, a socket.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from aisix import __version__
from aisix.errors import CallerError, OperatorError
from aisix.mapping.loader import Effective, Mappings
from aisix.settings import Settings
from aisix.store.resources import Model, ProviderKey
from aisix.store.snapshot import Snapshot
from aisix.upstream.request import Cap, Timeouts, Tls

MOST = 4096  # routes kept; wildcards make as many aliases as callers think of


@dataclass(frozen=True, slots=True)
class Route:
    """One alias of one caller dialect, ready to be called."""

    alias: str
    model: Model
    provider_key_id: str
    tables: Effective
    tag: str  # "openai-chat/anthropic-messages@3f9c1a20"
    base: str  # URL without the path
    lines: tuple[str, ...] = field(repr=False)  # header lines that are the same each time
    plain: Timeouts
    streamed: Timeouts
    retries: int
    tls: Tls
    cap: Cap


class Routes:
    """The routes of one snapshot and one set of tables."""

    def __init__(self, settings: Settings, snapshot: Snapshot, mappings: Mappings) -> None:
        self.snapshot = snapshot
        self.mappings = mappings
        self._settings = settings
        self._routes: dict[tuple[str, str], Route] = {}

    def find(self, dialect: str, alias: str) -> Route:
        """The route; CallerError when there is no such alias, OperatorError when it cannot work."""
        route = self._routes.get((dialect, alias))
        if route is None:
            model = self.snapshot.model(alias)
            if model is None:
                raise CallerError("no_such_model", None, alias=alias)
            if len(self._routes) >= MOST:
                self._routes.clear()
            route = self._routes[dialect, alias] = self._make(dialect, model)
        return route

    def _make(self, dialect: str, model: Model) -> Route:
        key = self.snapshot.provider_key(model.provider_key_id)
        if key is None:
            raise OperatorError(f"model {model.display_name}: its provider key is gone")
        mapping = self.mappings.find(dialect, key.adapter, model.mapping)
        tables = mapping.effective(model.model_name, key.version, dict(model.options), model.traits)
        upstream = self._settings.upstream
        whole = upstream.timeout_ms if model.timeout is None else model.timeout
        gap = upstream.stream_timeout_ms if model.stream_timeout is None else model.stream_timeout
        connect = upstream.connect_timeout_ms
        return Route(
            alias=model.display_name,
            model=model,
            provider_key_id=key.id,
            tables=tables,
            tag=f"{tables.name}@{tables.digest[:8]}",
            base=base_url(tables, key),
            lines=_lines(tables, key),
            plain=Timeouts(connect, whole, 0, whole),
            streamed=Timeouts(connect, gap, gap, 0),
            retries=upstream.retries if model.retries is None else model.retries,
            tls=Tls(key.tls.ca_file, key.tls.verify, key.tls.client_cert, key.tls.client_key),
            cap=Cap(upstream.response_body_limit_bytes, "upstream.response_body_limit_bytes"),
        )


def base_url(tables: Effective, key: ProviderKey) -> str:
    """The scheme, host and path prefix; endings a person pastes along are taken away."""
    base = (key.api_base or str(tables.upstream["api_base"])).rstrip("/")
    for ending in tables.upstream.get("strip", ()):
        if base.endswith(ending):
            return base[: -len(ending)].rstrip("/")
    return base


def _lines(tables: Effective, key: ProviderKey) -> tuple[str, ...]:
    auth: dict[str, str] = tables.upstream.get("auth", {})
    named = {
        "user-agent": f"aisix/{__version__}",
        **{name: text.replace("{secret}", key.secret) for name, text in auth.items()},
        **{name.lower(): value for name, value in key.headers},
    }
    return tuple(f"{name}: {value}" for name, value in named.items())
