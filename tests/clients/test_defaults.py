"""Libraries as they are out of the box, with two settings in the environment and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.short_list import check
from tests.running import Running

pytestmark = pytest.mark.timeout(300)


def test_the_anthropic_sdk_of_node(gateway: Running, tmp_path: Path) -> None:
    check("anthropic-node", gateway, tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "openai-agents",
        "ai-sdk",
        "pydantic-ai",
        "langchain-responses",
        "openai-python-responses",
        "openai-node-responses",
    ],
)
def test_a_library_over_responses(name: str, gateway: Running, tmp_path: Path) -> None:
    check(name, gateway, tmp_path)
