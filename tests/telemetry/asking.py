"""One user turn with a trace, and its access line."""

from __future__ import annotations

from typing import Any

from tests.running import Running

MODELS = {"claude-prod": {"model_name": "claude-opus-5-5"}}
PARENT = f"00-{'ab' * 16}-{'cd' * 8}-01"


def told(gateway: Running, text: str = "Hi", **headers: str) -> dict[str, Any]:
    """The access line of one user turn."""
    words = [{"role": "user", "content": text}]
    return gateway.line(gateway.call({"model": "claude-prod", "messages": words}, **headers))
