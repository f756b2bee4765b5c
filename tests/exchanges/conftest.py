"""What several exchanges share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rough import Rough


@pytest.fixture(scope="module")
def upstream() -> Iterator[Rough]:
    """A server that says byte for byte what it is told to."""
    with Rough() as peer:
        yield peer
