"""What a worker's requests go upstream with, made of the settings.

Must never know: a request.
"""

from __future__ import annotations

from collections.abc import Iterator

from aisix.config.settings import Settings
from aisix.routing.trust import trusted, trusted_files
from aisix.store.base import Store
from aisix.upstream.ca_rotation import RotatingDriver
from aisix.upstream.curl import Driver


def drivers_of(settings: Settings, store: Store, most: int) -> RotatingDriver:
    """`most`: connections it may have at one time. OperatorError: whom to trust cannot be kept."""
    upstream = settings.upstream
    keepalive = (
        upstream.tcp_keepalive_secs,
        upstream.tcp_keepalive_interval_secs,
        upstream.tcp_keepalive_retries,
    )

    def make() -> Driver:
        return Driver(
            max_connections=most,
            max_per_host=min(most, upstream.max_connections_per_host),
            idle_secs=upstream.idle_secs,
            keepalive=keepalive,
            ca_file=trusted(settings),
            any_address=upstream.allow_link_local,
        )

    def files() -> Iterator[str]:
        yield from trusted_files(settings)
        for entry in store.current().entries("provider_keys"):
            tls = entry.document.get("tls", {})
            yield from (path for path in tls.values() if str(path).startswith("/"))

    return RotatingDriver(make, files)
