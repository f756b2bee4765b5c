"""Shapes made of the golden cases: each list, map and text of both dialects, made large one at a time.

A place is known by its path without numbers and names ("messages[user].content[text].text"), and
tried once for each pair of dialects and each kind of body, in the first case that has it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from aisix.mapping.mappings import Mapping
from aisix.mapping.verify.cases import Case
from tests.mapping.linear.jobs import Job
from tests.mapping.linear.measure import Shape

Json = Any
Path = tuple[str | int, ...]
Larger = Callable[[Json, int], Json]
MAPS = frozenset({"properties", "$defs", "definitions", "patternProperties", "input", "arguments"})
IDENTITY = ("id", "call_id", "tool_call_id", "tool_use_id", "name", "index")
DEEPEST = 900
TEXT = 1 << 17
TEXTS = {
    "plain": "word ", "blank": " ", "lines": "\n", "quotes": '"', "backslashes": "\\",
    "open lists": "[", "open objects": '{"a":', "wide": "é", "pairs": "\U0001f600",
    "halves": "\ud83d", "URLs": "http://a.", "mail": "a@a.", "colons": "a:", "dashes": "a-",
    "digits": "1", "fences": "```\n", "data": "data:;", "percent": "%41", "markup": "<a ",
    "dots": "a.", "keys": "sk-a", "hex": "0:", "letters": "a", "slashes": "//", "returns": "\r",
    "commas": "a,", "braces": "{a}",
}  # fmt: skip


def shapes(mapping: Mapping, cases: Iterable[Case]) -> Iterator[Shape]:
    """Every shape of one pair of dialects."""
    seen: set[tuple[str, str, str]] = set()
    for case in cases:
        for kind, body in _bodies(case, mapping):
            if kind == "stream":
                yield from _of_stream(case, mapping, body, seen)
                continue
            job = Job(kind, case, mapping)
            for path, known, value in places(body):
                for how, larger, most in _larger(value):
                    if (kind, known, how) in seen:
                        continue
                    seen.add((kind, known, how))
                    yield Shape(f"{known}: {how}", job, _made(body, path, value, larger), most)


def _bodies(case: Case, mapping: Mapping) -> Iterator[tuple[str, Json]]:
    if "caller-error.json" not in case.files and "caller-request.json" in case.files:
        yield "request", json.loads(case.files["caller-request.json"])
    if "upstream-response.json" in case.files:
        status = case.about.get("upstream_status", 200)
        kind = "answer" if 200 <= status < 300 else "error"
        yield kind, json.loads(case.files["upstream-response.json"])
    if "upstream-stream.sse" in case.files:
        yield "stream", case.files["upstream-stream.sse"]


def places(node: Json, path: Path = (), known: str = "") -> Iterator[tuple[Path, str, Json]]:
    """(path, what the place is called, what stands there) of everything in a body."""
    yield path, known, node
    if type(node) is dict:
        for key, below in node.items():
            name = "*" if path and path[-1] in MAPS else key
            yield from places(below, (*path, key), f"{known}.{name}" if known else name)
    elif type(node) is list:
        for number, below in enumerate(node):
            kind = (below.get("type") or below.get("role")) if type(below) is dict else None
            yield from places(below, (*path, number), f"{known}[{kind or ''}]")


def _made(body: Json, path: Path, value: Json, larger: Larger) -> Callable[[int], list[bytes]]:
    return lambda size: [encoded(put(body, path, larger(value, size)))]


def encoded(value: Json) -> bytes:
    """Deep as it may be, with halves of characters as escapes."""
    mark = "__deep__"
    if type(value) is Deep:
        return value.text.encode()
    deep: list[str] = []

    def other(node: Json) -> Json:
        deep.append(node.text)
        return mark

    text = json.dumps(value, separators=(",", ":"), default=other)
    for one in deep:
        text = text.replace(f'"{mark}"', one, 1)
    return text.encode()


class Deep:
    """JSON that no encoder writes: nested as often as one likes."""

    def __init__(self, opening: str, inner: str, closing: str, times: int) -> None:
        self.text = opening * times + inner + closing * times


def put(body: Json, path: Path, value: Json) -> Json:
    """The same body, with this at that place."""
    if not path:
        return value
    out = dict(body) if type(body) is dict else list(body)
    out[path[0]] = put(body[path[0]], path[1:], value)  # type: ignore[index]
    return out


# ---------------------------------------------------------------- larger
def _larger(value: Json) -> Iterator[tuple[str, Larger, int]]:
    if type(value) is list:
        most = 1 << 14
        if value:
            yield "repeated", lambda old, n: old * n, most
            yield (
                "repeated, each another",
                lambda old, n: [x for i in range(n) for x in other(old, i)],
                most,
            )
        for name, one in (("texts", ""), ("objects", {}), ("nulls", None), ("lists", [])):
            yield f"{name}, all empty", lambda old, n, one=one: [one] * n, most
    elif type(value) is dict:
        most = 1 << 14
        yield "unknown keys", lambda old, n: {**old, **{f"k{i}": i for i in range(n)}}, most
        if value:
            yield "keys of its own", _keys, most
    elif type(value) is str:
        for name, unit in TEXTS.items():
            yield f"{name} behind", lambda old, n, unit=unit: old + unit * n, TEXT
            yield f"{name} before", lambda old, n, unit=unit: unit * n + old, TEXT
    yield "deep lists", lambda old, n: Deep("[", "1", "]", min(n, DEEPEST)), DEEPEST
    yield "deep objects", lambda old, n: Deep('{"a":', "1", "}", min(n, DEEPEST)), DEEPEST


def _keys(old: dict[str, Json], n: int) -> dict[str, Json]:
    name, value = next(iter(old.items()))
    return {**old, **{f"{name}{i}": other(value, i) for i in range(n)}}


def other(node: Json, number: int) -> Json:
    """A copy that is another one: what tells things apart is told apart."""
    if type(node) is list:
        return [other(item, number) for item in node]
    if type(node) is not dict:
        return node
    out = {}
    for key, value in node.items():
        if key in IDENTITY and type(value) is str:
            value = f"{value}_{number}"
        elif key in IDENTITY and type(value) is int:
            value += number * 64
        elif type(value) in (dict, list):
            value = other(value, number)
        out[key] = value
    return out


# ---------------------------------------------------------------- streams
def frames(stream: bytes) -> list[Json]:
    """The data of its events; what is no JSON stays text."""
    out: list[Json] = []
    for frame in stream.replace(b"\r\n", b"\n").split(b"\n\n"):
        data = b"\n".join(x[5:].strip() for x in frame.split(b"\n") if x.startswith(b"data:"))
        if data:
            try:
                out.append(json.loads(data))
            except ValueError:
                out.append(data.decode("utf-8", "replace"))
    return out


def framed(event: Json) -> bytes:
    data = event.encode() if type(event) is str else encoded(event)
    kind = event.get("type") if type(event) is dict else None
    head = f"event: {kind}\n".encode() if type(kind) is str else b""
    return head + b"data: " + data + b"\n\n"


def _of_stream(
    case: Case, mapping: Mapping, stream: bytes, seen: set[tuple[str, str, str]]
) -> Iterator[Shape]:
    job, events = Job("stream", case, mapping), frames(stream)

    def new(known: str, how: str) -> bool:
        fresh = ("stream", known, how) not in seen
        seen.add(("stream", known, how))
        return fresh

    for number, event in enumerate(events):
        if type(event) is not dict:
            continue
        kind = str(event.get("type") or ",".join(_said(event)))
        before, after = events[:number], events[number + 1 :]
        if new(kind, "events"):
            yield Shape(f"{kind}: repeated", job, _repeated(before, [event], after, False))
            yield Shape(
                f"{kind}: repeated, each another", job, _repeated(before, [event], after, True)
            )
        for path, known, value in places(event):
            at = f"{kind} {known}"
            for how, larger, most in _larger(value):
                if new(at, how):
                    make = _changed(before, event, after, path, value, larger)
                    yield Shape(f"{at}: {how}", job, make, most)
    signature = ",".join(
        sorted({str(e.get("type") or _said(e)) for e in events if type(e) is dict})
    )
    if new(signature, "all"):
        yield Shape(
            f"all but its ends repeated ({case.name})",
            job,
            _repeated(events[:1], events[1:-2], events[-2:], True),
        )
        yield Shape(
            f"byte by byte ({case.name})",
            job,
            lambda n: [
                bytes([b])
                for b in b"".join(map(framed, events[:1] + events[1:-2] * n + events[-2:]))
            ],
            1 << 12,
        )


def _said(event: dict[str, Json]) -> list[str]:
    """What an event without a word for its kind holds."""
    found = {known for _, known, value in places(event) if value not in (None, "", [], {})}
    return sorted(one.rsplit(".", 1)[-1] for one in found if one)


def _repeated(
    before: list[Json], middle: list[Json], after: list[Json], each: bool
) -> Callable[[int], list[bytes]]:
    def make(n: int) -> list[bytes]:
        many = [framed(other(e, i) if each else e) for i in range(n) for e in middle]
        return [*map(framed, before), b"".join(many), *map(framed, after)]

    return make


def _changed(
    before: list[Json], event: Json, after: list[Json], path: Path, value: Json, larger: Larger
) -> Callable[[int], list[bytes]]:
    return lambda n: [
        *map(framed, before),
        framed(put(event, path, larger(value, n))),
        *map(framed, after),
    ]
