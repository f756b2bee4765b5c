"""Callers that go on and on, while something happens to the gateway: what each of them got."""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from types import TracebackType
from typing import Any

from tests.running import CALLER_KEY, Running

KEY = {"Authorization": f"Bearer {CALLER_KEY}", "Content-Type": "application/json"}


class Load:
    """Threads that call until the end of the block; half of them keep their connection."""

    def __init__(self, gateway: Running, threads: int = 4) -> None:
        self.port = gateway.proxy_port
        self.seen: Counter[str] = Counter()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(number % 2 == 0,)) for number in range(threads)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(20)

    def _run(self, keep: bool) -> None:
        connection: http.client.HTTPConnection | None = None
        number = 0
        while not self._stop.is_set():
            number += 1
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
                said = self._ask(connection, stream=number % 3 == 0)
                self.seen[said] += 1
                if not keep or connection.sock is None:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException) as error:
                self.seen[type(error).__name__] += 1
                connection = None
        if connection is not None:
            connection.close()

    def _ask(self, connection: http.client.HTTPConnection, stream: bool) -> str:
        body: dict[str, Any] = {"model": "claude-prod", "stream": stream}
        body["messages"] = [{"role": "user", "content": "Hi"}]
        connection.request("POST", "/v1/chat/completions", json.dumps(body), KEY)
        answer = connection.getresponse()
        data = answer.read()
        if answer.status != 200:
            return f"status {answer.status}"
        whole = data.rstrip().endswith(b"data: [DONE]") if stream else b'"choices"' in data
        return "good" if whole else "cut"
