"""One Redis for all tests of limits that end nothing; each takes an env of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.servers import Redis


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    with Redis(tmp_path_factory.mktemp("limits")) as server:
        yield server
