"""POST /v1/chat/completions of the stand-in: what `chat.py` says, on a socket."""

from __future__ import annotations

import json
from typing import Any

from aisix.standin import chat
from aisix.standin.answers import WORD
from aisix.standin.handler import Received, StandinHandler


class StandinChatHandler(StandinHandler):
    async def post(self) -> None:
        headers = {name.lower(): value for name, value in self.request.headers.get_all()}
        try:
            body: Any = json.loads(self.request.body)
        except ValueError:
            body = None
        self.standin.received.append(Received(self.request.path, headers, body))
        self.clear_header("Request-Id")
        self.clear_header("Anthropic-Organization-Id")
        self.set_header("X-Request-Id", f"req_standin{self.number:08d}")
        self.set_header("Openai-Organization", "org-standin")
        scripted = self.standin.next_script()
        if scripted is not None:
            await self.as_scripted(scripted)
            return
        if not headers.get("authorization", "").startswith("Bearer "):
            self._refuse(401, "You didn't provide an API key.", None, None)
            return
        try:
            if self.standin.check:
                chat.check(body)
        except chat.Wrong as wrong:
            message, param, code = wrong.args
            self._refuse(400, message, param, code)
            return
        await self._answer(body)

    async def _answer(self, body: dict[str, Any]) -> None:
        words = WORD.findall(chat.last_text(body))
        for word in words:
            head, _, number = word.rpartition("-")
            if head == "retry-after":
                self.set_header("Retry-After", number)
        for word in words:
            if word.startswith("status-"):
                code = "rate_limit_exceeded" if word == "status-429" else None
                self._refuse(int(word[7:]), "The stand-in was asked for this error.", None, code)
                return
        whole = chat.answer(body, self.number)
        if not body.get("stream"):
            self.set_header("Content-Type", "application/json")
            self.finish(json.dumps(whole))
            return

        async def paced() -> None:
            await chat.pause(words, "slow")

        await self.stream(chat.frames(whole, body), paced)

    def _refuse(self, status: int, message: str, param: str | None, code: str | None) -> None:
        self.set_status(status, "Refused")
        self.set_header("Content-Type", "application/json")
        kind = chat.TYPES.get(status, "server_error")
        self.finish(json.dumps(chat.error(message, kind, param, code)))
