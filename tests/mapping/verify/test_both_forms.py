"""Where compiled tables and their rules differ it is our bug: told whole, and the rules serve."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from aisix.cli import doctor
from aisix.cli.doctor import FAULT, check
from aisix.cli.main import main
from aisix.cli.mappings import test as mapping_tests
from aisix.config.settings import load_settings
from aisix.mapping.compile.plain import PlainCompiler
from aisix.mapping.compile.request import RequestCompiler
from aisix.mapping.compile.stream import StreamCompiler
from aisix.mapping.exchange import Exchange, ResolvedModel
from aisix.mapping.mappings import Mapping, Mappings, load_mappings
from aisix.mapping.verify import cases
from aisix.mapping.verify.both_forms import by_rules, differ, keep, known_to_differ
from aisix.mapping.verify.check import Checker
from aisix.mapping.verify.kept import Kept
from aisix.standin.server import Standin
from tests.mapping.laid import NAME, SHIPPED, laid
from tests.running import Running

# The mistake of `planted`, for every Python process that has the folder of this file on its path.
PLANT = """
from aisix.mapping.compile import request
said = request.RequestCompiler.source
changed = lambda self: said(self).replace("'by the rules'", "'by a mistake'")
request.RequestCompiler.source = changed
"""

REQUEST = {"request.toml": '[field]\nplanted = "by the rules"\n'}
ANSWERS = {"answer.toml": '[chunk.text]\nplanted = "by the rules"\n'}
WHOLE = {"answer.toml": '[message]\nplanted = "by the rules"\n'}


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake of ours: a compiled form says otherwise what the tables call "by the rules"."""

    def mistaken(said: Any) -> Any:
        return lambda self: said(self).replace("'by the rules'", "'by a mistake'")

    for compiler in (RequestCompiler, StreamCompiler, PlainCompiler):
        monkeypatch.setattr(compiler, "source", mistaken(compiler.source))


@pytest.mark.parametrize(
    ("files", "part"), [(REQUEST, "request"), (ANSWERS, "stream"), (WHOLE, "plain")]
)
@pytest.mark.usefixtures("planted")
def test_it_is_no_finding_and_its_reproduction_is_whole(
    files: dict[str, str], part: str, tmp_path: Path
) -> None:
    kept = Kept(tmp_path / "kept")
    folders = [SHIPPED, laid(tmp_path, files)]
    for _ in range(2):  # it is told again: nothing was shown
        checker = Checker(kept, released=True, serving=True)
        assert checker.folders(folders) == []
        assert checker.bugs
        bug = checker.bugs[0]
        assert (bug.mapping, bug.parts) == (NAME, (part,))
        told = bug.told()
        assert "by the rules" in str(told["by_rules"][part])
        assert "by a mistake" in str(told["compiled"][part])
        assert told["case_files"]["case.toml"]
        assert told["versions"].keys() == {"aisix", "engine", "tables", "python"}
        assert "bug in aisix" in str(bug) and "by a mistake" in str(bug) and "report" in str(bug)
    mappings = load_mappings(folders)
    differs = known_to_differ(kept, mappings.digest)
    assert differs == by_rules((b.mapping, b.parts) for b in checker.bugs) == {NAME: [part]}
    mappings.run_by_rules(differs)
    assert mappings.differs == differs
    if part == "request":
        assert sent(mappings) == ("by the rules", [("request", "differs")])


def test_a_form_that_breaks_is_told_with_what_it_broke(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swallowed: list[Exception]
) -> None:
    said = RequestCompiler.source
    changed = lambda self: said(self).replace("'by the rules'", "(1 // 0)")  # noqa: E731
    monkeypatch.setattr(RequestCompiler, "source", changed)
    checker = Checker(Kept(None), released=True, serving=True)
    assert checker.folders([SHIPPED, laid(tmp_path, REQUEST)]) == []
    bug = checker.bugs[0]
    assert "request" in bug.parts
    assert bug.where[0].startswith("request: the compiled form broke with ZeroDivisionError: ")
    assert {type(one) for one in swallowed} == {ZeroDivisionError}
    swallowed.clear()


def test_a_stream_that_comes_out_otherwise_in_pieces_is_one_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mapping = load_mappings([SHIPPED]).mappings[NAME]
    (case,) = cases.of_folder(SHIPPED, NAME, 0, ["answer-text"])
    stream = cases.stream

    def cut(case: cases.Case, mapping: Mapping, pieces: list[bytes], **more: Any) -> bytes:
        return stream(case, mapping, pieces, **more)[: -1 if len(pieces) > 1 else None]

    assert differ(case, mapping) is None
    monkeypatch.setattr(cases, "stream", cut)
    bug = differ(case, mapping)
    assert bug is not None and bug.parts == ()
    assert bug.where[0] == "stream fed byte by byte"
    assert "the stream in pieces of" in str(bug)


def test_what_is_known_to_differ_is_never_less_than_before(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "kept")
    keep(kept, "d", {"a": ["plain"]})
    keep(kept, "d", {"a": ["stream"], "b": ["request"]})
    assert known_to_differ(kept, "d") == {"a": ["plain", "stream"], "b": ["request"]}
    assert known_to_differ(kept, "other") == {}


def sent(mappings: Mappings) -> tuple[str, list[tuple[str, str]]]:
    mapping = mappings.mappings[NAME]
    target = ResolvedModel("a", mapping.example())
    tables = mapping.effective(mapping.example())
    talk = Exchange(tables, mapping.caller, target, now=1, new_id=lambda: "0")
    made = json.loads(talk.request(dict(mapping.caller.sample)).body)
    return made["planted"], [(part, reason) for part, reason, _ in talk.take_fallbacks()]


@pytest.mark.usefixtures("planted")
def test_the_commands_and_the_doctor_tell_it_and_refuse_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for room in (doctor, mapping_tests):  # of a release, whose own tables are known to be good
        monkeypatch.setattr(room, "Checker", partial(Checker, released=True))
    site = laid(
        tmp_path,
        {
            **REQUEST,
            "cases/mine/case.toml": "reason = 'ours'\nmodel = 'claude-opus-5-5'\n",
            "cases/mine/upstream-request.json": "{}",
        },
    )
    settings = tmp_path / "config.yaml"
    settings.write_text(f"mappings: [{site}]\n")
    asked = ["mappings", "test", "--dir", str(site), "mine"]
    main([*asked, "--accept"])
    capsys.readouterr()
    assert main([*asked, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["failed"] == [] and len(told["bugs"]) == 1
    assert main(["mappings", "check", str(site)]) == 0
    assert "bug in aisix" in capsys.readouterr().out
    found = check(load_settings(str(settings), {"AISIX_DATA_DIR": str(tmp_path / "data")}))
    assert [one for one in found if one.level == FAULT] == []
    assert any("bug in aisix" in one.text for one in found)


def test_a_reload_takes_the_tables_over_and_the_rules_serve(
    tmp_path: Path, standin: Standin
) -> None:
    (tmp_path / "plant").mkdir()
    (tmp_path / "plant" / "sitecustomize.py").write_text(PLANT)
    site = laid(tmp_path, {"values.toml": "# none yet\n"})
    where = {"PYTHONPATH": f"{SHIPPED.parent}:{tmp_path / 'plant'}"}
    series = (
        f'aisix_translation_fallbacks_total{{mapping="{NAME}",part="request",reason="differs"}}'
    )
    with Running(tmp_path / "gateway", {"mappings": [str(site)]}, where) as gateway:
        gateway.set_up(standin.url, {"claude-prod": {"model_name": "claude-opus-5-5"}})
        gateway.allow("claude-prod")
        laid(tmp_path, REQUEST)
        told = gateway.admin("POST", "mappings/reload").json
        assert told["ok"] and "by a mistake" in told["bugs"][0]["compiled"]["request"], told
        status = gateway.admin("GET", "status").json["mappings"]
        assert status["by_rules"] == {NAME: ["request"]}
        assert "bug in aisix" in status["last_reload"]["bugs"][0]
        assert "bug in aisix" in gateway.log
        gateway.ask("planted?")
        assert gateway.metrics()[series] == 1
        gateway.restart()
        assert gateway.admin("GET", "status").json["mappings"]["by_rules"] == {NAME: ["request"]}
