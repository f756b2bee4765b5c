"""Complaints with file, line and columns, in the forms that editors and CI read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from aisix.cli import main
from aisix.cli.mappings.places import Finder, columns, github
from aisix.errors import Complaint
from tests.running import ROOT

NAME = "openai-chat/anthropic-messages"
TABLES = """\
[field.top_k]
from = "top_k"
"mxa" = 3
"""


@pytest.mark.parametrize(
    ("line", "path", "text", "marked"),
    [
        ("max = true", "field.a.max", "", "max"),
        ("  mni  = 3", "field.a.mni", "", "mni"),
        ("[field.a.when]", "field.a.when", "", "when"),
        ("[event.x.is.x]", "event.x.is.x", "", "x"),  # the last of them
        ('"a.b" = "max"', 'when."a.b"', "", '"a.b"'),
        ("x = { from = 'a', mxa = 3 } # mxa", "field.x.mxa", "", "mxa"),
        ("[shape.p]   # here", "shape.p.is.gone", "", "p"),
        ("\tgone", "", "", "gone"),
        ("a = [1, 'It''s']", "", "no good at column 5", "["),
        ("", "field", "", ""),
    ],
)
def test_the_key_is_found_on_its_line(line: str, path: str, text: str, marked: str) -> None:
    begin, end = columns(line, Complaint("f:1", path, text))
    assert line[begin - 1 : end - 1] == marked
    if marked == "x":
        assert begin == 13


@pytest.fixture
def checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Any:
    folder = tmp_path / "mine" / NAME
    folder.mkdir(parents=True)
    (folder / "request.toml").write_text(TABLES)
    monkeypatch.chdir(tmp_path)

    def run(*argv: str) -> str:
        assert main.main(["mappings", "check", "mine", "--no-cases", *argv]) == 1
        return capsys.readouterr().out

    return run


def test_a_check_says_it_in_every_form(checked: Any, tmp_path: Path) -> None:
    file = f"mine/{NAME}/request.toml"
    (one,) = json.loads(checked("--format", "json"))["findings"]
    assert one["where"] == f"{file}:3"
    assert one["path"] == "field.top_k.mxa"
    assert (one["file"], one["line"], one["column"], one["end_column"]) == (file, 3, 1, 6)
    assert one["suggest"] == "max"
    assert checked("--json") == checked("--format", "json")

    text = checked("--format", "github")
    assert text.startswith(
        f"::error file={file},line=3,col=1,endColumn=6,title=aisix mappings::field.top_k.mxa: "
    )

    (published,) = json.loads(checked("--format", "lsp"))
    assert published["uri"] == (tmp_path / file).as_uri()
    (row,) = published["diagnostics"]
    assert row["range"] == {
        "start": {"line": 2, "character": 0},
        "end": {"line": 2, "character": 5},
    }
    assert row["data"] == {"suggest": "max"}


def test_a_note_is_a_warning_at_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no reason to fail, and whoever edits sees it all the same."""
    folder = tmp_path / "mine" / NAME
    folder.mkdir(parents=True)
    (folder / "request.toml").write_text("[field.top_k]\nwhen = { stream = true }\n")
    monkeypatch.chdir(tmp_path)
    said = {}
    for form in ("json", "github", "lsp"):
        argv = ["check", "mine", "--no-cases", "--format", form]
        assert main.main(["mappings", *argv]) == 0, form
        said[form] = capsys.readouterr().out
    (note,) = json.loads(said["json"])["notes"]
    assert (note["file"], note["line"], note["column"]) == (f"mine/{NAME}/request.toml", 2, 1)
    assert said["github"].startswith(f"::warning file={note['file']},line=2,col=1,")
    ((row,),) = (one["diagnostics"] for one in json.loads(said["lsp"]))
    assert (row["severity"], row["message"]) == (2, note["message"])


def test_a_command_to_github_cannot_be_broken_out_of() -> None:
    one = {"file": "a,b:c", "line": 1, "column": 1, "end_column": 2, "where": "", "path": "p"}
    said = github([{**one, "message": "x\n::set-env name=a::b %"}])
    assert said == (
        "::error file=a%2Cb%3Ac,line=1,col=1,endColumn=2,title=aisix mappings::"
        "p: x%0A::set-env name=a::b %25\n"
    )


def test_characters_are_those_of_utf16(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('"😀" = 1\nx = { "😀" = 1, y = 2 }\n')
    finder = Finder([tmp_path])
    (published,) = finder.published([Complaint(f"{tmp_path.name}/a.toml:2", "x.y", "no")])
    start = published["diagnostics"][0]["range"]["start"]
    assert start == {"line": 1, "character": 16}
    assert finder.found(Complaint(f"{tmp_path.name}/a.toml:2", "x.y", "no"))["column"] == 16


def test_what_stands_in_no_file_is_told_all_the_same() -> None:
    one = Finder([ROOT / "mappings"]).found(Complaint("", "", "nothing there"))
    assert (one["file"], one["line"], one["message"]) == ("", 1, "nothing there")
    assert github([one]) == "::error title=aisix mappings::nothing there\n"
    shipped = Finder([ROOT / "mappings"]).found(Complaint(f"mappings/{NAME}/values.toml:1", "", ""))
    assert (
        Path(shipped["file"]).read_bytes() == (ROOT / f"mappings/{NAME}/values.toml").read_bytes()
    )


def test_the_problem_matcher_of_the_docs_reads_what_is_said() -> None:
    text = (ROOT / "docs" / "editor.md").read_text()
    (task,) = json.loads(text.partition("```json\n")[2].partition("```")[0])["tasks"]
    pattern = task["problemMatcher"]["pattern"]
    one = Finder([ROOT / "mappings"]).found(
        Complaint(f"mappings/{NAME}/values.toml:1", "a.b", "no: that")
    )
    for how in ("error", "warning"):
        match = re.search(pattern["regexp"], github([one], how).rstrip())
        assert match
        assert match[pattern["severity"]] == how
        assert match[pattern["line"]] == "1"
        assert match[pattern["message"]] == "a.b: no: that"
        assert match[pattern["file"]] == one["file"]


def test_a_folder_called_as_ours_is_not_taken_for_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mappings" / NAME
    folder.mkdir(parents=True)
    (folder / "values.toml").write_text("[a]\nx = = 3\n")
    monkeypatch.chdir(tmp_path)
    assert main.main(["mappings", "check", "mappings", "--no-cases", "--format", "json"]) == 1
    (one,) = json.loads(capsys.readouterr().out)["findings"]
    assert (one["file"], one["line"]) == (f"mappings/{NAME}/values.toml", 2)
    assert (one["column"], one["end_column"]) == (5, 6)
