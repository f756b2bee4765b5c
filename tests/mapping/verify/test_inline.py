"""What an alias's own tables say is complained about as a file of a site is."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from aisix.config.shipped import shipped_mappings
from aisix.mapping.mappings import Mapping, load_mappings
from aisix.mapping.parse.inline import read_inline
from aisix.mapping.verify.inline import misfits

MODEL = "claude-opus-5-5"


@cache
def mapping() -> Mapping:
    return load_mappings([shipped_mappings()]).mappings["openai-chat/anthropic-messages"]


def found(text: str) -> list[str]:
    return [str(one) for one in misfits(mapping(), MODEL, None, {}, (), read_inline([text]))]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[request.field.max_tokens]\nmaxx = 4\n", 'overlay:2: field.max_tokens.maxx: unknown key (did'),
        ("[request.feild.x]\nvalue = 4\n", 'overlay:1: feild: unknown key (did you mean "field"?)'),
        ("[request.shape.mine]\na = { from = 'b' }\n", "overlay:1: request.shape.mine: nothing uses it"),
        ("[values.mine]\na = 'b'\n'*' = 'c'\n", "overlay:1: values.mine: nothing uses it"),
        ("[request.field.max_tokns]\ndrop = true\n", "there is nothing here to take away (did you mean "
                                                     '"max_tokens"?)'),
        ("[request.shape.part]\ndrop = true\n", 'overlay:2: shape.part.drop: it is still asked for'),
        ("[request.field.limit]\nmax = 4\n", "overlay:2: field.limit.max: no source stands beside it"),
        ("[errors.upstream.mine]\nbefore = 'nobody'\nstatus = 500\n", 'no row "nobody" here'),
    ],
)  # fmt: skip
def test_a_slip(text: str, told: str) -> None:
    assert told in found(text)[0]


def test_a_good_one_is_one_more_layer_and_the_cache_knows_it() -> None:
    laid = read_inline(["[request.field.max_tokens]\nmax = 7\n"])
    assert misfits(mapping(), MODEL, None, {}, (), laid) == []
    tables = mapping().effective(MODEL, overlays=laid)
    assert tables.overlays == laid
    assert tables is mapping().effective(
        MODEL, overlays=read_inline(["[request.field.max_tokens]\nmax = 7\n"])
    )
    assert tables.tree.data["request"]["field"]["max_tokens"]["max"] == 7
    assert mapping().effective(MODEL).tree.data["request"]["field"]["max_tokens"]["max"] != 7
    assert tables.tree.where(("request", "field", "max_tokens", "max")) == "overlay:2"


def test_one_for_another_mapping_changes_nothing_here() -> None:
    laid = read_inline(['for = "anthropic-messages"\n[request.field.nope]\nmaxx = 1\n'])
    assert misfits(mapping(), MODEL, None, {}, (), laid) == []
    assert mapping().effective(MODEL, overlays=laid) is mapping().effective(MODEL)


def test_the_tables_that_are_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aisix.mapping.effective.MOST_EFFECTIVE", 3)
    mine = load_mappings([shipped_mappings()]).mappings["openai-chat/anthropic-messages"]
    first = mine.effective(MODEL)
    for number in range(4):
        mine.effective(
            MODEL, overlays=read_inline([f"[request.field.max_tokens]\nmax = {number}\n"])
        )
        assert mine.effective(MODEL) is first  # what is used stays
    assert len(mine._effective) == 3


def test_what_other_tables_have_taken_away_is_not_there_to_be_changed(tmp_path: Path) -> None:
    site = tmp_path / "site" / "openai-chat" / "anthropic-messages"
    site.mkdir(parents=True)
    (site / "request.toml").write_text("[field.max_tokens]\ndrop = true\n")
    mine = load_mappings([shipped_mappings(), tmp_path / "site"]).mappings[mapping().name]
    laid = read_inline(["[request.field.max_tokens]\nmax = 7\n"])
    [told] = misfits(mine, MODEL, None, {}, (), laid)
    assert (told.where, told.path) == ("overlay:1", "request.field.max_tokens")
    assert told.text == "is taken away by the tables below it: drop = false brings it back"
    laid = read_inline(["[request.field.max_tokens]\nmax = 7\ndrop = false\n"])
    assert misfits(mine, MODEL, None, {}, (), laid) == []
