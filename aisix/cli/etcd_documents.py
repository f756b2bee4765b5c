"""What stands in an etcd, read by a command itself: no gateway, nothing is written.

Must never know: what a document means.
"""

from __future__ import annotations

import dataclasses

from aisix.config.settings import Settings
from aisix.errors import OperatorError
from aisix.store.etcd.client import Access, EtcdClient
from aisix.store.etcd.layout import Layout
from aisix.store.etcd.wire import EtcdError, KeyValue

PREFIX = "/aisix"  # the original's


def found_in_etcd(
    etcd: str | None, prefix: str | None, settings: Settings | None
) -> tuple[Layout, list[KeyValue]]:
    """Every key below the prefix. etcd: `URL[,URL]`; what is not given is that of the settings.

    Raises OperatorError where none answers.
    """
    layout, access = Layout(prefix or PREFIX), None
    if settings is not None and settings.etcd.endpoints:
        from aisix.runtime.cluster import place_of

        place = place_of(settings)
        access = place.access
        layout = Layout(prefix or place.prefix, place.env_id)
    if etcd is not None:
        given = tuple(one.strip().rstrip("/") for one in etcd.split(",") if one.strip())
        if not given or not all(one.startswith(("http://", "https://")) for one in given):
            raise OperatorError("--etcd: expected http://HOST:PORT, several with commas between")
        access = dataclasses.replace(access, endpoints=given) if access else Access(given)
    if access is None:
        raise OperatorError("no etcd: give --etcd URL, or --config FILE that names one")
    client = EtcdClient(access)
    try:
        pages = client.pages(layout.documents, layout.documents_end)
        return layout, [kv for page in pages for kv in page.kvs]
    except EtcdError as error:
        raise OperatorError(f"etcd: {error}") from None
    finally:
        client.close()
