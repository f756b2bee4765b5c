"""What the tables cost: `make bench-core` (python -m bench.translate [--json FILE]).

Each figure is the median over rounds on one core, side by side with the same translation written by
hand (by_hand.py) and, for the request, with the standard library's JSON parse and dump of the same
bodies. Rounds are interleaved, so that a noisy neighbour hits all of them alike.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from tabulate import tabulate

from aisix.mapping.exchange import Exchange, Target
from aisix.mapping.loader import load_mappings
from bench import by_hand

ROOT = Path(__file__).resolve().parent.parent
MODEL, CAP, NOW = "claude-sonnet-4-6", 128000, 1795000000
ROUNDS = 25


def tools(count: int) -> list[Any]:
    properties = {
        "city": {"type": "string", "description": "the city to look at"},
        "unit": {"type": "string", "enum": ["C", "F"]},
        "days": {"type": "integer"},
    }
    schema = {"type": "object", "properties": properties, "required": ["city"]}
    return [
        {
            "type": "function",
            "function": {
                "name": f"tool_{n}",
                "description": f"Does thing {n}.",
                "parameters": schema,
            },
        }
        for n in range(count)
    ]


def conversation() -> list[Any]:
    """Twenty messages: a system prompt, four rounds of a tool loop, and a last exchange."""
    out: list[Any] = [{"role": "system", "content": "You are a helpful assistant. Be brief."}]
    for n in range(4):
        function = {"name": "tool_1", "arguments": '{"city":"Oslo","days":3}'}
        calls = [{"id": f"call_{n}", "type": "function", "function": function}]
        out += [
            {"role": "user", "content": f"What is the weather like in city number {n}? " * 3},
            {"role": "assistant", "content": None, "tool_calls": calls},
            {"role": "tool", "tool_call_id": f"call_{n}", "content": '{"temp": 7, "sky": "grey"}'},
            {"role": "assistant", "content": "It is grey and cold, around seven degrees. " * 4},
        ]
    last = [("user", "And here?"), ("assistant", "Sunny."), ("user", "And tomorrow?")]
    return [*out, *({"role": role, "content": words} for role, words in last)]


SMALL = {
    "model": "claude-prod",
    "messages": [{"role": "user", "content": "Hello there"}],
    "max_tokens": 100,
}
LARGE = {
    "model": "claude-prod",
    "messages": conversation(),
    "tools": tools(5),
    "temperature": 0.7,
    "max_tokens": 1024,
}
ANSWER = {
    "id": "msg_01ABC",
    "type": "message",
    "role": "assistant",
    "model": MODEL,
    "content": [
        {"type": "text", "text": "Let me look that up for you. " * 4},
        {
            "type": "tool_use",
            "id": "toolu_1",
            "name": "tool_1",
            "input": {"city": "Oslo", "days": 3},
        },
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {"input_tokens": 700, "output_tokens": 60, "cache_read_input_tokens": 100},
}
EVENTS = 200


def sse(data: Any) -> bytes:
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n".encode()


OPENING = sse(
    {"type": "message_start", "message": {**ANSWER, "content": [], "stop_reason": None}}
) + sse({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
DELTA = sse(
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": "some words"},
    }
)
TOOL_OPENING = (
    OPENING
    + sse({"type": "content_block_stop", "index": 0})
    + sse(
        {
            "type": "content_block_start",
            "index": 1,
            "content_block": {"type": "tool_use", "id": "toolu_1", "name": "tool_1", "input": {}},
        }
    )
)
TOOL_DELTA = sse(
    {
        "type": "content_block_delta",
        "index": 1,
        "delta": {"type": "input_json_delta", "partial_json": '{"ci'},
    }
)


class Tables:
    """The gateway's side of each case."""

    def __init__(self) -> None:
        mapping = load_mappings([ROOT / "mappings"]).mappings["openai-chat/anthropic-messages"]
        self.caller = mapping.caller
        self.effective = mapping.effective(MODEL)

    def exchange(self) -> Exchange:
        target = Target("claude-prod", MODEL)
        return Exchange(self.effective, self.caller, target, now=NOW, new_id=lambda: "x")

    def request(self, body: Any) -> bytes:
        return self.exchange().request(body).body

    def stream(self) -> Exchange:
        talk = self.exchange()
        talk.request({**SMALL, "stream": True})
        return talk


def cases() -> dict[str, tuple[int, dict[str, Callable[[], Any]]]]:
    """name -> (how many things one call does, who -> what to time)."""
    tables = Tables()
    raw_answer = msgspec.json.encode(ANSWER)
    bodies = {"request, small": SMALL, "request, 20 messages and 5 tools": LARGE}
    out: dict[str, tuple[int, dict[str, Callable[[], Any]]]] = {}
    for name, body in bodies.items():
        by_tables, hand = tables.request(body), by_hand.request(body, MODEL, CAP)
        assert json.loads(by_tables) == json.loads(hand), name
        text, up = json.dumps(body), by_tables.decode()
        out[name] = (
            1,
            {
                "tables": lambda b=body: tables.request(b),
                "by hand": lambda b=body: by_hand.request(b, MODEL, CAP),
                "json parse + dump": lambda t=text, u=up: (
                    json.loads(t),
                    json.dumps(json.loads(u)),
                ),
            },
        )

    def plain() -> bytes:
        talk = tables.exchange()
        talk.request(SMALL)
        return talk.response(200, {}, raw_answer).body

    assert json.loads(plain()) == json.loads(by_hand.answer(raw_answer, "claude-prod", NOW))
    talk = tables.exchange()
    talk.request(SMALL)
    out["answer with a call (request of it included)"] = (
        1,
        {
            "tables": plain,
            "by hand": lambda: (
                by_hand.request(SMALL, MODEL, CAP),
                by_hand.answer(raw_answer, "a", NOW),
            ),
        },
    )
    for name, opening, delta in (
        ("event, text", OPENING, DELTA),
        ("event, arguments", TOOL_OPENING, TOOL_DELTA),
    ):
        ours, theirs = tables.stream(), by_hand.Stream("claude-prod", NOW)
        ours.receive(opening)
        theirs.receive(opening)
        assert ours.receive(delta) == theirs.receive(delta), name
        out[name] = (
            EVENTS,
            {
                "tables": lambda o=ours, d=delta: [o.receive(d) for _ in range(EVENTS)],
                "by hand": lambda t=theirs, d=delta: [t.receive(d) for _ in range(EVENTS)],
            },
        )
        burst = delta * EVENTS
        out[f"{name}, {EVENTS} in one read"] = (
            EVENTS,
            {
                "tables": lambda o=ours, d=burst: o.receive(d),
                "by hand": lambda t=theirs, d=burst: t.receive(d),
            },
        )
    return out


def measure(rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """Microseconds per thing, medians over interleaved rounds, and ratios to `by hand`."""
    rows = []
    for name, (count, who) in cases().items():
        taken: dict[str, list[float]] = {key: [] for key in who}
        repeat = 1 if count > 1 else 20
        for _ in range(rounds):
            for key, run in who.items():
                began = time.perf_counter()
                for _ in range(repeat):
                    run()
                taken[key].append((time.perf_counter() - began) / repeat / count * 1e6)
        row: dict[str, Any] = {"case": name}
        for key in ("tables", "by hand", "json parse + dump"):
            row[f"{key}, us"] = round(statistics.median(taken[key]), 2) if key in taken else None
        row["tables / by hand"] = round(row["tables, us"] / row["by hand, us"], 2)
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    args = parser.parse_args()
    rows = measure(args.rounds)
    print(tabulate(rows, headers="keys"))
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
