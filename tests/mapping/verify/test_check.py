"""A check does what an overlay touches and nothing twice, and says what it left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisix.mapping.mappings import load_mappings
from aisix.mapping.verify.check import Checker
from aisix.mapping.verify.coverage import EACH
from aisix.mapping.verify.kept import Kept
from tests.mapping.laid import NAME, SHIPPED, laid

VALUE = {"request.toml": "[field.max_tokens]\ndefault = 5000\n"}


def checked(site: Path, kept: Kept | None = None) -> tuple[Checker, list[str]]:
    """Over shipped tables as a release has them, which hold."""
    checker = Checker(kept, released=True)
    return checker, [str(finding) for finding in checker.folders([SHIPPED, site])]


def test_an_overlay_costs_what_it_touches_and_once(tmp_path: Path) -> None:
    site, kept = laid(tmp_path, VALUE), Kept(tmp_path / "kept")
    first, found = checked(site, kept)
    assert found == []
    assert 0 < first.ran <= EACH
    assert 0 < first.built < 4
    assert any("more cases" in text for text in first.left_out)
    again, found = checked(site, kept)
    assert (found, again.ran, again.built) == ([], 0, 0)
    assert again.left_out == first.left_out
    laid(tmp_path, {"request.toml": "[field.max_tokens]\ndefault = 5001\n"})
    other, found = checked(site, kept)
    assert (found, other.ran, other.built) == ([], first.ran, first.built)


def test_a_folder_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    checker, found = checked(tmp_path / "nowhere")
    assert (found, checker.built) == ([f"{tmp_path / 'nowhere'}: no such folder"], 0)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("openai-chat/anthropic-mesages/request.toml", '(did you mean "anthropic-messages"?)'),
        ("openai-chat/request.toml", "stands at the wrong place"),
        (f"{NAME}/request/deep/er.toml", "stands at the wrong place"),
        (f"{NAME}/reqest.toml", '(did you mean "request.toml"?)'),
        ("openai-caht/caller.toml", ""),
    ],
)
def test_a_misplaced_file_is_told_without_building_what_nobody_wrote(
    path: str, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "mine" / path
    file.parent.mkdir(parents=True)
    file.write_text("[field.x]\nvalue = 1\n")
    checker, found = checked(tmp_path / "mine", Kept(None))
    assert [text for text in found if said in text]
    assert checker.built == 0


def test_a_variant_costs_what_it_changes(tmp_path: Path) -> None:
    text = 'format = 1\nlike = "anthropic-messages"\ntitle = "a variant"\n'
    site = laid(tmp_path, {"mapping.toml": text}, "openai-chat/variant")
    checker, found = checked(site)
    assert found == []
    assert checker.built < 4


FAULTS = {
    "a shape nobody uses": ({"request.toml": '[shape.mine]\nx = "a"\n'}, "nothing uses it"),
    "a name there is not": ({"request.toml": '[field.x]\nfrom = "$let.nope"\n'}, "no [let]"),
    "in a trait": (
        {"traits/one-sampler.toml": '[request.field.x]\nfrom = "$let.nope"\n'},
        "no [let]",
    ),
    "a table without other words": (
        {
            "values.toml": '[mine]\na = "b"\n',
            "request.toml": '[field.x]\nfrom = "model"\ntable = "mine"\n',
        },
        '"*"',
    ),
    "a case that does not hold": (
        {
            "cases/mine/case.toml": "reason = 'ours'\nmodel = 'claude-opus-5-5'\n",
            "cases/mine/upstream-request.json": '{"max_tokens": 1}',
        },
        "expected 1, found 128000",
    ),
    "a case that cannot be read": ({"cases/mine/case.toml": "reson = 'ours'\n"}, "did you mean"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_is_found_and_never_kept_as_right(name: str, tmp_path: Path) -> None:
    files, expected = FAULTS[name]
    site, kept = laid(tmp_path, files), Kept(tmp_path / "kept")
    for _ in range(2 if "case" in name else 1):  # the others take seconds
        _, found = checked(site, kept)
        assert any(expected in text for text in found), found


IDLE = {
    "beside what wins": (
        {"request.toml": "[shape.part.is.image_url]\nreject = 'missing'\n"},
        "never acts: `use`",
    ),
    "beside what wins, in a trait": (
        {"traits/mine.toml": "[request.field.x]\nfrom = 'user'\nmax = 1\npolicy = 'drop'\n"},
        "never acts: `policy`",
    ),
    "without what it needs": (
        {"request.toml": "[field.x]\nvalue = 1\ndefault = 2\n"},
        "means nothing without `from`",
    ),
    "taken away, though it is not there": (
        {"request.toml": "[field.gone]\ndrop = true\n"},
        'nothing "gone" to take away',
    ),
    "brought back, though nothing took it": (
        {"request.toml": "[field.max_tokens]\ndrop = false\n"},
        "nothing takes this away",
    ),
    "behind a row that always holds": (
        {
            "request.toml": "[field.x.first.a]\nvalue = 1\n[field.x.first.b]\nvalue = 2\n",
        },
        "never reached",
    ),
    "of another type": (
        {"request.toml": "[accept]\nuser = { type = 'string', range = [1, 3] }\n"},
        "never acts: user is string",
    ),
    "a fact no rule reads": ({"models.toml": "[model.opus-5]\nzzz = 4\n"}, "no rule reads"),
    "a row behind another": (
        {"models.toml": "[model.mine]\nmatch = ['opus-5']\n"},
        "each prefix has one row",
    ),
    "a place where nothing is tried in order": (
        {"request.toml": "[field.x]\nvalue = 1\nbefore = 'max_tokens'\n"},
        "not tried or run in order",
    ),
}


def test_beside_a_folder_that_is_not_there_nothing_is_said_of_another(tmp_path: Path) -> None:
    site = laid(tmp_path, FAULTS["a name there is not"][0])
    checker = Checker(Kept(None), released=True)
    found = checker.folders([SHIPPED, site, tmp_path / "nowhere"])
    assert [str(one) for one in found] == [f"{tmp_path / 'nowhere'}: no such folder"]
    assert checker.built == 0


def test_a_key_that_does_nothing_keeps_no_case_from_being_run(tmp_path: Path) -> None:
    idle, case = IDLE["taken away, though it is not there"], FAULTS["a case that does not hold"]
    site = laid(tmp_path, idle[0] | case[0])
    checker = Checker(Kept(None), released=True, serving=True)
    assert any(case[1] in str(one) for one in checker.folders([SHIPPED, site]))
    assert any(idle[1] in str(one) for one in checker.warnings)


@pytest.mark.parametrize("name", IDLE)
def test_a_key_that_does_nothing_is_a_finding_and_for_a_gateway_a_warning(
    name: str, tmp_path: Path
) -> None:
    files, told = IDLE[name]
    site = laid(tmp_path, files)
    _, found = checked(site)
    assert any(told in line for line in found), found
    assert any(line.startswith("mine/") for line in found)
    serving = Checker(with_cases=False, released=True, serving=True)
    assert serving.folders([SHIPPED, site]) == []
    assert [str(one) for one in serving.warnings] == found
    load_mappings([SHIPPED, site])  # a start
