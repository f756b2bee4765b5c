"""Coding agents and other programs, set up by `aisix use`: a plain answer, a stream, a tool round."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.short_list import check
from tests.running import Running

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("name", ["claude-code", "opencode", "aider", "llm"])
def test_a_program_does_what_its_user_asks(name: str, gateway: Running, tmp_path: Path) -> None:
    check(name, gateway, tmp_path)


def test_codex_does_what_its_user_asks(gateway: Running, tmp_path: Path) -> None:
    check("codex", gateway, tmp_path)
