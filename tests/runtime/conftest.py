"""A stand-in of its own: the loads of these tests would wash away what others look for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aisix.standin.server import Standin


@pytest.fixture(scope="package")
def standin() -> Iterator[Standin]:
    upstream = Standin().start()
    yield upstream
    upstream.stop()
