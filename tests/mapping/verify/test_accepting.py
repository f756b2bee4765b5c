"""What `test --accept` writes is all a case can expect: run again, it holds."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from aisix.mapping.mappings import Mapping, load_mappings
from aisix.mapping.verify import cases
from aisix.mapping.verify.accepting import accept, as_toml, with_key
from tests.mapping.laid import NAME, SHIPPED

ASKED = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
MANY = {**ASKED, "max_tokens": 999_999_999}
LOSSY = {**ASKED, "logprobs": True}
ERROR = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
TEXT = (SHIPPED / NAME / "cases/answer-text/upstream-response.json").read_text()
STREAM = (SHIPPED / NAME / "cases/answer-text/upstream-stream.sse").read_text()

# case.toml, the other files: what it says now is wrong, or nothing
CASES: dict[str, tuple[str, dict[str, Any], str]] = {
    "a clamp that is told": ("", {"caller-request.json": MANY}, "warnings"),
    "other warnings": ('warnings = "a=b"\n', {"caller-request.json": MANY}, "warnings"),
    "none any more": ('warnings = "a=b"\n', {"caller-request.json": ASKED}, "warnings"),
    "of a stream": (
        'warnings = "a=b"\n',
        {"caller-request.json": MANY, "upstream-stream.sse": STREAM},
        "warnings",
    ),
    "an upstream's error": (
        'status = 418\nupstream_status = 529 # busy\nanswer_headers = { a = "b" }\n'
        'upstream_headers = { retry-after = "7" }\n',
        {"upstream-response.json": ERROR},
        "status",
    ),
    "headers in a table": (
        '[headers]\ncontent-type = "text/html"\nno-such = "x"\n',
        {"caller-request.json": ASKED},
        "headers",
    ),
    "refused no more": (
        "status = 422\n",
        {"caller-request.json": ASKED, "caller-error.json": {"error": {}}},
        "",
    ),
    "refused now": (
        "",
        {"caller-request.json": {**ASKED, "temperature": "hot"}, "upstream-request.json": {}},
        "",
    ),
    "a good answer": ("status = 500\n", {"upstream-response.json": TEXT}, ""),
}


@pytest.fixture(scope="module")
def mapping() -> Mapping:
    return load_mappings([SHIPPED]).mappings[NAME]


def planted(folder: Path, about: str, files: dict[str, Any]) -> cases.Case:
    case = folder / NAME / "cases/one"
    case.mkdir(parents=True)
    (case / "case.toml").write_text(f'reason = "why" # because\n{about}')
    for name, content in files.items():
        (case / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return read(folder)


def read(folder: Path) -> cases.Case:
    [case] = cases.of_folder(folder, NAME, 0)
    return case


@pytest.mark.parametrize("what", CASES)
def test_it_holds_when_it_is_run_again(what: str, tmp_path: Path, mapping: Mapping) -> None:
    about, files, says = CASES[what]
    case = planted(tmp_path, about, files)
    assert cases.run(case, mapping)
    assert accept(case, mapping) == []
    again = read(tmp_path)
    assert cases.run(again, mapping) == []
    text = (again.folder / "case.toml").read_text()
    assert text.startswith('reason = "why" # because\n'), "what is right stays as it is written"
    assert (says in again.about) if says else not again.about.get("status")
    before = {file: file.read_bytes() for file in again.folder.iterdir()}
    assert accept(again, mapping) == []
    assert {file: file.read_bytes() for file in again.folder.iterdir()} == before


def test_the_requests_of_later_rounds_are_written_too(tmp_path: Path, mapping: Mapping) -> None:
    found = [
        case for case in cases.find((SHIPPED,), NAME) if "upstream-request-2.json" in case.files
    ]
    for case in found[:2]:
        files = {name: data.decode() for name, data in case.files.items()}
        files["upstream-request-2.json"] = "{}"
        mine = planted(
            tmp_path / case.name,
            as_toml({k: v for k, v in case.about.items() if k != "reason"}).decode(),
            files,
        )
        assert accept(mine, mapping) == []
        now = json.loads((mine.folder / "upstream-request-2.json").read_bytes())
        assert now == case.json("upstream-request-2.json")
    assert found


def test_what_nothing_can_be_made_of_is_told_and_stays(tmp_path: Path, mapping: Mapping) -> None:
    case = planted(tmp_path, 'version = "never"\n', {"caller-request.json": ASKED})
    before = {file: file.read_bytes() for file in case.folder.iterdir()}
    [wrong] = accept(case, mapping)
    assert 'unknown version "never"' in wrong
    assert {file: file.read_bytes() for file in case.folder.iterdir()} == before


@pytest.mark.parametrize("said", ["status = 500", 'answer_headers = { a = "b" }'])
def test_what_is_compared_with_nothing_is_told(said: str, tmp_path: Path, mapping: Mapping) -> None:
    key = said.partition(" ")[0]
    case = planted(
        tmp_path, said + "\n", {"caller-request.json": ASKED, "upstream-request.json": {}}
    )
    assert accept(case, mapping) == []
    again = read(tmp_path)
    assert key not in again.about
    (again.folder / "case.toml").write_text(f'reason = "why"\n{said}\n')
    [wrong] = cases.run(read(tmp_path), mapping)
    assert wrong == f"{key}: compared with nothing, as there is no upstream-response.json"


@pytest.mark.parametrize(
    ("text", "value", "after"),
    [
        ("a = 1\n", 2, {"a": 2}),
        ('a = [\n  "x",\n  "y",\n]\nb = 1\n', None, {"b": 1}),
        ('a.b = 1\na.c = 2\nd = """\na = 3\n"""\n', {"b": 4}, {"a": {"b": 4}, "d": "a = 3\n"}),
        (
            'd = ["""\n[a]\na = 1\n"""]\na = 1\n[b]\na = 1\n',
            2,
            {"d": ["[a]\na = 1\n"], "a": 2, "b": {"a": 1}},
        ),
        ("b = 1\n\n[a]\nc = 1\n\n[d]\ne = 2\n", {"c": 3}, {"b": 1, "a": {"c": 3}, "d": {"e": 2}}),
        ("[d]\na = 2\n", 1, {"a": 1, "d": {"a": 2}}),
    ],
)
def test_a_key_is_set_in_the_text(text: str, value: Any, after: dict[str, Any]) -> None:
    assert tomllib.loads(with_key(text, "a", value)) == after
