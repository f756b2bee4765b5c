"""Whole caller requests made up at random: every role, part, tool and setting, odd ones among them.

    body(random.Random(seed)) -> a request as a careless but well-meaning caller might send it
    spoiled(random.Random(seed)) -> the same with one or two values replaced by something else

A seed gives the same request for ever, so a failure is reproduced by its number.
"""

from __future__ import annotations

import base64
import copy
from random import Random
from typing import Any

Json = Any
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 16).decode()
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0" + b"\0" * 12).decode()
PDF = base64.b64encode(b"%PDF-1.4 abc").decode()
TEXTS = ["hi", "  ", "", "\n", "Ü☃ text", "null", "{}", "\u2028x", "trailing  ", "q", "tell me"]
NAMES = ["f", "g", "get_weather", "h-1"]
IDS = ["call_1", "c:1", "c.1", "", "toolu_9", "a b", "é", "x" * 70]
ARGUMENTS = [
    *("{}", "", '{"x":1}', "{oops", "[1]", '"s"', "null", '{"a":NaN}', '{"a":1e400}', "  "),
    *('{"a":123456789012345678901234567890}', '{"a":1.0,"a":2}', '{"u":"\\ud800"}', "true"),
]
MARKS = [
    {"type": "ephemeral"},
    {"type": "ephemeral", "ttl": "1h"},
    {"type": "ephemeral", "ttl": None},
]
TEXT = {"type": "string"}


def _object(properties: Json, **more: Json) -> Json:
    return {"type": "object", "properties": properties, **more}


SCHEMAS: list[Json] = [
    *(
        None,
        {},
        {"type": "object"},
        _object({"x": {"type": "integer"}}),
        {"properties": {"x": TEXT}},
    ),
    _object({"a": {"type": ["string", "null"]}, "b": {"type": "integer", "minimum": 1}}),
    {"anyOf": [_object({"a": TEXT}), _object({"b": TEXT})]},
    {"allOf": [_object({"a": TEXT}, required=["a"]), _object({"b": TEXT})]},
    _object(
        {"n": {"$ref": "#/$defs/N"}},
        **{"$defs": {"N": _object({"n": {"anyOf": [{"$ref": "#/$defs/N"}, {"type": "null"}]}})}},
    ),
    _object({"m": {"type": "object", "additionalProperties": TEXT}}),
    _object({f"p{n}": {"type": ["string", "null"]} for n in range(18)}),
    *(_object({f"p{n}": TEXT for n in range(count)}) for count in (14, 26)),
    _object({"a": {"oneOf": [TEXT, {"type": "integer"}]}, "c": {"const": 1}, "d": True, "e": {}}),
    _object({"a": {"allOf": [_object({"x": TEXT}), _object({"y": TEXT})]}}, title="T"),
    _object({"a": {"type": "array", "items": TEXT, "minItems": 3}}, required=["a"]),
    *(
        {"type": "object", "patternProperties": {"^x": TEXT}},
        _object({}, additionalProperties=False),
    ),
]
SETTINGS: dict[str, list[Json]] = {
    "max_tokens": [1, 16, 1024, 2049, 9000, 200000, None],
    "max_completion_tokens": [1, 1025, 5000, 1000000, None],
    "temperature": [0, 0.7, 1, 1.4, 2, None],
    "top_p": [0, 0.1, 0.97, 1, None],
    "presence_penalty": [0.0, -1, None],
    "logit_bias": [{}, {"50256": -100}],
    "stop": ["END", ["a", "\n"], ["", ""], "  ", [], None, ["a", "b", "c", "d", "e"]],
    "parallel_tool_calls": [True, False, None],
    "reasoning_effort": ["none", "minimal", "low", "medium", "high", "xhigh", "max", None],
    "verbosity": ["low", "medium", None],
    "user": ["u1", "jo@x.test", "+49 151 1234567", "a b", "x" * 300, "", None],
    "metadata": [{"a": "b"}, {}, None],
    "service_tier": ["auto", "default", "flex", "priority", None],
    "store": [True, False, None],
    "prompt_cache_options": [{"mode": "explicit"}],
    "cache_control": [{"type": "ephemeral"}],
    "response_format": [
        {"type": "text"},
        {"type": "json_object"},
        *({"type": "json_schema", "json_schema": {"name": "n", "schema": s}} for s in SCHEMAS if s),
    ],
    "tomorrow": [1, None],
}


def body(r: Random) -> dict[str, Json]:
    names = r.sample(NAMES, r.randint(1, 4)) if r.random() < 0.6 else []
    out: dict[str, Json] = {"model": "a"}
    legacy = r.random() < 0.15
    if names:
        out["functions" if legacy else "tools"] = [_tool(r, name, legacy) for name in names]
        word = {"name": r.choice(names)}
        named = word if legacy else {"type": "function", "function": word}
        choices = ["auto", "none", named, *([] if legacy else ["required"])]
        if r.random() < 0.5:
            out["function_call" if legacy else "tool_choice"] = r.choice(choices)
    out["messages"] = _history(r)
    for name, values in SETTINGS.items():
        if r.random() < 0.2:
            out[name] = copy.deepcopy(r.choice(values))
    if r.random() < 0.3:
        out["stream"] = True
        out["stream_options"] = r.choice([None, {}, {"include_usage": True}])
    return out


JUNK: list[Json] = [
    *(None, True, 0, -1, 3.5, "", "x", [], {}, [None], [{}], ["x"], {"x": 1}, {"type": "text"}),
    *({"type": "zzz"}, 10**20, "é\u2028", [[]]),
]


def spots_of(node: Json) -> list[tuple[Json, Json]]:
    """Each place below: (what holds it, its key or number)."""
    spots: list[tuple[Json, Json]] = []
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        spots.append((node, key))
        if isinstance(value, dict | list):
            spots += spots_of(value)
    return spots


def spoiled(r: Random) -> dict[str, Json]:
    out = body(r)
    spots = spots_of(out)
    for _ in range(r.choice([1, 1, 2])):
        node, key = r.choice(spots)
        node[key] = copy.deepcopy(r.choice(JUNK))
    return out


def _tool(r: Random, name: str, legacy: bool) -> Json:
    function: dict[str, Json] = {"name": name}
    if r.random() < 0.6:
        function["description"] = r.choice(["d", "", None])
    if r.random() < 0.8:
        function["parameters"] = copy.deepcopy(r.choice(SCHEMAS))
    if legacy:
        return function
    if r.random() < 0.15:
        grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /a/"}}
        form = {"format": grammar} if r.random() < 0.5 else {}
        return {"type": "custom", "custom": {"name": name, **form}}
    if r.random() < 0.4:
        function["strict"] = r.choice([True, True, False, None])
    return _marked(r, {"type": "function", "function": function})


def _marked(r: Random, item: dict[str, Json]) -> dict[str, Json]:
    if r.random() < 0.1:
        item["cache_control"] = r.choice(MARKS)
    if "text" in item and r.random() < 0.1:
        item["prompt_cache_breakpoint"] = {
            "mode": "explicit",
            "ttl": r.choice([None, "30m", "12h"]),
        }
    return item


def _part(r: Random) -> Json:
    image = lambda url: {"type": "image_url", "image_url": {"url": url, "detail": "low"}}  # noqa: E731
    file = lambda **data: {"type": "file", "file": data}  # noqa: E731
    return _marked(
        r,
        r.choice(
            [
                *[{"type": "text", "text": r.choice(TEXTS)}] * 4,
                image(f"data:image/png;base64,{PNG}"),
                image(f"DATA:IMAGE/PNG;BASE64,{JPEG}"),
                image(f"data:application/pdf;base64,{PDF}"),
                image(" HTTPS://x.test/a.png"),
                file(filename="a.pdf", file_data=f"data:application/pdf;base64,{PDF}"),
                file(filename="n.md", file_data="IyBoaQ=="),
                file(file_data=PDF),
            ]
        ),
    )


def _said(r: Random) -> Json:
    if r.random() < 0.5:
        return r.choice(TEXTS)
    return [_part(r) for _ in range(r.randint(0, 3))]


def _thought(r: Random) -> list[Json]:
    form = {"format": r.choice(["anthropic-claude-v1"] * 4 + ["another"])}
    text = {"type": "reasoning.text", "text": r.choice(["", "hm"]), "signature": "S=="}
    data = {"type": "reasoning.encrypted", "data": "E=="}
    place = {"index": r.choice([0, 0, 1, 5])}
    return [{**r.choice([text, text, data]), **form, **place}]


def _history(r: Random) -> list[Json]:
    out: list[Json] = [{"role": "developer", "content": "S"}] * r.choice([0, 0, 1, 2])
    for turn in range(r.randint(1, 6)):
        kind = r.random()
        if kind < 0.45:
            out.append(_marked(r, {"role": "user", "content": _said(r), "name": "jo"}))
        elif kind < 0.6:
            said: dict[str, Json] = {"role": "assistant", "content": r.choice([*TEXTS, None])}
            said.update(r.choice([{}, {"refusal": "no"}, {"audio": None, "tool_calls": None}]))
            if r.random() < 0.3:
                said["reasoning_details"] = _thought(r)
            out.append(_marked(r, said))
        elif kind < 0.85:
            out += _loop(r, turn)
        elif kind < 0.95:
            out.append({"role": "system", "content": [{"type": "text", "text": r.choice(TEXTS)}]})
        else:
            call = {"name": "f", "arguments": r.choice(ARGUMENTS)}
            out.append({"role": "assistant", "content": None, "function_call": call})
            out.append({"role": "function", "name": "f", "content": r.choice(TEXTS)})
    return out


def _loop(r: Random, turn: int) -> list[Json]:
    calls = []
    for number in range(r.randint(1, 3)):
        ident = r.choice(IDS) + (f"{turn}{number}" if r.random() < 0.8 else "")
        name = r.choice([*NAMES, "elsewhere.f"])
        function = {"name": name, "arguments": r.choice(ARGUMENTS)}
        calls.append({"id": ident, "type": "function", "function": function})
    said: dict[str, Json] = {"role": "assistant", "content": r.choice([None, "ok"])}
    said["tool_calls"] = calls
    if r.random() < 0.3:
        said["reasoning_details"] = _thought(r)
    answers: list[Json] = [
        {"role": "tool", "tool_call_id": call["id"], "content": _said(r)} for call in calls
    ]
    r.shuffle(answers)
    if r.random() < 0.1:
        answers.insert(0, {"role": "system", "content": "between"})
    if r.random() < 0.05:
        answers.pop()
    return [said, *answers]
