"""A proof holds for exactly what it was made of: anything that could matter makes another one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from aisix.mapping.mappings import Mapping, load_mappings
from aisix.mapping.parse.files import read_folders
from aisix.mapping.verify import kept as kept_module
from aisix.mapping.verify import proofs as module
from aisix.mapping.verify.case_index import CaseEntry
from aisix.mapping.verify.kept import Kept
from aisix.mapping.verify.proofs import AGREE, THOROUGH, Proofs, of_files
from tests.mapping.laid import NAME, SHIPPED, laid

REQUEST = CaseEntry("", "x", {"model": "claude-opus-5-5"}, ("upstream-request.json",), "1")
ANSWER = CaseEntry("", "x", {"model": "claude-opus-5-5"}, ("upstream-response.json",), "1")


def changed(tmp_path: Path, file: str, text: str) -> Mapping:
    return load_mappings([SHIPPED, laid(tmp_path, {file: text})]).mappings[NAME]


@pytest.mark.parametrize(
    "file, text, request_too, answer_too",
    (
        ("request.toml", "[field.max_tokens]\ndefault = 1\n", True, True),
        ("values.toml", '[stop_reason]\nrefusal = "stop"\n', True, True),
        ("answer.toml", '[usage]\nx = { value = 1 }\n', False, True),
        ("errors.toml", '[status]\nodd = 418\n', False, True),
        ("traits/no-sampling.toml", "[request.field.x]\nvalue = 1\n", True, True),
        ("traits/no-effort.toml", "[request.field.x]\nvalue = 1\n", False, False),
        ("models.toml", "[model.opus-5-5]\nmax_tokens = 7\n", True, True),
        ("models.toml", "[model.opus-5]\nmax_tokens = 7\n", False, False),
        ("mapping.toml", '[upstream]\npath = "/x"\n', True, True),
        ("mapping.toml", "[option.auto_cache]\ndefault = true\n", True, True),
    ),
)  # fmt: skip
def test_of_a_case(
    file: str, text: str, request_too: bool, answer_too: bool, tmp_path: Path
) -> None:
    proofs = Proofs(Kept(None))
    before, after = load_mappings([SHIPPED]).mappings[NAME], changed(tmp_path, file, text)
    for entry, other in ((REQUEST, request_too), (ANSWER, answer_too)):
        one, two = (proofs.of_case(entry, mapping, AGREE) for mapping in (before, after))
        assert (one != two) is other


def test_of_the_case_itself_and_of_how() -> None:
    proofs, mapping = Proofs(Kept(None)), load_mappings([SHIPPED]).mappings[NAME]
    other = CaseEntry("", "x", REQUEST.about, REQUEST.files, "2")
    names = {
        proofs.of_case(REQUEST, mapping, AGREE),
        proofs.of_case(REQUEST, mapping, THOROUGH),
        proofs.of_case(other, mapping, AGREE),
    }
    assert len(names) == 3


def test_of_a_mapping(tmp_path: Path) -> None:
    """All files it is made of up to a folder: those of other mappings are not among them."""
    proofs = Proofs(Kept(None))
    text = "# nothing\n"
    mappings = load_mappings([SHIPPED, laid(tmp_path, {"answer.toml": text})])
    alone = load_mappings([SHIPPED])
    for name, mapping in mappings.mappings.items():
        assert proofs.of_mapping(mappings, mapping, 0) == proofs.of_mapping(
            alone, alone.mappings[name], 0
        )
        same = proofs.of_mapping(mappings, mapping, 1) == proofs.of_mapping(mappings, mapping, 0)
        assert same is (name != NAME)  # who borrows rows of models has those alone


def test_they_are_kept_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept(tmp_path)
    proofs = Proofs(kept)
    proofs.add("a")
    proofs.save()
    assert Proofs(kept).known("a")
    monkeypatch.setattr(module, "MOST_PROOFS", 2)
    proofs.add("b")
    proofs.add("c")
    proofs.save()
    assert [Proofs(kept).known(name) for name in "abc"] == [False, True, True]


def test_another_engine_has_shown_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept(tmp_path)
    proofs = Proofs(kept)
    proofs.add("a")
    proofs.save()
    other: Callable[[], str] = lambda: "other"  # noqa: E731
    monkeypatch.setattr(module, "engine", other)
    assert not Proofs(kept).known("a")
    assert kept_module.engine() != "other"


def test_of_files(tmp_path: Path) -> None:
    site = laid(tmp_path, {"values.toml": '[stop_reason]\nrefusal = "stop"\n'})
    before = of_files(read_folders([SHIPPED, site]))
    assert before
    assert before == of_files(read_folders([SHIPPED, site])) != of_files(read_folders([SHIPPED]))
    laid(tmp_path, {"answer.toml": "\n"})  # a file without a word is a complaint
    assert of_files(read_folders([SHIPPED, site])) == ""
    os.unlink(site / NAME / "answer.toml")
    laid(tmp_path, {"cases/x/case.toml": "reason = 'x'\n"})  # just written
    assert of_files(read_folders([SHIPPED, site])) == ""
