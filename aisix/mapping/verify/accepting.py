"""What a golden case would say if what is made now were right: `test --accept`, `new-case`.

    files = actual(case, mapping)         the files of what must come out
    about = expected(case, mapping)       the keys of case.toml that say the rest
    accept(case, mapping)                 writes both over what the case's folder holds

Must never know: whether it is right.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace

import msgspec

from aisix.errors import CallerError, OperatorError
from aisix.mapping.grammar.cases import CASE_FILES, EXPECTED_KEYS
from aisix.mapping.mappings import Mapping
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verify import cases
from aisix.mapping.verify.case_files import ABOUT
from aisix.mapping.verify.cases import Case

_HEADER = re.compile(r"\s*\[")


def actual(case: Case, mapping: Mapping) -> dict[str, bytes]:
    """The files the case would have, of a paused turn those of every round it has an answer for."""
    out: dict[str, bytes] = {}
    case = replace(case, compiled=False)  # the rules are what is meant
    talk = cases.exchange(case, mapping)
    try:
        upstream_request = talk.request(case.request(mapping.caller), cases.caller_headers(case))
        if (here := talk.answered_here()) is not None and talk.stream:
            out["caller-stream.sse"] = here.body
        elif here is not None:
            out["caller-response.json"] = pretty(here.body)
        elif "upstream-request.json" in case.files or "caller-request.json" in case.files:
            out["upstream-request.json"] = pretty(upstream_request.body)
    except CallerError as error:
        out["caller-error.json"] = pretty(talk.fault(error).body)
        return out
    asked: dict[str, bytes] = {}
    if cases.is_answered(case):
        answer = cases.answered(case, mapping, [], asked)[0]
        out["caller-response.json"] = pretty(answer.body)
    if "upstream-stream.sse" in case.files:
        pieces = [case.files["upstream-stream.sse"]]
        out["caller-stream.sse"] = cases.stream(case, mapping, pieces, asked=asked)
    return out | {name: pretty(data) for name, data in asked.items()}


def pretty(data: bytes) -> bytes:
    """JSON as the files of a case have it."""
    return msgspec.json.format(data, indent=2) + b"\n"


def expected(case: Case, mapping: Mapping) -> dict[str, Json]:
    """What case.toml has to say of what comes out; None: nothing, what it says is wrong.

    status and warnings where they are not the usual; headers and answer_headers only of a case
    that says what they must be: of the former those it names.
    """
    case = replace(case, compiled=False)
    talk = cases.exchange(case, mapping)
    out: dict[str, Json] = dict.fromkeys(EXPECTED_KEYS)
    try:
        asked = talk.request(case.request(mapping.caller), cases.caller_headers(case))
    except CallerError as error:
        status = talk.fault(error).status
        return out | {"status": None if status == cases.REFUSED else status}
    named = [name for name in case.about.get("headers", {}) if name in asked.headers]
    out["headers"] = {name: asked.headers[name] for name in named} or None
    if cases.is_answered(case):
        answer, talk = cases.answered(case, mapping, [])
        out["status"] = None if answer.status == cases.GOOD else answer.status
        if "answer_headers" in case.about:
            out["answer_headers"] = dict(answer.headers)
    return out | {"warnings": talk.warnings or None}


def accept(case: Case, mapping: Mapping) -> list[str]:
    """Write the case anew; what it says came in stays, and so do the comments of case.toml.

    What is wrong with it even so: then it is such a case as these tables make nothing of.
    """
    try:
        files, about = actual(case, mapping), expected(case, mapping)
    except OperatorError as error:
        return [str(error)]
    except Exception as error:
        return [cases.broke(error)]
    made = [one for one in CASE_FILES if not one.given]
    for name in case.files:
        if name not in files and any(one.fits(name) for one in made):
            (case.folder / name).unlink()
    for name, content in files.items():
        (case.folder / name).write_bytes(content)
    file = case.folder / ABOUT
    text = before = file.read_text("utf-8")
    for key, value in about.items():
        usual = key in case.about and key == "warnings"  # "": that there are none is said as well
        if case.about.get(key) != value and not (usual and not value and not case.about[key]):
            text = with_key(text, key, "" if usual and value is None else value)
    if text != before:
        file.write_text(text, "utf-8")
    folder = case.folder.parents[len(mapping.name.split("/")) + 1]
    [again] = cases.of_folder(folder, mapping.name, case.layer, [case.folder.name])
    return cases.run(again, mapping)


# ---------------------------------------------------------------- case.toml
def with_key(text: str, key: str, value: Json) -> str:
    """The text of a table file with another value of one of its first keys; None: without it.

    >>> with_key('a = 1  # one\\nb = 2\\n[c]\\nd = 3\\n', "a", 7)
    'a = 7\\nb = 2\\n[c]\\nd = 3\\n'
    >>> with_key('[c]\\nd = 3\\n[e]\\nf = 4\\n', "c", {"d": 5})
    'c = { "d" = 5 }\\n[e]\\nf = 4\\n'
    """
    named = re.compile(rf'\s*(?:{key}|"{key}")\s*[=.]')
    headed = re.compile(rf'\s*\[\s*"?{key}"?\s*\]')
    out: list[str] = []
    place = None  # where it is written
    first = True  # no table has begun
    left_out = False
    for said in _statements(text):
        if _HEADER.match(said):
            if first and place is None:
                place = next((n for n in range(len(out), 0, -1) if out[n - 1].strip()), 0)
            first, left_out = False, headed.match(said) is not None
        elif first and named.match(said):
            place = len(out) if place is None else place
            continue
        out += [] if left_out else [said]
    if value is not None:
        place = len(out) if place is None else place
        out.insert(place, f"{key} = {in_line(value)}")
    return "\n".join(out) + "\n"


def _statements(text: str) -> Iterator[str]:
    """A header, or a key with all of its value; empty lines and comments by themselves."""
    held: list[str] = []
    for line in text.splitlines():
        held.append(line)
        said = "\n".join(held)
        try:
            tomllib.loads(said)
        except tomllib.TOMLDecodeError:
            continue
        yield said
        held.clear()
    yield from held


def as_toml(about: dict[str, Json]) -> bytes:
    """A case.toml."""
    return "".join(f"{key} = {in_line(value)}\n" for key, value in about.items()).encode()


def in_line(value: Json) -> str:
    """A TOML value on one line, which both of our parsers read."""
    if isinstance(value, dict):
        rows = (f"{json.dumps(str(k))} = {in_line(v)}" for k, v in value.items() if v is not None)
        return "{ " + ", ".join(rows) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(in_line(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)
