"""POST /v1/messages/count_tokens of the stand-in: as strict as the real one about fields.

Words in the last user text: status-N, garbage, first-N (ms before the answer).
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aisix.standin import answers
from aisix.standin.handler import Received, StandinHandler
from aisix.standin.rules import VERSIONS, complaints

FIELDS = """
model messages system tools tool_choice thinking output_config output_format cache_control
context_management compaction billing_policy mcp_servers speed user_profile_id workspace_id
"""
LARGE_ENOUGH = 64_000  # what `max_tokens` would be: a count has none


class StandinCountHandler(StandinHandler):
    async def post(self) -> None:
        headers = {name.lower(): value for name, value in self.request.headers.get_all()}
        try:
            body: Any = json.loads(self.request.body)
        except ValueError:
            body = None
        self.standin.counted.append(Received(self.request.path, headers, body))
        if not headers.get("x-api-key") and not headers.get("authorization"):
            self.refuse(401, "x-api-key header is required")
        elif headers.get("anthropic-version", "") not in VERSIONS:
            self.refuse(400, "anthropic-version: header is required")
        elif not isinstance(body, dict):
            self.refuse(400, "The request body is not valid JSON")
        elif self.standin.check and (wrong := self._wrong(headers, body)):
            self.refuse(404 if wrong.startswith("model: ") else 400, wrong)
        else:
            await self._answer(body)

    def _wrong(self, headers: dict[str, str], body: dict[str, Any]) -> str:
        for name in body.keys() - {*FIELDS.split()}:
            return f"{name}: Extra inputs are not permitted"
        betas = frozenset(filter(None, headers.get("anthropic-beta", "").split(",")))
        whole = {**body, "max_tokens": LARGE_ENOUGH}
        found = complaints(whole, version=headers["anthropic-version"], betas=betas)
        return next((one for one in found if not one.startswith("max_tokens")), "")

    async def _answer(self, body: dict[str, Any]) -> None:
        for word in answers.words_of(body):
            name, _, number = word.rpartition("-")
            if name == "first" and number.isdigit():
                await asyncio.sleep(int(number) / 1000)
            elif name == "status" and number.isdigit():
                self.refuse(int(number), "The stand-in was asked for this error.")
                return
            elif word == "garbage":
                self.finish(b"\xff\xfe not json {")
                return
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps({"input_tokens": counted(body)}))


def counted(body: dict[str, Any]) -> int:
    """What the stand-in counts: no estimate of the gateway's comes to the same."""
    return 100_000 + len(json.dumps(body.get("messages")))
