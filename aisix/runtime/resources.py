"""The store the settings name: SQLite, a file, or an etcd.

Must never know: who reads it.
"""

from __future__ import annotations

from aisix.config.declared import REFUSE
from aisix.config.settings import Settings
from aisix.store.base import Store
from aisix.store.opening import open_store
from aisix.store.secrets import Keyring


def store_of(settings: Settings, init: bool = False) -> Store:
    """The store the settings name; each process opens its own. init: also where one was lost."""
    place = None
    if settings.etcd.endpoints:
        from aisix.runtime.cluster import place_of  # who has no etcd loads nothing of it

        place = place_of(settings)
    return open_store(
        settings.data_dir,
        settings.encryption_key,
        resources_file=settings.resources_file,
        environ=settings.environ,
        init=init,
        etcd=place,
        refuse=settings.not_served == REFUSE,
    )


def store_of_command(settings: Settings) -> Store:
    """The same without a running gateway: of an etcd, all is read now. Raises OperatorError."""
    if not settings.etcd.endpoints:
        return store_of(settings)
    from aisix.runtime.cluster import place_of
    from aisix.store.etcd.store import EtcdStore

    place = place_of(settings)
    keyring = Keyring.open(settings.data_dir, settings.encryption_key, place.key_file)
    return EtcdStore.direct(keyring, place)
