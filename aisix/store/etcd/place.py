"""Which etcd it is, where in it, and what of it is kept here.

    EtcdPlace(Access(endpoints), "/aisix", node_id="node-a").words

Must never know: a call, the settings.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from aisix.store.etcd.client import Access
from aisix.store.etcd.layout import Layout


@dataclass(frozen=True, slots=True)
class EtcdPlace:
    """Where in which etcd, and who we are. plain: secrets are written in clear; copy_path: where
    the local copy is kept, without its endings; None: in the data directory. refuse: documents that
    restrict, and are not enforced here, are at fault."""

    access: Access = field(repr=False)
    prefix: str = "/aisix"
    env_id: str | None = None
    node_id: str = ""
    plain: bool = False
    read_only: bool = False
    copy_path: Path | None = None
    refuse: bool = False

    @property
    def copy_file(self) -> Path | None:
        """The database of the copy, where that is not in the data directory."""
        return self._beside(".db")

    @property
    def key_file(self) -> Path | None:
        """Its key, where none is given."""
        return self._beside(".key")

    def _beside(self, ending: str) -> Path | None:
        return (
            None
            if self.copy_path is None
            else self.copy_path.with_name(self.copy_path.name + ending)
        )

    @property
    def layout(self) -> Layout:
        return Layout(self.prefix, self.env_id)

    @property
    def words(self) -> str:
        """For a message or a status."""
        below = f"/{self.env_id}" if self.env_id else ""
        return f"etcd {', '.join(self.access.endpoints)} {self.prefix.rstrip('/')}{below}/"
