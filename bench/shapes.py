"""The worst single requests and answers we know of, by name: bodies, made when asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

MB = 1 << 20


def head(alias: str, **more: Any) -> bytes:
    """A request without its end: more fields, and a brace, follow."""
    return json.dumps({"model": alias, "max_tokens": 9, **more}).encode()[:-1]


def asked(content: bytes, alias: str = "plain") -> bytes:
    return head(alias) + b',"messages":[{"role":"user","content":' + content + b"}]}"


def said(**more: bytes) -> bytes:
    """An ordinary request with these fields too."""
    fields = b"".join(b',"' + name.encode() + b'":' + value for name, value in more.items())
    return asked(b'"hi"')[:-1] + fields + b"}"


def tool(schema: bytes, name: bytes = b"f", more: bytes = b"") -> bytes:
    function = b'{"name":"' + name + b'",' + more + b'"parameters":' + schema + b"}"
    return b'{"type":"function","function":' + function + b"}"


def layers(deep: int, wide: int) -> bytes:
    """`$defs` in layers, each property of one a reference to the next."""
    defs: dict[str, Any] = {f"d{deep}": {"type": "string"}}
    for n in range(deep):
        properties = {f"p{k}": {"$ref": f"#/$defs/d{n + 1}"} for k in range(wide)}
        defs[f"d{n}"] = {"type": "object", "properties": properties}
    root = {"type": "object", "properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": defs}
    return json.dumps(root).encode()


def calls(count: int, answered: bool = True) -> bytes:
    function = {"name": "f", "arguments": "{}"}
    made = [{"id": f"c{n}", "type": "function", "function": function} for n in range(count)]
    turns: list[Any] = [{"role": "user", "content": "q"}, {"role": "assistant", "tool_calls": made}]
    if answered:
        turns += [{"role": "tool", "tool_call_id": f"c{n}", "content": "r"} for n in range(count)]
    return head("plain") + b',"messages":' + json.dumps(turns).encode() + b"}"


def turns(count: int, more: str = "") -> bytes:
    said = [{"role": ("user", "assistant")[n % 2], "content": "x"} for n in range(count)]
    if more:
        said.append({"role": "user", "content": more})
    return head("plain") + b',"messages":' + json.dumps(said).encode() + b"}"


def listed(item: bytes, count: int) -> bytes:
    return b"[" + (item + b",") * (count - 1) + item + b"]"


def keyed(count: int) -> bytes:
    return b"{" + b",".join(b'"k%d":1' % n for n in range(count)) + b"}"


def tools(*made: bytes) -> bytes:
    return said(tools=b"[" + b",".join(made) + b"]")


def empty(count: int) -> bytes:
    """A schema of so many properties that may be anything."""
    return schema(keyed(count).replace(b":1", b":{}"))


def arguments(text: bytes) -> bytes:
    """A call with them, and its result; `text` is inside a JSON text."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "@"}}
    made: list[Any] = [{"role": "assistant", "tool_calls": [call]}]
    made.append({"role": "tool", "tool_call_id": "c", "content": "r"})
    return asked(b'"q"')[:-2] + b"," + json.dumps(made).encode()[1:].replace(b"@", text) + b"}"


def schema(properties: bytes) -> bytes:
    return b'{"type":"object","properties":' + properties + b"}"


STRICT = b'"strict":true,'
PICTURE = b'{"type":"image_url","image_url":{"url":"data:image/png;base64,'
REQUESTS: dict[str, Callable[[], bytes]] = {
    "one string of 31 MB": lambda: asked(b'"' + b"word, " * (31 * MB // 6) + b'"'),
    "31 MB of \\n": lambda: asked(b'"' + b"\\n" * (31 * MB // 2) + b'"'),
    "31 MB of \\u00e9": lambda: asked(b'"' + b"\\u00e9" * (31 * MB // 6) + b'"'),
    "31 MB of half characters": lambda: asked(b'"' + b"\\ud83d" * (31 * MB // 6) + b'"'),
    "31 MB of backslashes": lambda: asked(b'"' + b"\\\\" * (31 * MB // 2) + b'\\ud83d"'),
    "31 MB and no JSON at its end": lambda: asked(b'"' + b"\\n" * (31 * MB // 2) + b"\x01"),
    "a picture of 30 MB": lambda: asked(b"[" + PICTURE + b"iVBORw0K" * (30 * MB // 8) + b'"}}]'),
    "a million keys": lambda: said(x=keyed(1_000_000)),
    "100,000 keys": lambda: said(x=keyed(100_000)),
    "100,000 keys of metadata": lambda: said(metadata=keyed(100_000)),
    "240,000 numbers": lambda: said(x=listed(b"1", 240_000)),
    "240,000 empty lists": lambda: said(x=listed(b"[]", 120_000)),
    "900 levels": lambda: said(x=b"[" * 900 + b"]" * 900),
    "100,000 levels": lambda: said(x=b"[" * 100_000 + b"]" * 100_000),
    "100,000 messages": lambda: turns(100_000),
    "9,999 messages": lambda: turns(9_999),
    "9,999 messages of one role": lambda: asked(b'"a"},{"role":"user","content":' * 9_998 + b'"a"'),
    "9,999 parts": lambda: asked(listed(b'{"type":"text","text":"a"}', 9_999)),
    "60,000 parts of 10 messages": lambda: (
        head("plain")
        + b',"messages":'
        + listed(
            b'{"role":"user","content":' + listed(b'{"type":"text","text":"a"}', 6_000) + b"}", 10
        )
        + b"}"
    ),
    "9,000 unknown parts": lambda: asked(listed(b'{"type":"odd","text":"a"}', 9_000)),
    "9,999 messages, and a refusal": lambda: turns(9_998)[:-2] + b',{"role":"odd"}]}',
    "9,999 messages, strictly": lambda: turns(9_999).replace(b"plain", b"strict"),
    "4,900 calls, answered": lambda: calls(4_900),
    "9,999 calls, unanswered": lambda: calls(9_999, answered=False),
    "50,000 calls": lambda: calls(50_000),
    "9,999 tools": lambda: tools(*(tool(schema(b"{}"), b"f%d" % n) for n in range(9_999))),
    "2,000 tools of 20 properties": lambda: tools(
        *(tool(empty(20), b"f%d" % n) for n in range(2_000))
    ),
    "50,000 properties": lambda: tools(tool(empty(50_000))),
    "9,999 properties": lambda: tools(tool(empty(9_999))),
    "9,999 strict properties": lambda: tools(tool(empty(9_999), more=STRICT)),
    "$defs in 20 layers": lambda: tools(tool(layers(20, 3))),
    "$defs in 20 layers, strict": lambda: tools(tool(layers(20, 3), more=STRICT)),
    "9,999 stop sequences": lambda: said(stop=listed(b'"a"', 9_999)),
    "a text of 20 MB in arguments": lambda: arguments(
        b'{\\"a\\":\\"' + b"word " * (4 * MB) + b'\\"}'
    ),
    "five million values in arguments": lambda: arguments(
        b'{\\"a\\":' + listed(b"1", 5_000_000) + b"}"
    ),
}

USAGE = b'"usage":{"input_tokens":1,"output_tokens":1}'
TEXT = b'{"type":"text","text":"a"}'
CALL = b'{"type":"tool_use","id":"t","name":"f","input":{}}'


def answer(blocks: bytes, more: bytes = b"") -> bytes:
    start = b'{"id":"m","type":"message","role":"assistant","model":"m","stop_reason":"end_turn",'
    return start + USAGE + more + b',"content":' + blocks + b"}"


def text(said: bytes) -> bytes:
    return b'[{"type":"text","text":"' + said + b'"}]'


def event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"


OPENING = event(
    b'{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"m",'
    b'"content":[],"stop_reason":null,' + USAGE + b"}}"
) + event(b'{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}')
CLOSING = (
    event(b'{"type":"content_block_stop","index":0}')
    + event(b'{"type":"message_delta","delta":{"stop_reason":"end_turn"},' + USAGE + b"}")
    + event(b'{"type":"message_stop"}')
)


def delta(text: bytes) -> bytes:
    found = b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"'
    return event(found + text + b'"}}')


# name -> (status, body); a name that begins with "stream" is one
ANSWERS: dict[str, tuple[int, Callable[[], bytes]]] = {
    "one text of 30 MB": (200, lambda: answer(text(b"word " * (6 * MB)))),
    "30 MB of \\n": (200, lambda: answer(text(b"\\n" * (15 * MB)))),
    "a million blocks": (200, lambda: answer(listed(TEXT, 1_000_000))),
    "80,000 blocks": (200, lambda: answer(listed(TEXT, 80_000))),
    "50,000 calls": (200, lambda: answer(listed(CALL, 50_000))),
    "a million unknown keys": (200, lambda: answer(text(b"a"), b',"x":' + keyed(1_000_000))),
    "100,000 levels": (200, lambda: answer(b"[" * 100_000 + b"]" * 100_000)),
    "an error of 10 MB": (400, lambda: b'{"error":{"message":"' + b"word " * (2 * MB) + b'"}}'),
    "an error of a million keys": (500, lambda: b'{"error":' + keyed(1_000_000) + b"}"),
    "an error of 100,000 levels": (400, lambda: b"[" * 100_000 + b"]" * 100_000),
    "stream: one event of 7 MB": (200, lambda: OPENING + delta(b"word " * (7 * MB // 5)) + CLOSING),
    "stream: one event of a million values": (
        200,
        lambda: OPENING + event(b'{"type":"x","x":' + listed(b"1", 1_000_000) + b"}") + CLOSING,
    ),
    "stream: 200,000 events": (200, lambda: OPENING + delta(b"a") * 200_000 + CLOSING),
    "stream: a million empty events": (
        200,
        lambda: OPENING + b"data: {}\n\n" * 1_000_000 + CLOSING,
    ),
    "stream: 15 MB of lines": (
        200,
        lambda: OPENING + b"data:\n" * (15 * MB // 6) + b"\n" + CLOSING,
    ),
}
