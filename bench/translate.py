"""What the tables cost: `make bench-core` (python -m bench.translate [--json FILE]).

Parse, request, answer and event in microseconds of CPU time, side by side with the same translation
written by hand (by_hand.py) and, for the request, with the standard library's JSON parse and dump
of the same bodies. Both sides give the same bytes, which is checked before anything is timed.
Then what a caller of another dialect pays for the same content (callers.py). How: rounds.py.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from tabulate import tabulate

from aisix.mapping.exchange import Exchange, ResolvedModel
from aisix.mapping.mappings import load_mappings
from bench import by_hand, callers
from bench.rounds import ROUNDS, Case, measure

ROOT = Path(__file__).resolve().parent.parent
MODEL, CAP, NOW = "claude-sonnet-4-6", 128000, 1795000000


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
TEXT = {**ANSWER, "content": ANSWER["content"][:1], "stop_reason": "end_turn"}
EVENTS = 200
_decode = msgspec.json.Decoder().decode


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


def new_id() -> str:
    return "x"


class Tables:
    """The gateway's side of each case."""

    def __init__(self) -> None:
        mapping = load_mappings([ROOT / "mappings"]).mappings["openai-chat/anthropic-messages"]
        self.caller = mapping.caller
        self.effective = mapping.effective(MODEL)

    def exchange(self) -> Exchange:
        target = ResolvedModel("claude-prod", MODEL)
        return Exchange(self.effective, self.caller, target, now=NOW, new_id=new_id)

    def asked(self, body: Any) -> Exchange:
        """An exchange whose request is made and whose answer is still to come."""
        talk = self.exchange()
        talk.request(body)
        return talk


REPEAT = 50  # runs of one round
HEADERS: dict[str, str] = {}


def cases() -> list[Case]:
    tables = Tables()
    out: list[Case] = []
    for name, body in (("small", SMALL), ("20 messages and 5 tools", LARGE)):
        raw = msgspec.json.encode(body)
        again = lambda things: lambda: [things] * REPEAT  # noqa: E731
        parse = {"tables": (_decode, again(raw)), "by hand": (json.loads, again(raw))}
        out.append(Case(f"parse, {name} (by hand: the standard library)", parse))
        sent = tables.exchange().request(body, HEADERS).body
        _, by_hands, told = by_hand.request(body, HEADERS, MODEL, CAP)
        assert json.loads(sent) == json.loads(by_hands) and not told, name
        text, up = raw.decode(), json.loads(sent)
        who = {
            "tables": (lambda b: tables.exchange().request(b, HEADERS), again(body)),
            "by hand": (lambda b: by_hand.request(b, HEADERS, MODEL, CAP), again(body)),
            "json parse + dump": (lambda pair: (json.loads(pair[0]), json.dumps(pair[1])),
                                  again((text, up))),
        }  # fmt: skip
        out.append(Case(f"request, {name}", who))
    for name, answer in (("with a call", ANSWER), ("text", TEXT)):
        raw = msgspec.json.encode(answer)
        ours = tables.asked(SMALL).response(200, HEADERS, raw).body
        assert json.loads(ours) == json.loads(by_hand.answer(raw, "claude-prod", NOW)), name
        who = {
            "tables": (lambda talk, r=raw: talk.response(200, HEADERS, r),
                       lambda: [tables.asked(SMALL) for _ in range(REPEAT)]),
            "by hand": (lambda r: by_hand.answer(r, "claude-prod", NOW), again(raw)),
        }  # fmt: skip
        out.append(Case(f"answer, {name}", who))
    for name, opening, delta in (
        ("event, text", OPENING, DELTA),
        ("event, arguments", TOOL_OPENING, TOOL_DELTA),
    ):
        talk, theirs = tables.asked({**SMALL, "stream": True}), by_hand.Stream("claude-prod", NOW)
        talk.receive(opening)
        theirs.receive(opening)
        assert talk.receive(delta) == theirs.receive(delta), name
        for count in (1, EVENTS):
            things = [delta * count] * (EVENTS // count)
            who = {
                "tables": (talk.receive, lambda things=things: things),
                "by hand": (theirs.receive, lambda things=things: things),
            }
            out.append(Case(name if count == 1 else f"{name}, {EVENTS} in one read", who, count))
    return out


def compiling() -> list[dict[str, Any]]:
    """What is done once: milliseconds, the best of five."""

    def best(run: Callable[[Tables], Any], fresh: Callable[[], Any] = lambda: None) -> float:
        times = []
        for _ in range(5):
            tables = fresh() or Tables()
            began = time.process_time()
            run(tables)
            times.append((time.process_time() - began) * 1e3)
        return round(min(times), 1)

    def mapping() -> Any:
        return load_mappings([ROOT / "mappings"]).mappings["openai-chat/anthropic-messages"]

    raw = msgspec.json.encode(ANSWER)
    small = lambda t: t.exchange().request(SMALL)  # noqa: E731
    large = lambda t: t.exchange().request(LARGE)  # noqa: E731

    def asked() -> Any:
        tables = Tables()
        return tables, tables.asked(SMALL)

    return [
        {"milliseconds, once": "read and check every table",
         "best of 5": best(lambda _: mapping(), lambda: True)},
        {"milliseconds, once": "the rules of one kind of model, when first asked for",
         "best of 5": best(lambda m: m.effective(MODEL), mapping)},
        {"milliseconds, once": "the form of a small request, at the first of its kind",
         "best of 5": best(small)},
        {"milliseconds, once": "the form of a request with tools",
         "best of 5": best(large)},
        {"milliseconds, once": "the forms of an answer",
         "best of 5": best(lambda pair: pair[1].response(200, HEADERS, raw), asked)},
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    args = parser.parse_args()
    rows, once = measure(cases(), "tables", args.rounds), compiling()
    beside = measure(callers.cases(), callers.RESPONSES, args.rounds)
    tables = (tabulate(table, headers="keys") for table in (rows, beside, once))
    print(*tables, sep="\n\n")
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(
            json.dumps({"each": rows, "callers": beside, "once": once}, indent=2) + "\n"
        )


if __name__ == "__main__":
    main()
