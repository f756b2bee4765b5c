"""Which cases are run, in which forms, and what is told of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisix.config.shipped import shipped_mappings
from aisix.mapping.mappings import Mapping, load_mappings
from aisix.mapping.verify import case_runs, cases
from aisix.mapping.verify.both_forms import FormsDiffer, Tried
from aisix.mapping.verify.case_runs import EVERY, MOST_ALIKE, CaseRuns
from aisix.mapping.verify.coverage import EACH
from aisix.mapping.verify.kept import Kept
from aisix.mapping.verify.proofs import Proofs

PAIR = "openai-chat/anthropic-messages"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """(name, whether in every form) of cases that were run with later folders; they are not."""
    names: list[tuple[str, bool]] = []

    def noted(case: cases.Case, _: object) -> list[str]:
        names.append((case.name, False))
        return []

    def noted_whole(case: cases.Case, _: object) -> Tried:
        names.append((case.name, True))
        return [], None

    monkeypatch.setattr(case_runs, "breaks", noted)
    monkeypatch.setattr(case_runs, "both_forms_agree", noted_whole)
    return names


def test_of_an_overlay_some_cases_rule_by_rule_and_the_rest_is_told(
    tmp_path: Path, run: list[tuple[str, bool]]
) -> None:
    file = tmp_path / "site" / PAIR / "request.toml"
    file.parent.mkdir(parents=True)
    file.write_text("[field.max_tokens]\ndefault = 4000\n")
    mappings = load_mappings([shipped_mappings(), tmp_path / "site"])
    proofs = Proofs(Kept(None))
    some = len(range(0, EACH, EVERY))
    for serving, alone in ((False, EACH), (False, EACH), (True, EACH - some)):
        runs = CaseRuns(proofs, Kept(None), False, released=True, processes=1, serving=serving)
        assert list(runs.findings(mappings)) == []
        assert runs.left_out[-1] == f"the compiled form of {alone} cases that meet it"
    # Told again when nothing is left to do; before it serves, some in every form.
    assert [thorough for _, thorough in run] == [False] * EACH + [True] * some


def test_nothing_is_proven_by_cases_that_show_a_bug_of_which_a_few_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(case: cases.Case, mapping: Mapping) -> Tried:
        parts = ("request",)
        return [], FormsDiffer(mapping.name, mapping.digest, case.name, parts, (), {}, {}, {})

    monkeypatch.setattr(case_runs, "both_forms_agree", bug)
    for number in range(MOST_ALIKE + 1):
        case = tmp_path / "site" / PAIR / f"cases/{number}/case.toml"
        case.parent.mkdir(parents=True)
        case.write_text("reason = 'ours'\nwarnings = ''\n")
    mappings = load_mappings([shipped_mappings(), tmp_path / "site"])
    proofs = Proofs(Kept(None))
    for _ in range(2):
        runs = CaseRuns(proofs, Kept(None), thorough=True, released=True, processes=1)
        assert list(runs.findings(mappings)) == []
        assert (runs.ran, len(runs.bugs)) == (MOST_ALIKE + 1, MOST_ALIKE)
        assert not runs.held(mappings, 1)


def test_a_case_of_the_site_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    case = tmp_path / "site" / PAIR / "cases/broken/case.toml"
    case.parent.mkdir(parents=True)
    case.write_text("reason = [")
    mappings = load_mappings([shipped_mappings(), tmp_path / "site"])
    runs = CaseRuns(Proofs(Kept(None)), Kept(None), thorough=False, released=True, processes=1)
    assert not runs.held(mappings, 1)
    (found,) = runs.findings(mappings)
    assert found.where.startswith(f"site/{PAIR}/cases/broken/case.toml")
