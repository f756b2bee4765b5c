"""A case that compares what comes in with nothing is no case."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aisix.errors import OperatorError
from aisix.mapping.grammar.cases import CASE_FILES
from aisix.mapping.verify import cases
from aisix.mapping.verify.case_files import wrong_names
from aisix.mapping.verify.cases import Case
from tests.running import ROOT

SHIPPED = ROOT / "mappings"


def test_an_answer_nobody_says_anything_about_does_not_hold_and_is_written(tmp_path: Path) -> None:
    case = tmp_path / "mine/openai-chat/anthropic-messages/cases/captured"
    case.mkdir(parents=True)
    (case / "case.toml").write_text('reason = "captured"\n')
    shipped = SHIPPED / "openai-chat/anthropic-messages/cases/answer-text"
    for name in ("upstream-response.json", "upstream-stream.sse"):
        (case / name).write_bytes((shipped / name).read_bytes())

    def run(*more: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "aisix", "mappings", "test", "captured", *more]
        command += ["--dir", str(tmp_path / "mine")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout

    code, said = run()
    assert code == 1
    assert "caller-response.json: missing" in said and "caller-stream.sse: missing" in said
    assert run("--accept")[0] == 0
    assert (case / "caller-response.json").exists() and (case / "caller-stream.sse").exists()
    assert run() == (0, "1 of 1 cases hold\n")


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["case.toml", "upstream-reqest.json"], '(did you mean "upstream-request.json"?)'),
        (["case.toml", "caller-stream.json"], "no file of a case has this name"),
        (["case.toml", "upstream-request-1.json"], "no file of a case has this name"),
        (["case.tml", "caller-request.json"], '(did you mean "case.toml"?)'),
        (["caller-request.json"], "case.toml is missing"),
    ],
)
def test_a_misnamed_file_is_told(names: list[str], text: str) -> None:
    told = [words for _, words in wrong_names(names)]
    assert any(text in words for words in told), told


def test_the_names_of_all_kinds_are_right() -> None:
    rounds = ["upstream-request-2.json", "upstream-response-3.json", "upstream-stream-12.sse"]
    plain = [one.name for one in CASE_FILES if "{" not in one.name]
    assert list(wrong_names(["case.toml", *plain, *rounds])) == []


def planted(tmp_path: Path, files: dict[str, str]) -> Path:
    case = tmp_path / "mine/a/b/cases/one"
    case.mkdir(parents=True)
    for name, text in files.items():
        (case / name).write_text(text)
    return tmp_path / "mine"


@pytest.mark.parametrize(
    ("files", "text"),
    [
        ({"case.toml": "reson = 'x'"}, 'reson: unknown key (did you mean "reason"?)'),
        ({"case.toml": "status = '400'"}, "status: expected whole number, found text '400'"),
        ({"case.toml": "a = 1", ".hidden": "", "x.json": "{}"}, "cases/one/x.json: no file of a"),
        ({"caller-request.json": "{}"}, "case.toml is missing"),
    ],
)
def test_a_broken_case_is_told_with_its_file(
    tmp_path: Path, files: dict[str, str], text: str
) -> None:
    with pytest.raises(OperatorError) as raised:
        list(cases.find((planted(tmp_path, files),), "a/b"))
    assert text in str(raised.value)


@pytest.mark.parametrize(
    ("files", "text"),
    [
        (["caller-request.json"], "nothing says what must come out"),
        (["upstream-response.json"], "caller-response.json: missing, so nothing says"),
        (["upstream-request.json", "upstream-stream.sse"], "caller-stream.sse: missing"),
        (
            ["upstream-request.json", "caller-stream.sse"],
            "caller-stream.sse: compared with nothing",
        ),
        (["upstream-request.json", "caller-response.json"], "compared with nothing"),
        (["caller-error.json"], ""),
        (["caller-request.json", "caller-response.json"], ""),
        (["upstream-response.txt", "caller-response.json"], ""),
    ],
)
def test_what_is_compared_with_nothing_is_told(files: list[str], text: str) -> None:
    case = Case("one", Path(), {}, dict.fromkeys(files, b"{}"))
    told = " ".join(cases.unsaid(case))
    assert told.startswith(text) or text in told
    assert bool(told) is bool(text)


def test_a_key_of_case_toml_says_what_must_come_out_too() -> None:
    files = {"caller-request.json": b"{}"}
    assert cases.unsaid(Case("one", Path(), {"warnings": "a=dropped"}, files)) == []


def test_a_file_that_is_no_json_is_told_by_its_name(tmp_path: Path) -> None:
    case = tmp_path / "mine/openai-chat/anthropic-messages/cases/cut"
    case.mkdir(parents=True)
    (case / "case.toml").write_text('reason = "cut off"\n')
    (case / "caller-request.json").write_text("[]")
    (case / "upstream-request.json").write_text('{"model": ')
    with pytest.raises(OperatorError) as told:
        list(cases.find((tmp_path / "mine",), "openai-chat/anthropic-messages"))
    first, second = sorted(str(told.value).splitlines())
    assert first.endswith("cases/cut/caller-request.json: a request is a JSON object")
    assert "cases/cut/upstream-request.json: is no JSON: " in second
