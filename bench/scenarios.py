"""What is asked: bodies, connections, and what a right answer holds. Shared by every opponent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from bench.translate import tools
from bench.upstream import TOKEN

ALIAS = "claude-sonnet-4-6"  # the same word for alias and model: some peers know no aliases
WORDS = "Some words of an answer. "


@dataclass(frozen=True, slots=True)
class Scenario:
    """`count` times `expect` is a right answer; `per` says what a CPU figure is divided by."""

    name: str
    kind: str  # what bench.upstream is told
    connections: int
    expect: str = WORDS
    count: int = 12
    size: str = "small"
    per: str = "request"
    seconds: float = 1.0  # relative to the run's own

    def body(self, model: str) -> dict[str, Any]:
        text = f"bench:{self.kind} "
        body: dict[str, Any] = {"model": model, "max_tokens": 100}
        if self.size == "40 KB":
            past = [
                {"role": ("user", "assistant")[n % 2], "content": f"Turn {n}. " + "words " * 160}
                for n in range(40)
            ]
            body["messages"] = [*past, {"role": "user", "content": text}]
        else:
            system = {"role": "system", "content": "You are a helpful assistant. Be brief."}
            body["messages"] = [system, {"role": "user", "content": text + "Hello there. " * 6}]
        if self.size == "tools":
            body["tools"] = tools(5)
        if self.expect == TOKEN:
            body["stream"] = True
            if "tools" in self.kind:
                body["tools"] = tools(2)
        return body

    def spec(self, model: str, seconds: float) -> dict[str, Any]:
        return {
            "body": json.dumps(self.body(model), separators=(",", ":")),
            "connections": self.connections,
            "seconds": seconds * self.seconds,
            "expect": self.expect,
            "count": self.count,
        }


def stream(
    name: str, kind: str, connections: int, seconds: float = 1.0, per: str = "chunk"
) -> Scenario:
    count = int(kind.split("-")[1])
    return Scenario(name, kind, connections, TOKEN, count, per=per, seconds=seconds)


SCENARIOS = (
    Scenario("JSON small, 1", "json", 1),
    Scenario("JSON small, 16", "json", 16),
    Scenario("JSON small, 64", "json", 64),
    Scenario("JSON small, 256", "json", 256),
    Scenario("JSON tools, 1", "json", 1, size="tools"),
    Scenario("JSON tools, 16", "json", 16, size="tools"),
    Scenario("JSON 40 KB, 16", "json", 16, size="40 KB"),
    stream("burst, 16", "burst-1000-100", 16),
    stream("burst of a tool call, 16", "tools-1000-100", 16),
    stream("paced, 64", "paced-60-25", 64, 1.5),
    stream("first chunk, 1", "burst-1-1", 1, per="request"),
)
